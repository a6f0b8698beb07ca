"""What a tuning job begins with, and what ends it, or a trial of it, before its time.

Source: API reference, TuningJobCompletionCriteria, HyperbandStrategyConfig, HyperParameterTuningJobConfig,
HyperParameterTuningJobWarmStartConfig.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: Where MaxResource is left out, it is the first of these static hyperparameters. Source: HyperbandStrategyConfig.
EPOCH_NAMES = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionCriteria:
    """When a tuning job is complete, besides the limits on its number of trials and its time.

    `target` is the value of the objective that is good enough; `most_not_improving` the number of trials in a row that
    may fail to beat the best. None is no such criterion. With `on_convergence` the job is complete when a gain of more
    than 1 % has become unlikely.
    """

    target: float | None = None
    most_not_improving: int | None = None
    on_convergence: bool = False

    @classmethod
    def from_request(cls, config: Mapping[str, Any]) -> "CompletionCriteria":
        """Those of a (valid) HyperParameterTuningJobConfig."""
        criteria = config.get("TuningJobCompletionCriteria", {})
        return cls(
            target=criteria.get("TargetObjectiveMetricValue"),
            most_not_improving=criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving"),
            on_convergence=criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled",
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


class SuggestionsBy(StrEnum):
    """How Hyperband's configurations are chosen, where a search file says it: the service's are drawn at random."""

    RANDOM = "Random"
    BAYESIAN = "Bayesian"


class WarmStartType(StrEnum):
    """How much a tuning job has in common with those that it starts from."""

    IDENTICAL_DATA_AND_ALGORITHM = "IdenticalDataAndAlgorithm"
    TRANSFER_LEARNING = "TransferLearning"


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmStart:
    """The tuning jobs, by name, that another one starts from: its parents.

    A parent's own parents are none of them: a warm start is not recursive.
    """

    type: WarmStartType
    parents: tuple[str, ...]

    @property
    def is_identical(self) -> bool:
        """Whether the parents' values count as the job's own."""
        return self.type is WarmStartType.IDENTICAL_DATA_AND_ALGORITHM

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> "WarmStart | None":
        """That of a (valid) CreateHyperParameterTuningJob request; None where it starts from nothing."""
        config = request.get("WarmStartConfig")
        if not config:
            return None
        return cls(
            type=WarmStartType(config["WarmStartType"]),
            parents=tuple(parent["HyperParameterTuningJobName"] for parent in config["ParentHyperParameterTuningJobs"]),
        )
