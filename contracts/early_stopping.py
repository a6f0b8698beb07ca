"""Early stopping by a forecast, as a search file asks for it: the API has the median rule only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Where a search file says nothing: one in twenty of the trials that would have become the best may be lost.
DEFAULT_FALSE_STOP_RATE = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecastStopping:
    """Stop the trials that are forecast not to become the best.

    `false_stop_rate` is the share, of the trials that would have ended better than all before them, that may be
    stopped; between 0 and 1. `minimum_epochs`: no trial is stopped before it has reported so many values. With
    `shadow` none is stopped: it is only shown which would have been.
    """

    false_stop_rate: float = DEFAULT_FALSE_STOP_RATE
    minimum_epochs: int = 1
    shadow: bool = False

    @classmethod
    def from_extension(cls, section: Mapping[str, Any]) -> "ForecastStopping":
        """What a (valid) section EarlyStopping of a search file asks for."""
        return cls(
            false_stop_rate=float(section.get("FalseStopRate", DEFAULT_FALSE_STOP_RATE)),
            minimum_epochs=int(section.get("MinimumEpochs", 1)),
            shadow=bool(section.get("Shadow", False)),
        )
