"""A tuning job that was submitted from Python: waiting for it, stopping it, saying how its trials ended."""

from typing import Any

from contracts.jobs import JobStatus
from tuner.controller import completion_reason
from tuner.dashboard.report import ReportFiles, write_report
from tuner.sdk.descriptions import describe_tuning_job
from tuner.sdk.session import Session
from tuner.sdk.waiting import check_ending, wait_for
from tuner.store.parents import overall_best


class TuningJob:
    """A tuning job that was submitted: a handle, good in any later process too."""

    def __init__(self, name: str, session: Session) -> None:
        self.name = name
        self._session = session

    @property
    def job_name(self) -> str:
        """The same as `name`, which older code asks for."""
        return self.name

    def describe(self) -> dict[str, Any]:
        """The job as it stands, in the form of DescribeHyperParameterTuningJob."""
        store = self._session.store
        job, trials = store.tuning_job(self.name), store.trials(self.name)
        return describe_tuning_job(job, trials, overall_best(store, job))

    def wait(self) -> None:
        """Wait until the job has ended, saying how each trial ended; then write its report.

        Where a completion criterion was met, that is said too: there are fewer trials than were asked for.
        Raises UnexpectedStatusException where the job failed.
        """
        session = self._session
        progress = _Progress(self.name, session)
        wait_for(session, self.name, progress.say_news, f"HyperparameterTuner.attach({self.name!r}).wait()")
        progress.say_news()
        job, trials = session.store.tuning_job(self.name), session.store.trials(self.name)
        if job.status is JobStatus.COMPLETED and (reason := completion_reason(job, trials)) is not None:
            session.say(f"{self.name} is complete: {reason}")
        if trials:
            session.say(f"Report: {self.write_report().html}")
        check_ending(session, "HyperParameterTuning job", self.name, job.status, job.failure_reason)

    def stop(self) -> None:
        """Ask the job and its trials to stop; whoever works the home does it."""
        self._session.stop(self.name)

    def write_report(self) -> ReportFiles:
        """Write the job's table (CSV) and picture (HTML) as it stands; return where they are."""
        session = self._session
        return write_report(session.store, self.name, session.profile.tuning_folder(self.name), session.clock)

    def __repr__(self) -> str:
        return f"TuningJob({self.name!r})"


class _Progress:
    """Says how each trial ended, once."""

    def __init__(self, name: str, session: Session) -> None:
        self._name = name
        self._session = session
        self._said: set[str] = set()

    def say_news(self) -> None:
        store = self._session.store
        job, trials = store.tuning_job(self._name), store.trials(self._name)
        for trial in trials:
            if not trial.is_finished or trial.name in self._said:
                continue
            self._said.add(trial.name)
            metric, value = job.metric_of(trial), job.value_of(trial)
            result = trial.failure_reason or (f"no {metric}" if value is None else f"{metric}={value:.6g}")
            self._session.say(f"{trial.name} {trial.primary_status}: {result}")
