"""Training job definitions: what the trials of a tuning job have in common.

A tuning job has one definition, or several: then each is an algorithm of its own, with its own objective and ranges,
and they share the job's limits. Source: API reference, HyperParameterTrainingJobDefinition; developer guide, "Tune
Multiple Algorithms with Hyperparameter Optimization to Find the Best Model".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.hyperparameters import TUNING_OBJECTIVE_METRIC
from contracts.metrics import Objective
from contracts.ranges import ParameterRange, parameter_ranges_from_request
from contracts.resources import resource_configs_from_definition
from contracts.tuning import Hyperband

#: What a trial's request takes over from its definition as it is. `ResourceConfig` is not among them: see `resources`.
_SHARED_MEMBERS = (
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingDefinition:
    """One definition of a (valid, completed) tuning job.

    `name` may be missing where it is the only one. `resources` are the ResourceConfigs that a trial may get, the
    preferred one first; more than one only where HyperParameterTuningResourceConfig lists alternatives. `hyperband` is
    there for that strategy only. `members` is the definition as the request has it.
    """

    name: str | None
    objective: Objective
    ranges: tuple[ParameterRange, ...]
    hyperband: Hyperband | None
    resources: tuple[Mapping[str, Any], ...]
    members: Mapping[str, Any] = field(repr=False)

    @property
    def image(self) -> str:
        """The image that every trial of it runs."""
        return str(self.members["AlgorithmSpecification"]["TrainingImage"])

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names of the metrics that its trials are searched for, each once, in the request's order."""
        definitions = self.members["AlgorithmSpecification"].get("MetricDefinitions", ())
        return tuple(dict.fromkeys(definition["Name"] for definition in definitions))

    @property
    def static(self) -> Mapping[str, str]:
        """The hyperparameters that are the same for every trial of it."""
        hyperparameters: Mapping[str, str] = self.members.get("StaticHyperParameters", {})
        return hyperparameters

    def training_job_request(
        self, name: str, tuned: Mapping[str, str], tags: list[Any], resources: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The CreateTrainingJob request of one trial, which gets `resources`; None is the preferred of them.

        Its HyperParameters are the static ones, the tuned ones, and the objective's name as the tuner's own.
        """
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "HyperParameters": {**self.static, **tuned, TUNING_OBJECTIVE_METRIC: self.objective.metric_name},
            "Tags": tags,
        }
        request |= {member: self.members[member] for member in _SHARED_MEMBERS if member in self.members}
        if self.resources:
            request["ResourceConfig"] = dict(self.resources[0] if resources is None else resources)
        return request


def definitions_from_request(request: Mapping[str, Any]) -> tuple[TrainingDefinition, ...]:
    """The definitions of a CreateHyperParameterTuningJob request that has been validated, in its order.

    Raises InvalidRange.
    """
    config = request["HyperParameterTuningJobConfig"]
    if "TrainingJobDefinition" in request:
        objective, ranges = config["HyperParameterTuningJobObjective"], config.get("ParameterRanges", {})
        return (_definition(config, request["TrainingJobDefinition"], objective, ranges),)
    return tuple(
        _definition(config, members, members["TuningObjective"], members.get("HyperParameterRanges", {}))
        for members in request["TrainingJobDefinitions"]
    )


def _definition(
    config: Mapping[str, Any], members: Mapping[str, Any], objective: Mapping[str, Any], ranges: Mapping[str, Any]
) -> TrainingDefinition:
    return TrainingDefinition(
        name=members.get("DefinitionName"),
        objective=Objective.from_request(objective),
        ranges=parameter_ranges_from_request(ranges),
        hyperband=Hyperband.from_request(config, members.get("StaticHyperParameters", {})),
        resources=resource_configs_from_definition(members),
        members=members,
    )
