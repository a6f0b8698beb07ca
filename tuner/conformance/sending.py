"""What one run of an image is given, as a value: everything under ``/opt/ml``, the environment, the limits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contracts.channels import Compression, InputMode, RecordWrapper, SourceType
from contracts.resources import format_resource_config
from tuner.conformance.case import GivenChannel, GoodCase

#: Shared memory of a run that has plenty, in bytes; where 64 MiB are sent, it is Docker's own default.
PLENTY_OF_SHARED_MEMORY = 1024**3
JOB_NAME = "algodock-check"

#: The variable in which some platforms tell how many GPUs there are.
GPUS_VARIABLE = "SM_NUM_GPUS"
#: What platforms other than SageMaker's own, and the training toolkit inside some images, bring besides. Not secrets:
#: no service knows these credentials.
_MORE_THAN_PROMISED = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "placeholder",
    "AWS_SECRET_ACCESS_KEY": "placeholder",
    "SM_MODEL_DIR": "/opt/ml/model",
    "SM_INPUT_DIR": "/opt/ml/input",
    "SM_INPUT_CONFIG_DIR": "/opt/ml/input/config",
    "SM_OUTPUT_DIR": "/opt/ml/output",
    "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
    "SM_CURRENT_HOST": "algo-1",
    "SM_HOSTS": '["algo-1"]',
    GPUS_VARIABLE: "0",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Feeding:
    """How the FIFOs of a channel are fed.

    `in_pieces` of a few bytes; each FIFO but the first comes `late_seconds` after the epoch before it has ended.
    """

    in_pieces: bool = False
    late_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SentChannel:
    """A channel as one run gets it; `source` of None is an empty folder, or FIFOs that give nothing.

    `nested` puts its files into a sub-folder, `odd_files` puts files beside them that are no data. In Pipe mode
    `feeding` of None makes no FIFO at all; `shuffle_seed` sends the objects, or the lines of an augmented manifest, in
    another order.
    """

    name: str
    source: Path | None
    content_type: str | None = None
    mode: InputMode = InputMode.FILE
    nested: bool = False
    odd_files: bool = False
    record_wrapper: RecordWrapper = RecordWrapper.NONE
    compression: Compression = Compression.NONE
    source_type: SourceType = SourceType.PREFIX
    attribute_names: tuple[str, ...] = ()
    shuffle_seed: int | None = None
    feeding: Feeding | None = None

    def piped(self, feeding: Feeding) -> "SentChannel":
        """The same data through FIFOs."""
        return replace(self, mode=InputMode.PIPE, feeding=feeding)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sending:
    """All that one run is given.

    `hyperparameters` are JSON values, strings unless the run is about other ones. `checkpoints` of None: the job asks
    for none. `hidden` are paths of the image that nothing is to be seen of. `config_mode` is the config folder's.
    """

    hyperparameters: Mapping[str, Any]
    channels: tuple[SentChannel, ...]
    environment: Mapping[str, str]
    resource_config: Mapping[str, Any]
    with_checkpoints: bool = False
    config_read_only: bool = False
    channels_read_only: bool = False
    config_mode: int = 0o755
    network: bool = True
    shm_bytes: int = PLENTY_OF_SHARED_MEMORY
    hidden: tuple[str, ...] = ()


def plainest(case: GoodCase) -> Sending:
    """The good case in the form that asks least of an image: everything can be written, more is there than promised."""
    return Sending(
        hyperparameters=dict(case.hyperparameters),
        channels=tuple(_as_given(channel) for channel in case.channels),
        environment={
            **_MORE_THAN_PROMISED,
            **{f"SM_CHANNEL_{one.name.upper()}": f"/opt/ml/input/data/{one.name}" for one in case.channels},
            "SM_HPS": json.dumps(dict(case.hyperparameters), sort_keys=True),
            "SAGEMAKER_METRICS_DIRECTORY": "/opt/ml/output/metrics/sagemaker",
            "TRAINING_JOB_NAME": JOB_NAME,
            "TRAINING_JOB_ARN": f"arn:aws:sagemaker:us-east-1:000000000000:training-job/{JOB_NAME}",
            **case.environment,
        },
        resource_config=json.loads(format_resource_config()),
    )


def _as_given(channel: GivenChannel) -> SentChannel:
    return SentChannel(
        name=channel.name,
        source=channel.path,
        content_type=channel.content_type,
        mode=channel.mode,
        record_wrapper=channel.record_wrapper,
        compression=channel.compression,
        source_type=channel.source_type,
        attribute_names=channel.attribute_names,
        feeding=Feeding() if channel.mode is InputMode.PIPE else None,
    )


def strict_environment(sending: Sending, case: GoodCase, *, without: tuple[str, ...]) -> Mapping[str, str]:
    """The environment of `sending` without variables that begin with one of `without`, the job's own excepted."""
    return {
        name: value
        for name, value in sending.environment.items()
        if name in case.environment or not name.startswith(without)
    }
