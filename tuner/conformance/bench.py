"""What a recipe of runs works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuner.conformance.case import GoodCase
from tuner.conformance.evidence import matches
from tuner.conformance.observation import Run
from tuner.conformance.probe import Glimpse, Probe
from tuner.conformance.sending import Sending
from tuner.engine.protocol import ImageFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What a recipe works with. `start` is the sending that the image is known to do well with, `good` its run."""

    probe: Probe
    case: GoodCase
    image: ImageFacts
    start: Sending
    good: Run
    folder: Path

    @property
    def limit(self) -> float:
        """How long a run may take that does no more than the good one, in seconds."""
        return 3 * self.good.seconds + self.probe.patience.spare

    def is_training(self, glimpse: Glimpse) -> bool:
        """Whether training is seen to be under way: its metric has a value; without one, half its time is over."""
        metric = self.case.judged_metric
        if metric is not None and matches(metric, self.good.texts):
            return bool(matches(metric, [line.text for line in glimpse.lines]))
        return glimpse.seconds >= self.good.seconds / 2


#: Gives runs by name, or says in a text why it makes none.
Recipe = Callable[[Bench], Mapping[str, Run] | str]
