"""`StrategyConfig` and `TuningJobCompletionCriteriaConfig`: settings of a search, in the words of the official SDK.

Source: aws/sagemaker-python-sdk version 2, sagemaker.tuner. What is wrong with a value is said when the request is
validated, in the service's words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class HyperbandStrategyConfig:
    """How long Hyperband lets a trial train, at most and at least, in values of the objective, which are epochs.

    `max_resource` of None is the static hyperparameter ``epochs`` (or ``numepochs``, ``n-epochs``, ``n_epochs``,
    ``num_epochs``), `min_resource` of None is 1. The official SDK wants both, though the service does not.
    """

    max_resource: int | None = None
    min_resource: int | None = None

    @classmethod
    def from_job_desc(cls, hyperband_strategy_config: Mapping[str, Any]) -> "HyperbandStrategyConfig":
        """That of a HyperbandStrategyConfig as requests and descriptions have it."""
        return cls(hyperband_strategy_config.get("MaxResource"), hyperband_strategy_config.get("MinResource"))

    def to_input_req(self) -> dict[str, int]:
        """The HyperbandStrategyConfig of a request."""
        members = {"MinResource": self.min_resource, "MaxResource": self.max_resource}
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True)
class StrategyConfig:
    """What a strategy is told. Only Hyperband is told anything."""

    hyperband_strategy_config: HyperbandStrategyConfig

    @classmethod
    def from_job_desc(cls, strategy_config: Mapping[str, Any] | None) -> "StrategyConfig | None":
        """That of a StrategyConfig as requests and descriptions have it; None where there is none."""
        if not strategy_config:
            return None
        return cls(HyperbandStrategyConfig.from_job_desc(strategy_config["HyperbandStrategyConfig"]))

    def to_input_req(self) -> dict[str, Any]:
        """The StrategyConfig of a request."""
        return {"HyperbandStrategyConfig": self.hyperband_strategy_config.to_input_req()}


@dataclass(frozen=True)
class TuningJobCompletionCriteriaConfig:
    """When a search is complete before it has made `max_jobs` trials. None is no such criterion.

    It is complete once `max_number_of_training_jobs_not_improving` trials in a row (3 or more) have not beaten the best
    by 1 %; with `complete_on_convergence` once a gain of more than 1 % has become unlikely; once a trial has ended with
    `target_objective_metric_value` or a better one.
    """

    max_number_of_training_jobs_not_improving: int | None = None
    complete_on_convergence: bool | None = None
    target_objective_metric_value: float | None = None

    @classmethod
    def from_job_desc(
        cls, completion_criteria_config: Mapping[str, Any] | None
    ) -> "TuningJobCompletionCriteriaConfig | None":
        """That of TuningJobCompletionCriteria as requests and descriptions have them; None where there are none."""
        if not completion_criteria_config:
            return None
        not_improving = completion_criteria_config.get("BestObjectiveNotImproving", {})
        converged = completion_criteria_config.get("ConvergenceDetected", {}).get("CompleteOnConvergence")
        return cls(
            not_improving.get("MaxNumberOfTrainingJobsNotImproving"),
            None if converged is None else converged == "Enabled",
            completion_criteria_config.get("TargetObjectiveMetricValue"),
        )

    def to_input_req(self) -> dict[str, Any]:
        """The TuningJobCompletionCriteria of a request. What is None is left out: autotune may then choose it."""
        criteria: dict[str, Any] = {}
        if self.max_number_of_training_jobs_not_improving is not None:
            criteria["BestObjectiveNotImproving"] = {
                "MaxNumberOfTrainingJobsNotImproving": self.max_number_of_training_jobs_not_improving
            }
        if self.complete_on_convergence is not None:
            criteria["ConvergenceDetected"] = {
                "CompleteOnConvergence": "Enabled" if self.complete_on_convergence else "Disabled"
            }
        if self.target_objective_metric_value is not None:
            criteria["TargetObjectiveMetricValue"] = self.target_objective_metric_value
        return criteria
