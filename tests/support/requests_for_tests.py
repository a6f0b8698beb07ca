"""Small valid requests, which tests change in one place."""

import copy
from typing import Any

from tuner.requests import Defaults

DEFAULTS = Defaults(output_uri="file:///results")


def training_request() -> dict[str, Any]:
    """A valid CreateTrainingJob request with all that is required, and one channel."""
    return {
        "TrainingJobName": "job",
        "RoleArn": "arn:aws:iam::123456789012:role/somebody",
        "AlgorithmSpecification": {
            "TrainingImage": "image:latest",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "accuracy", "Regex": r"accuracy=([0-9.]+)"}],
        },
        "InputDataConfig": [channel("training")],
        "OutputDataConfig": {"S3OutputPath": "file:///results"},
        "ResourceConfig": {"InstanceType": "local", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def channel(name: str) -> dict[str, Any]:
    """A channel with all its members."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"file:///{name}", "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def tuning_request() -> dict[str, Any]:
    """A valid CreateHyperParameterTuningJob request that searches one continuous range."""
    definition = copy.deepcopy(training_request())
    del definition["TrainingJobName"]
    return {
        "HyperParameterTuningJobName": "search",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "accuracy"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "lr", "MinValue": "0.1", "MaxValue": "0.5"}]},
        },
        "TrainingJobDefinition": definition,
    }


def categorical(**values: list[str]) -> dict[str, Any]:
    """ParameterRanges of texts only."""
    return {"CategoricalParameterRanges": [{"Name": name, "Values": texts} for name, texts in values.items()]}
