"""What happened to a tuning job between two moments, for plain lines and for JSON Lines. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tuner.cli import words
from tuner.cli.snapshot import TuningSnapshot
from tuner.store.records import TrainingJobRecord


class EventKind(StrEnum):
    """What can happen to a trial."""

    STARTED = "trial_started"
    PROGRESS = "trial_progress"
    ENDED = "trial_ended"
    BEST = "best"


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to one trial, as it stands in `snapshot`."""

    kind: EventKind
    trial: TrainingJobRecord
    snapshot: TuningSnapshot

    @property
    def line(self) -> str:
        """The event for people."""
        trial, metric = self.trial, self.snapshot.job.metric_of(self.trial)
        summary = self.snapshot.summary_of(trial)
        value = "" if summary is None else f"{metric} {words.number(summary.last)}"
        match self.kind:
            case EventKind.STARTED:
                definition = self.snapshot.definition_of(trial)
                of = f" of {definition}" if definition else ""
                before = self.snapshot.predecessor_of(trial)
                again = "" if before is None else f" in place of trial {before.trial_index}"
                return f"trial {trial.trial_index}{of} started{again}: {words.hyperparameters(trial.tuned)}"
            case EventKind.PROGRESS:
                return f"trial {trial.trial_index} epoch {summary.count if summary else 0}: {value}"
            case EventKind.BEST:
                return f"best so far: trial {trial.trial_index}, {value}"
            case EventKind.ENDED:
                return f"trial {trial.trial_index} {trial.status}: {trial.failure_reason or value or f'no {metric}'}"

    @property
    def document(self) -> dict[str, Any]:
        """The event for machines, in full precision."""
        trial, summary = self.trial, self.snapshot.summary_of(self.trial)
        document: dict[str, Any] = {
            "event": self.kind.value,
            "trial": trial.trial_index,
            "training_job": trial.name,
            "definition": trial.definition_name,
            "value": None if summary is None else summary.last,
            "reported": 0 if summary is None else summary.count,
        }
        if self.kind in {EventKind.STARTED, EventKind.BEST}:
            document["hyperparameters"] = dict(trial.tuned)
        if self.kind is EventKind.ENDED:
            document |= {
                "status": trial.primary_status.value,
                "secondary_status": trial.status.value,
                "failure_reason": trial.failure_reason,
                "seconds": self.snapshot.seconds_of(trial),
            }
        return document


def events_between(old: TuningSnapshot, new: TuningSnapshot) -> Iterator[Event]:
    """What happened from `old` to `new`, by trial; the new best comes last."""
    before = {trial.name: trial for trial in old.trials}
    has_one_ended = False
    for trial in new.trials:
        earlier = before.get(trial.name)
        if earlier is trial:  # the store hands over the same one until it changes
            continue
        if trial.training_start_time is not None and (earlier is None or earlier.training_start_time is None):
            yield Event(kind=EventKind.STARTED, trial=trial, snapshot=new)
        summary = new.summary_of(trial)
        known = None if earlier is None else old.summary_of(earlier)
        if summary is not None and summary.count > (0 if known is None else known.count):
            yield Event(kind=EventKind.PROGRESS, trial=trial, snapshot=new)
        if trial.is_finished and (earlier is None or not earlier.is_finished):
            has_one_ended = True
            yield Event(kind=EventKind.ENDED, trial=trial, snapshot=new)
    if has_one_ended and new.best is not None and (old.best is None or old.best.name != new.best.name):
        yield Event(kind=EventKind.BEST, trial=new.best, snapshot=new)
