"""When a tuning job fails: what has happened to its trials would happen to more of them. Pure."""

from collections.abc import Sequence

from contracts.jobs import ObjectiveStatus
from tuner.store.records import TrainingJobRecord, TuningJobRecord, in_places

#: When the first so many trials have all failed, the tuning job fails: more would fail the same way.
#: Source: the service's own text, see `nothing_succeeded`.
_HOPELESS_TRIALS = 5
#: So many trials lost in a row are no accident. More where more run at once: one accident may take all of those.
_LOST_IN_A_ROW = 5
_REASON_LENGTH = 400


def why_hopeless(job: TuningJobRecord, trials: Sequence[TrainingJobRecord], lost: int) -> str | None:
    """Why a tuning job is to fail, whose `trials`, `lost` of them, are by index; None where it may go on.

    What once was hopeless stays so: trials that end afterwards, because they are stopped, change nothing.
    """
    first = in_places(trials)[:_HOPELESS_TRIALS]
    if len(first) == _HOPELESS_TRIALS and all(_has_failed(job, trial) for trial in first):
        return nothing_succeeded(len(trials))
    last = _last_of_a_row(job, trials) if lost >= _most_lost(job) else None
    return None if last is None else _the_machine_is_at_fault(job, trials, last)


def has_failed_for_the_machine(job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> bool:
    """Whether a tuning job that has failed may go on once the machine is mended."""
    return _last_of_a_row(job, trials) is not None


def nothing_succeeded(attempts: int) -> str:
    """That all trials have failed, in the service's words."""
    return (
        f"No training job succeeded after {attempts} attempts."
        " Please take a look at the training job failures to get more details."
    )


def _has_failed(job: TuningJobRecord, trial: TrainingJobRecord) -> bool:
    return job.objective_status_of(trial) is ObjectiveStatus.FAILED and not job.is_void(trial)


def _most_lost(job: TuningJobRecord) -> int:
    return max(_LOST_IN_A_ROW, job.spec.max_parallel_training_jobs + 1)


def _last_of_a_row(job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> TrainingJobRecord | None:
    """The trial with which the infrastructure had lost too many one after the other, in the order of their ends."""
    since = job.begun_time
    ended = [
        (trial.end_time, trial.trial_index or 0, trial)
        for trial in trials
        if trial.end_time is not None and (trial.end_time > since or not job.more_trials)
    ]
    row = 0
    for _, _, trial in sorted(ended, key=lambda one: one[:2]):
        row = row + 1 if trial.is_lost else 0
        if row == _most_lost(job):
            return trial
    return None


def _the_machine_is_at_fault(job: TuningJobRecord, trials: Sequence[TrainingJobRecord], last: TrainingJobRecord) -> str:
    most = job.spec.max_training_jobs
    left = None if most is None else most - sum(not job.is_void(trial) for trial in in_places(trials))
    how_many = " --extend N" if left is None else f" --extend {left}"
    reason = last.failure_reason
    if len(reason) > _REASON_LENGTH:
        reason = f"{reason[:_REASON_LENGTH]} ..."
    return (
        f"{_most_lost(job)} training jobs in a row were lost to the infrastructure, the last of them {last.name}:"
        f" {reason}. None of them counts, and their configurations are not at fault. Mend what took them"
        f" (`algodock doctor` looks at this machine), then go on: `algodock tune` with the same file and{how_many}."
    )
