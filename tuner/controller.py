"""The controller: one round over all unfinished jobs of a home.

`step` takes in what running jobs have to say, starts trials in free slots, and ends tuning jobs whose limits are
reached. It holds nothing that does not follow from the store: a new controller goes on where the last one stopped.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Protocol

from contracts.jobs import JobKind, JobStatus, ObjectiveStatus, SecondaryStatus, StopReason
from contracts.resources import hosts_from_request
from contracts.tuning import CompletionCriteria
from tuner.errors import EngineUnreachable, ResourceNotFound, TunerError
from tuner.hopelessness import nothing_succeeded, why_hopeless
from tuner.jobs.runner import JobRunner
from tuner.jobs.sizing import gpu_count
from tuner.memory import TuningMemory, criteria_of
from tuner.profile import HostProfile
from tuner.search.completion import is_complete
from tuner.search.learning_curves import Course
from tuner.search.stopping_report import Rule
from tuner.stopping import Courses, places_of, rule_of
from tuner.store.records import (
    JobRecord,
    TrainingJobRecord,
    TuningJobRecord,
    in_order_of_ending,
    in_places,
    values_as_they_came,
)
from tuner.store.sqlite_store import Store
from tuner.suggestions import NextTrials


class KindRunner(Protocol):
    """Runs the jobs of one kind, a little at each step."""

    def begin_round(self) -> None:
        """What there is to do before the jobs are stepped; does not wait."""
        ...

    def step(self, job: JobRecord) -> None:
        """Do what there is to do for an unfinished job; does not wait."""
        ...

    def close(self) -> None:
        """Let go of all jobs."""
        ...


class Controller:
    """Works the jobs of one home. One object belongs to one thread, and holds the home's lock.

    `others` run the jobs that are neither training jobs nor tuning jobs.
    """

    def __init__(
        self,
        store: Store,
        runner: JobRunner,
        profile: HostProfile,
        clock: Callable[[], float],
        others: Mapping[JobKind, KindRunner] | None = None,
    ) -> None:
        self._store = store
        self._runner = runner
        self._profile = profile
        self._clock = clock
        self._others = others or {}
        self._judged: dict[str, int] = {}  # how many reports of a trial have been judged for early stopping
        self._memories: dict[str, TuningMemory] = {}
        self._courses: dict[str, Courses] = {}

    def step(self, *, begin: bool = True) -> None:
        """One round over all unfinished jobs. It does not wait.

        Without `begin`, no container is started: what runs is led to its end. Raises EngineUnreachable where no engine
        answers: nothing is lost, the next step goes on.
        """
        self._step_jobs(begin=begin)
        unfinished = self._store.unfinished_training_jobs()
        running = Counter(job.tuning_job for job in unfinished)
        tuning_jobs = self._store.tuning_jobs(unfinished=True)
        self._forget_all_but({job.name for job in tuning_jobs})
        for tuning_job in tuning_jobs:
            if any(rule_of(tuning_job, definition) for definition in tuning_job.spec.definitions):
                self._stop_early(tuning_job, [job for job in unfinished if job.tuning_job == tuning_job.name])
            # As long as all slots are taken nothing can change, and reading thousands of trials can be left.
            if running[tuning_job.name] < tuning_job.spec.max_parallel_training_jobs or self._is_to_end(tuning_job):
                self._step_tuning_job(tuning_job, begin=begin)

    def wait(self, seconds: float) -> None:
        """Wait until a running job has something to say, at most `seconds`."""
        self._runner.activity.pause(seconds)

    def finish_epochs(self) -> bool:
        """Begin no further epoch of a Pipe channel; return whether a container is still reading one."""
        return self._runner.finish_epochs()

    def close(self) -> None:
        """Stop following; containers go on."""
        self._runner.close()
        for other in self._others.values():
            other.close()

    def _forget_all_but(self, tuning_jobs: Collection[str]) -> None:
        self._memories = {name: memory for name, memory in self._memories.items() if name in tuning_jobs}
        self._courses = {name: courses for name, courses in self._courses.items() if name in tuning_jobs}

    def _step_jobs(self, *, begin: bool) -> None:
        """Step all jobs, also after one has found the engine away: each has to learn that what it waits for failed."""
        steps: list[Callable[[], None]] = [self._runner.begin_round]
        steps += [other.begin_round for other in self._others.values()]
        steps += [
            partial(self._runner.step, job)
            for job in self._store.unfinished_training_jobs()
            if begin or job.stop_reason is not None or job.status is not SecondaryStatus.PENDING
        ]
        steps += [
            partial(self._others[other.kind].step, other)
            for other in self._store.unfinished_jobs()
            if begin or other.start_time is not None or other.status is JobStatus.STOPPING
        ]
        away: EngineUnreachable | None = None
        for step in steps:
            try:
                step()
            except EngineUnreachable as error:
                away = away or error
        if away is not None:
            raise away

    def _step_tuning_job(self, job: TuningJobRecord, *, begin: bool) -> None:
        trials = self._store.trials(job.name)
        job, memory = self._take_in(job, trials)
        running = memory.running(trials)
        if job.status is JobStatus.STOPPING:
            self._stop_all(running)
            if not running:
                self._store.change_tuning_job_status(job.name, JobStatus.STOPPED, now=self._clock())
        elif self._is_out_of_time(job) or _reason(job, memory.criteria, memory.progress.reason) is not None:
            self._stop_all(running)
            if not running:
                self._end(job, trials)
        elif (reason := why_hopeless(job, trials, memory.lost)) is not None:
            self._stop_all(running)
            if not running:
                self._store.change_tuning_job_status(
                    job.name, JobStatus.FAILED, now=self._clock(), failure_reason=reason
                )
        elif begin:
            started = self._fill_slots(job, memory, trials, len(running))
            if not started and not running:
                self._end(job, trials)

    def _fill_slots(
        self, job: TuningJobRecord, memory: TuningMemory, trials: Sequence[TrainingJobRecord], running: int
    ) -> int:
        """Create trials until all slots are taken or there are no more; return how many."""
        spec = job.spec
        next_trials: NextTrials | None = None  # made when it is needed: it may read the trials of parents
        known = list(trials)
        created = 0
        while running + created < spec.max_parallel_training_jobs:
            if not _wants_more(job, known):
                break
            index = len(known) + 1
            next_trials = next_trials or memory.next_trials(self._store)
            suggested = next_trials.next(known)
            if suggested is None:
                break
            name = spec.training_job_name(index, _suffix(job, index))
            definition = suggested.definition
            resources = self._runner.provided(definition.resources)
            self._store.create_training_job(
                definition.training_job_request(name, suggested.tuned, list(job.request.get("Tags", ())), resources),
                now=self._clock(),
                gpu_count=gpu_count(self._profile, hosts_from_request(resources or {})),
                tuning_job=job.name,
                trial_index=index,
                tuned=suggested.tuned,
                definition_name=definition.name,
                place=suggested.place,
            )
            self._runner.step(self._store.training_job(name))
            known.append(self._store.training_job(name))  # read after the step: it may have failed at once
            created += 1
        return created

    def _take_in(
        self, job: TuningJobRecord, trials: Sequence[TrainingJobRecord]
    ) -> tuple[TuningJobRecord, TuningMemory]:
        """Remember what has ended, and record when a gain has become unlikely; return the job then.

        Convergence is looked for once after each trial that has ended. A trial is created after everything that had
        ended was looked at. So a controller that begins looks at what has ended since the last creation, and finds what
        another one would have found.
        """
        memory = self._memories.get(job.name)
        looked_after = _ended_before_the_last_creation(job, trials) if memory is None else len(memory)
        if memory is None or not memory.fits(job, trials):
            memory = self._memories[job.name] = TuningMemory(job, criteria_of(job, trials))
        for count in memory.take_in(trials):
            if (
                count > looked_after
                and job.convergence_detected_time is None
                and job.status is JobStatus.IN_PROGRESS
                and memory.outlook.has_converged(memory.next_trials(self._store))
            ):
                self._store.set_convergence_detected(job.name, self._clock())
                job = self._store.tuning_job(job.name)
        return job, memory

    def _stop_early(self, job: TuningJobRecord, running: Sequence[TrainingJobRecord]) -> None:
        """Stop the `running` trials that are not worth going on with, each as soon as it has reported a value."""
        fresh = [
            trial
            for trial in running
            if trial.stop_reason is None and _reports(trial, job.metric_of(trial)) > self._judged.get(trial.name, 0)
        ]
        if not fresh:
            return
        trials = self._store.trials(job.name)
        for definition in {trial.definition_name: job.definition_of(trial) for trial in fresh}.values():
            rule = rule_of(job, definition)
            if rule is None:
                continue
            places = places_of(job, definition, trials)
            courses = self._courses.setdefault(job.name, Courses(self._store, job)).of(definition, trials)
            for trial in fresh:
                if places.get(trial.name) in courses:
                    self._judge(trial, places[trial.name], courses, rule)

    def _judge(self, trial: TrainingJobRecord, place: int, courses: Mapping[int, Course], rule: Rule) -> None:
        """Ask for a trial's stop where a value that has not been judged yet is too weak.

        `place` is the trial's among those of its definition, which `courses` are of.
        """
        count = len(courses[place].curve)
        for epoch in range(self._judged.get(trial.name, 0) + 1, count + 1):
            if rule(courses, place, epoch):
                self._store.request_stop(trial.name, StopReason.EARLY_STOPPING, now=self._clock())
                break
        self._judged[trial.name] = count

    def _end(self, job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> None:
        succeeded = any(job.objective_status_of(trial) is ObjectiveStatus.SUCCEEDED for trial in trials)
        self._store.change_tuning_job_status(
            job.name,
            JobStatus.COMPLETED if succeeded or not trials else JobStatus.FAILED,
            now=self._clock(),
            failure_reason="" if succeeded or not trials else nothing_succeeded(len(trials)),
        )

    def _stop_all(self, running: Sequence[TrainingJobRecord]) -> None:
        for trial in running:
            self._store.request_stop(trial.name, StopReason.TUNING_JOB, now=self._clock())

    def _is_to_end(self, job: TuningJobRecord) -> bool:
        return job.status is JobStatus.STOPPING or self._is_out_of_time(job)

    def _is_out_of_time(self, job: TuningJobRecord) -> bool:
        limit = job.spec.max_runtime_seconds
        return limit is not None and self._clock() - job.begun_time > limit


def stop_job(store: Store, name: str, *, now: float) -> None:
    """Ask the job called `name` to stop: a tuning job, a training job, a processing job or a transform job.

    Where jobs of several kinds have the name, it is the first of them that has not ended. Raises ResourceNotFound, and
    TunerError with the service's own text for a job that has ended.
    """
    if any(job.name.lower() == name.lower() for job in store.tuning_jobs()):
        tuning_job = store.tuning_job(name)
        _refuse_ended("tuning", tuning_job.status)
        if tuning_job.status is not JobStatus.STOPPING:
            store.change_tuning_job_status(tuning_job.name, JobStatus.STOPPING, now=now)
        return
    others = [job for kind in (JobKind.PROCESSING, JobKind.TRANSFORM) for job in store.jobs(kind) if job.name == name]
    for other in others:
        if other.status is JobStatus.IN_PROGRESS:
            store.change_job_status(other.kind, name, JobStatus.STOPPING, now=now)
        if not other.is_finished:
            return
    try:
        job = store.training_job(name)
    except ResourceNotFound:
        if not others:
            raise
        _refuse_ended(str(others[0].kind), others[0].status)
    else:
        _refuse_ended("training", job.primary_status)
        store.request_stop(name, StopReason.USER, now=now)


def completion_reason(job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> str | None:
    """Why a tuning job is complete before its limits are reached; None where it is not."""
    objective = job.spec.definitions[0].objective  # whichever definition's: all have the same direction
    criteria = criteria_of(job, trials)
    return _reason(job, criteria, is_complete(criteria, values_as_they_came(job, trials), objective))


def _reason(job: TuningJobRecord, criteria: CompletionCriteria, of_values: str | None) -> str | None:
    """Why a job is complete by `criteria`, where its values say `of_values`."""
    if criteria.on_convergence and job.convergence_detected_time is not None:
        return "a gain of more than 1 % over the best value has become unlikely"
    return of_values


def _ended_before_the_last_creation(job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> int:
    last = max((trial.creation_time for trial in trials), default=0.0)
    return sum((trial.end_time or 0.0) <= last for trial in in_order_of_ending(job, trials))


def _wants_more(job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> bool:
    """Whether the limit on a tuning job's number of trials allows another one. What came to nothing does not count."""
    most = job.spec.max_training_jobs
    held = in_places(trials)
    return most is None or len(held) < most or sum(not job.is_void(trial) for trial in held) < most


def _reports(trial: TrainingJobRecord, metric: str) -> int:
    summary = trial.metrics.get(metric)
    return 0 if summary is None else summary.count


def _refuse_ended(kind: str, status: JobStatus) -> None:
    if status.is_terminal:
        raise TunerError(f"The request was rejected because the {kind} job is in status {status}.")


def _suffix(job: TuningJobRecord, index: int) -> str:
    """Eight hex digits that are the same whenever this trial of this job is named."""
    return hashlib.sha256(f"{job.name}/{job.creation_time}/{index}".encode()).hexdigest()[:8]
