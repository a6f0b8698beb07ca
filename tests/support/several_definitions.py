"""Tuning jobs with several definitions, complete as the store keeps them."""

from collections.abc import Mapping
from typing import Any

from job_requests import ACCURACY

LEARNING_RATE: Mapping[str, Any] = {
    "ContinuousParameterRanges": [
        {"Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.5", "ScalingType": "Linear"}
    ]
}


def texts(**values: list[str]) -> dict[str, Any]:
    """ParameterRanges of texts."""
    return {"CategoricalParameterRanges": [{"Name": name, "Values": listed} for name, listed in values.items()]}


def definition(name: str, *, image: str = "image", ranges: Mapping[str, Any] = LEARNING_RATE, **members: Any) -> Any:
    """One of TrainingJobDefinitions; `members` are further ones of it."""
    return {
        "DefinitionName": name,
        "TuningObjective": {"Type": "Maximize", "MetricName": ACCURACY["Name"]},
        "HyperParameterRanges": dict(ranges),
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [ACCURACY],
        },
        "StaticHyperParameters": {"epochs": "2"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **members,
    }


def several_request(
    *definitions: Any, jobs: int | None = 12, parallel: int = 2, strategy: str = "Random", **config: Any
) -> dict[str, Any]:
    """A CreateHyperParameterTuningJob request with those definitions."""
    limits = {"MaxParallelTrainingJobs": parallel}
    return {
        "HyperParameterTuningJobName": "tune",
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "ResourceLimits": limits if jobs is None else {**limits, "MaxNumberOfTrainingJobs": jobs},
            "RandomSeed": 7,
            **config,
        },
        "TrainingJobDefinitions": list(definitions),
    }
