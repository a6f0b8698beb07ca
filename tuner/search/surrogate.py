"""What a search believes of configurations that have not been tried, in the objective's own units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: How often the value that a trial reports is to lie in the interval that was predicted for it.
INTERVAL = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What is expected of configurations, (m,) each, in the objective's own units and sign.

    A trial's value is believed to lie between `low` and `high` with probability `INTERVAL`, and as often below as
    above: its noise counts.
    """

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class Surrogate(Protocol):
    """A model of the objective, fitted to the trials that had ended."""

    def predict(self, configurations: Sequence[Mapping[str, str]]) -> Prediction:
        """What is expected of `configurations`."""
        ...

    def chance_beyond(self, configurations: Sequence[Mapping[str, str]], value: float) -> NDArray[np.float64]:
        """The chances that trials with `configurations` report something better than `value` of the objective: (m,).

        One that breaks a bound of another metric is not better.
        """
        ...

    def chance_of_keeping(self, configurations: Sequence[Mapping[str, str]]) -> NDArray[np.float64]:
        """The chances that trials with `configurations` keep all bounds of other metrics: (m,); 1 without any."""
        ...

    def log_expected_improvement(self, configurations: Sequence[Mapping[str, str]]) -> NDArray[np.float64]:
        """The logarithms of the improvements over the best so far that are expected, in the objective's units: (m,)."""
        ...

    def influence(self, configuration: Mapping[str, str]) -> NDArray[np.float64]:
        """By ended trial, in their order, how much of the prediction rests on it: shares of 1, (n,)."""
        ...
