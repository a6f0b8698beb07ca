"""Valid requests for tests, complete as the store keeps them; tests change what they are about."""

from pathlib import Path
from typing import Any

ACCURACY = {"Name": "validation:accuracy", "Regex": r"validation: accuracy=([0-9\.]+)"}


def training_request(name: str = "job-1", *, image: str = "image", **members: Any) -> dict[str, Any]:
    """A CreateTrainingJob request with one metric; `members` replace whole members."""
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [ACCURACY],
        },
        "HyperParameters": {"learning_rate": "0.1"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **members,
    }


def tuning_request(
    name: str = "tune",
    *,
    image: str = "image",
    jobs: int | None = 4,
    parallel: int = 2,
    strategy: str = "Random",
    limits: dict[str, Any] | None = None,
    **definition: Any,
) -> dict[str, Any]:
    """A CreateHyperParameterTuningJob request over one learning rate; `definition` replaces its members."""
    resource_limits = {"MaxParallelTrainingJobs": parallel, **(limits or {})}
    if jobs is not None:
        resource_limits["MaxNumberOfTrainingJobs"] = jobs
    continuous = [{"Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.5", "ScalingType": "Linear"}]
    categorical = [{"Name": "optimizer", "Values": ["sgd", "adam", "lamb"]}]
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": ACCURACY["Name"]},
            "ResourceLimits": resource_limits,
            "RandomSeed": 7,
            "ParameterRanges": {"CategoricalParameterRanges": categorical}
            if strategy == "Grid"
            else {"ContinuousParameterRanges": continuous},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [ACCURACY],
            },
            "StaticHyperParameters": {"epochs": "2"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            **definition,
        },
    }


def channel(name: str, path: Path, **members: Any) -> dict[str, Any]:
    """One entry of InputDataConfig that reads a folder or file of this host."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"file://{path}", "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}
