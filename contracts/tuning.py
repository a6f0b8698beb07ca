"""What ends a tuning job, or a trial of it, before its time.

Source: API reference, TuningJobCompletionCriteria, HyperbandStrategyConfig, HyperParameterTuningJobConfig.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Where MaxResource is left out, it is the first of these static hyperparameters. Source: HyperbandStrategyConfig.
EPOCH_NAMES = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionCriteria:
    """When a tuning job is complete, besides the limits on its number of trials and its time.

    `target` is the value of the objective that is good enough; `most_not_improving` the number of trials in a row that
    may fail to beat the best. None is no such criterion.
    """

    target: float | None = None
    most_not_improving: int | None = None

    @classmethod
    def from_request(cls, config: Mapping[str, Any]) -> "CompletionCriteria":
        """Those of a (valid) HyperParameterTuningJobConfig."""
        criteria = config.get("TuningJobCompletionCriteria", {})
        return cls(
            target=criteria.get("TargetObjectiveMetricValue"),
            most_not_improving=criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Hyperband:
    """The resource that Hyperband gives a trial, at least and at most, in values of the objective, which are epochs."""

    least: int
    most: int

    @classmethod
    def from_request(cls, config: Mapping[str, Any], static: Mapping[str, str]) -> "Hyperband | None":
        """That of a (valid) HyperParameterTuningJobConfig and `static` hyperparameters; None for another strategy."""
        if config.get("Strategy") != "Hyperband":
            return None
        band = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
        most = band.get("MaxResource")
        if most is None:
            most = int(float(next(static[name] for name in EPOCH_NAMES if name in static)))
        return cls(least=min(band.get("MinResource", 1), most), most=most)
