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


def transform_request() -> dict[str, Any]:
    """A valid CreateTransformJob request with all that is required, and a join."""
    return {
        "TransformJobName": "batch",
        "ModelName": "model",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "file:///rows"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": "file:///results", "Accept": "text/csv", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "local", "InstanceCount": 1},
        "DataProcessing": {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
    }


def processing_request() -> dict[str, Any]:
    """A valid CreateProcessingJob request with one input and one output."""
    return {
        "ProcessingJobName": "prepare",
        "RoleArn": "arn:aws:iam::123456789012:role/somebody",
        "AppSpecification": {"ImageUri": "image:latest"},
        "ProcessingInputs": [
            {
                "InputName": "raw",
                "S3Input": {
                    "S3Uri": "file:///raw",
                    "LocalPath": "/opt/ml/processing/input/raw",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "clean",
                    "S3Output": {
                        "S3Uri": "file:///clean",
                        "LocalPath": "/opt/ml/processing/output/clean",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "local", "InstanceCount": 1, "VolumeSizeInGB": 1},
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
