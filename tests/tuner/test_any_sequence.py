"""Whatever happens to a home in whatever order, the invariants hold: the real store, runner and controller, generated.

Containers are programs that do what they are told: print, end, fail. Processes die between any two readings of the
clock, which is before every change of the store.
"""

import itertools
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from home_of_fakes import HomeOfFakes
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from job_requests import ACCURACY, tuning_request

from contracts.errors import IllegalTransition
from contracts.jobs import Interruption, JobStatus, SecondaryStatus, check_training_job_transition
from tuner.controller import stop_job
from tuner.engine.fake_container import FakeContainer
from tuner.engine.protocol import JOB_LABEL, ContainerStatus
from tuner.errors import EngineUnreachable, TunerError
from tuner.store.records import TrainingJobRecord, best_training_job, in_places
from tuner.suggestions import NextTrials

T = TypeVar("T")

GPUS = ("GPU-a", "GPU-b", "GPU-c")
METRIC = ACCURACY["Name"]
_MOST_JOBS = 3
#: Which of several things something happens to.
NUMBERS = st.integers(0, 999)
#: Enough rounds for whatever is left when a sequence is over.
_ROUNDS = 3000


class Killed(BaseException):
    """The process dies here; nothing of ours catches it."""


class MortalClock:
    """Tells the time, and at a given reading of it the process dies."""

    def __init__(self, start: float) -> None:
        self.now = start
        self.left: int | None = None

    def __call__(self) -> float:
        """The time now, in seconds since the epoch."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Killed
        return self.now


def one_of(which: int, options: Sequence[T]) -> T:
    """The option of this number, counted round.

    The number is drawn before anything else is asked: what there is to choose from may depend on which thread was
    faster, and what is drawn must not, or a sequence cannot be told again.
    """
    return options[which % len(options)]


def obeys(run: FakeContainer) -> Iterator[None]:
    """Does nothing by itself; saves and ends when it is asked to."""

    def save() -> int:
        run.write_model("saved")
        return 0

    run.on_signal("SIGTERM", save)
    while True:
        yield


class AnySequence(RuleBasedStateMachine):
    """A home, and everything that may happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="adseq-"))
        self.home = HomeOfFakes(self.folder / "home", {"image": obeys}, GPUS)
        self.mortal = MortalClock(self.home.clock())
        self.home.clock = self.mortal  # type: ignore[assignment] # the same, but it can kill
        self.home.engine.clock = lambda: self.mortal.now
        self.home.restart()
        self.printed: dict[str, list[float]] = {}
        self.doomed: set[str] = set()  # trials whose infrastructure stays away: any container they get is gone at once
        self.torn: set[str] = set()  # trials whose container was removed with output that nobody had read
        self.numbers = itertools.count(1)

    def teardown(self) -> None:
        """The end: the engine is there, containers end, the controller goes on; then everything is accounted for."""
        try:
            self.lead_to_the_end()
        finally:
            self.home.close()
            shutil.rmtree(self.folder)

    # What people do.

    @initialize(parallel=st.integers(1, 3), gpus=st.booleans(), spot=st.booleans())
    def begin(self, parallel: int, gpus: bool, spot: bool) -> None:
        """There is a job from the start."""
        self.submit(3, parallel, gpus, spot, stops_early=False)

    @precondition(lambda self: len(self.home.store.tuning_jobs()) < _MOST_JOBS)
    @rule(
        jobs=st.integers(1, 4),
        parallel=st.integers(1, 3),
        gpus=st.booleans(),
        spot=st.booleans(),
        stops_early=st.booleans(),
    )
    def submit(self, jobs: int, parallel: int, gpus: bool, spot: bool, stops_early: bool) -> None:
        """Another tuning job."""
        members: dict[str, Any] = {"RetryStrategy": {"MaximumRetryAttempts": 1}}
        if gpus:
            members["ResourceConfig"] = {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
        if spot:
            members["EnableManagedSpotTraining"] = True
            members["StoppingCondition"] = {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
        request = tuning_request(f"tune{next(self.numbers)}", jobs=jobs, parallel=parallel, **members)
        if stops_early:
            request["HyperParameterTuningJobConfig"]["TrainingJobEarlyStoppingType"] = "Auto"
        self.home.store.create_tuning_job(request, random_seed=7, now=self.mortal.now)

    @rule(which=NUMBERS)
    def stop(self, which: int) -> None:
        """A person stops a job or a trial, which may have ended in this moment."""
        names = [job.name for job in self.home.store.tuning_jobs()] + [job.name for job in self.trials()]
        with suppress(TunerError):
            stop_job(self.home.store, one_of(which, names), now=self.mortal.now)

    @rule(which=NUMBERS, trials=st.integers(1, 3))
    def extend(self, which: int, trials: int) -> None:
        """A person gives a job that has ended more trials."""
        store = self.home.store
        if ended := [job for job in store.tuning_jobs() if job.status.is_terminal]:
            job = one_of(which, ended)
            tried = sum(not job.is_void(trial) for trial in in_places(store.trials(job.name)))
            store.give_more_trials(job.name, tried + trials, now=self.mortal.now)

    @rule(which=NUMBERS, how=st.sampled_from(Interruption))
    def interrupt(self, which: int, how: Interruption) -> None:
        """Spot instances go."""
        training = [
            one.name
            for one in self.trials()
            if one.status is SecondaryStatus.TRAINING and one.spec.max_wait_seconds is not None
        ]
        if training:
            self.home.store.request_interruption(one_of(which, training), how)

    # What containers do.

    @rule(which=NUMBERS, values=st.lists(st.integers(0, 999), min_size=1, max_size=4))
    def container_prints(self, which: int, values: list[int]) -> None:
        """Some values of the objective."""
        if running := self.running():
            one = one_of(which, running)
            for value in values:
                one.print(f"validation: accuracy=0.{value:03d}")
                self.printed.setdefault(one.spec.labels[JOB_LABEL], []).append(value / 1000)

    @rule(which=NUMBERS, code=st.sampled_from([0, 0, 0, 1, 137]), oom=st.booleans())
    def container_ends(self, which: int, code: int, oom: bool) -> None:
        """Well, badly, or killed by the kernel for its memory."""
        if running := self.running():
            self.home.engine.finish(one_of(which, running).container_id, code, oom_killed=oom and code == 137)

    @rule(which=NUMBERS)
    def container_is_removed(self, which: int) -> None:
        """Somebody else does that."""

        def remove_one() -> None:
            if containers := self.home.engine.containers({}):
                one = one_of(which, containers)
                self.torn.add(one.labels[JOB_LABEL])
                self.home.engine.remove(one.container_id)

        self.with_engine(remove_one)

    @rule(which=NUMBERS)
    def infrastructure_stays_away(self, which: int) -> None:
        """From one trial, until its retries are used up."""
        if unfinished := self.home.store.unfinished_training_jobs():
            self.doomed.add(one_of(which, unfinished).name)

    # What the machine does.

    @rule(rounds=st.integers(1, 5))
    def step(self, rounds: int) -> None:
        """The controller does its rounds."""
        for _ in range(rounds):
            self.one_step()

    @rule(reading=st.integers(0, 25))
    def die(self, reading: int) -> None:
        """The process is killed in the middle of its work; another one begins."""
        self.mortal.left = reading
        with suppress(Killed):
            for _ in range(3):
                self.one_step()
        self.mortal.left = None
        self.home.restart()

    @rule(seconds=st.sampled_from([1, 10, 130, 1000, 4000]))
    def time_passes(self, seconds: int) -> None:
        """So that limits are reached, and patience ends."""
        self.mortal.now += seconds

    @rule()
    def engine_goes_away(self) -> None:
        """Its containers live on."""
        self.home.engine.reachable = False

    @rule()
    def engine_comes_back(self) -> None:
        """And answers again."""
        self.home.engine.reachable = True

    @rule()
    def connections_break(self) -> None:
        """Logs end without a sign."""
        self.home.engine.drop_followers()

    # What has to hold at every moment.

    @invariant()
    def each_trial_is_there_once(self) -> None:
        """By its number, from 1 without a gap; of those that count, never more than asked for.

        Who is in the place of another has its configuration, and is there once that had come to nothing.
        """
        for job in self.home.store.tuning_jobs():
            trials = self.home.store.trials(job.name)
            assert list(range(1, len(trials) + 1)) == [trial.trial_index for trial in trials]
            held: dict[int | None, TrainingJobRecord] = {}
            for trial in trials:
                if trial.place in held:
                    assert job.is_void(held[trial.place])
                    assert held[trial.place].tuned == trial.tuned
                else:
                    assert len(held) + 1 == trial.place
                held[trial.place] = trial
            assert sum(not job.is_void(trial) for trial in held.values()) <= (job.spec.max_training_jobs or 0)

    @invariant()
    def what_is_recorded_was_printed(self) -> None:
        """In its order, without a gap, each once; the summary says the same."""
        for trial in self.trials():
            recorded = [one.value for one in self.home.store.observations(trial.name)]
            assert self.printed.get(trial.name, [])[: len(recorded)] == recorded
            summary = trial.metrics.get(METRIC)
            assert len(recorded) == (summary.count if summary else 0)
            if summary:
                assert (min(recorded), max(recorded), recorded[-1]) == (summary.minimum, summary.maximum, summary.last)

    @invariant()
    def no_gpu_has_two_jobs(self) -> None:
        """No two running containers were given the same; each belongs to a job that holds the lease."""
        given: dict[str, str] = {}
        for one in self.running():
            job = one.spec.labels[JOB_LABEL]
            assert set(one.spec.gpu_ids) <= set(self.home.store.leased_gpus(job))
            for gpu in one.spec.gpu_ids:
                assert given.setdefault(gpu, job) == job
        for trial in self.trials():
            leased = self.home.store.leased_gpus(trial.name)
            assert leased == () if trial.is_finished else len(leased) in {0, trial.gpu_count}

    @invariant()
    def no_more_run_than_allowed(self) -> None:
        """Of each job."""
        for job in self.home.store.tuning_jobs():
            unfinished = [one for one in self.home.store.trials(job.name) if not one.is_finished]
            assert len(unfinished) <= job.spec.max_parallel_training_jobs

    @invariant()
    def statuses_follow_the_table(self) -> None:
        """From Pending, along legal transitions, to where the job is."""
        for trial in self.trials():
            went = [one.status for one in self.home.store.transitions(trial.name)]
            assert (SecondaryStatus.PENDING, trial.status) == (went[0], went[-1])
            for old, new in itertools.pairwise(went):
                try:
                    check_training_job_transition(old, new)
                except IllegalTransition as error:
                    pytest.fail(str(error))

    @invariant()
    def suggestions_follow_from_history_and_seed(self) -> None:
        """Asked again with the places before it filled, however often they were lost, the search answers the same."""
        for job in self.home.store.tuning_jobs():
            trials = in_places(self.home.store.trials(job.name))
            held = [replace(trial, failure_kind=None, stop_reason=None) for trial in trials]
            for number, trial in enumerate(held):
                suggested = NextTrials.of(self.home.store, job).next(held[:number])
                assert suggested is not None
                assert dict(trial.tuned) == dict(suggested.tuned)

    @invariant()
    def what_is_found_by_an_index_is_what_all_trials_say(self) -> None:
        """The best trial, and in how many places one has ended that counts."""
        for job in self.home.store.tuning_jobs():
            trials = self.home.store.trials(job.name)
            assert best_training_job(job, trials) == self.home.store.best_trial(job.name)
            done = sum(trial.is_finished and not job.is_void(trial) for trial in in_places(trials))
            assert done == self.home.store.done_trial_count(job.name)

    # Inside.

    def lead_to_the_end(self) -> None:
        self.home.engine.reachable = True
        for _ in range(_ROUNDS):
            if all(job.status.is_terminal for job in self.home.store.tuning_jobs()):
                break
            self.one_step()
            for one in self.running():
                one.print("validation: accuracy=0.500")
                self.printed.setdefault(one.spec.labels[JOB_LABEL], []).append(0.5)
                self.home.engine.finish(one.container_id, 0)
            self.mortal.now += 3
        for job in self.home.store.tuning_jobs():
            assert job.status.is_terminal, job.status
            trials = self.home.store.trials(job.name)
            if job.status is JobStatus.COMPLETED:
                assert job.spec.max_training_jobs == sum(not job.is_void(trial) for trial in in_places(trials))
        for trial in self.trials():
            assert trial.is_finished
            if trial.name not in self.torn:
                recorded = [one.value for one in self.home.store.observations(trial.name)]
                assert self.printed.get(trial.name, []) == recorded
        self.no_gpu_has_two_jobs()
        assert () == self.home.engine.containers({})

    def take_containers_of_the_doomed(self) -> None:
        for one in self.home.engine.containers({}):
            if one.labels[JOB_LABEL] in self.doomed:
                self.torn.add(one.labels[JOB_LABEL])
                self.home.engine.remove(one.container_id)

    def one_step(self) -> None:
        self.with_engine(self.take_containers_of_the_doomed)
        try:
            self.home.controller.step()
        except EngineUnreachable:
            assert not self.home.engine.reachable
        self.home.controller.wait(0.001)

    def with_engine(self, do: Any) -> None:
        """Do something as somebody who can reach the engine even where we cannot."""
        reachable = self.home.engine.reachable
        if not reachable:
            self.home.engine.reachable = True
        do()
        if not reachable:
            self.home.engine.reachable = False

    def trials(self) -> list[TrainingJobRecord]:
        return self.home.store.training_jobs()

    def running(self) -> list[FakeContainer]:
        found: list[FakeContainer] = []

        def look() -> None:
            found.extend(
                self.home.engine.container(one.container_id)
                for one in self.home.engine.containers({})
                if one.status is ContainerStatus.RUNNING
            )

        self.with_engine(look)
        return found


AnySequence.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnySequence = AnySequence.TestCase
