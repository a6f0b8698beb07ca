"""Channels in the words of the official SDK."""

from pathlib import Path

from requests_for_tests import training_request

from tuner.requests import CREATE_TRAINING_JOB, validate
from tuner.sdk.inputs import ShuffleConfig, TrainingInput, input_data_config


def test_all_that_a_pipe_channel_has_goes_where_the_request_wants_it() -> None:
    """And the request is one that the service takes."""
    source = TrainingInput(
        Path("/data/m.jsonl"),
        record_wrapping="RecordIO",
        s3_data_type="AugmentedManifestFile",
        input_mode="Pipe",
        attribute_names=("image-ref", "label"),
        shuffle_config=ShuffleConfig(7),
    )
    (channel,) = input_data_config({"train": source})

    assert {
        "ChannelName": "train",
        "InputMode": "Pipe",
        "RecordWrapperType": "RecordIO",
        "ShuffleConfig": {"Seed": 7},
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "AugmentedManifestFile",
                "S3Uri": "file:///data/m.jsonl",
                "S3DataDistributionType": "FullyReplicated",
                "AttributeNames": ["image-ref", "label"],
            }
        },
    } == channel
    assert [] == validate(CREATE_TRAINING_JOB, {**training_request(), "InputDataConfig": [channel]})


def test_what_is_not_given_is_left_out() -> None:
    """What is filled in later is shown as filled in."""
    (channel,) = input_data_config("file://data")

    assert {"ChannelName", "DataSource"} == channel.keys()
