"""Writes what one run of a processing job is given to a folder of this host, and says how it is mounted."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.resources import format_resource_config
from tuner.conformance.processing.case import GivenInput, ProcessingCase
from tuner.conformance.staging import MOST_COPIED_BYTES, size_of
from tuner.engine.protocol import Mount

_CONFIG = "/opt/ml/config"
_TRAINING_CONFIG = "/opt/ml/input/config"
_TRAINING_DATA = "/opt/ml/input/data"
_OUTPUT = "/opt/ml/output"
_JOB_NAME = "algodock-check"
_OPEN = 0o777


@dataclass(frozen=True, kw_only=True, slots=True)
class Sending:
    """How a processing job is run.

    On the platform all is false. `config_beside`: the config files are where a training job has them as well;
    `inputs_beside`: the same of the inputs; `without_output_folders`: these are not there yet; `without_inputs`: nor
    are the inputs, with their folders.
    """

    config_beside: bool = False
    inputs_beside: bool = False
    without_output_folders: bool = False
    without_inputs: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """A run's folders on this host: `message` is what the job may leave, `outputs` are by name."""

    message: Path
    outputs: Mapping[str, Path]
    mounts: tuple[Mount, ...]


def stage(case: ProcessingCase, sending: Sending, folder: Path) -> Staged:
    """Write what `sending` says below `folder`. A user's data is copied, or mounted read-only where it is large."""
    config, output = folder / "config", folder / "output"
    config.mkdir(parents=True)
    output.mkdir()
    output.chmod(_OPEN)
    for name, document in _documents(case).items():
        (config / name).write_text(json.dumps(document, sort_keys=True), encoding="utf-8")
    mounts = [Mount(source=config, target=_CONFIG, read_only=True), Mount(source=output, target=_OUTPUT)]
    if sending.config_beside:
        mounts.append(Mount(source=config, target=_TRAINING_CONFIG, read_only=True))
    outputs, places = _outputs(case, sending, folder)
    mounts += places
    if not sending.without_inputs:
        mounts += _inputs(case, sending, folder)
    return Staged(message=output / "message", outputs=outputs, mounts=tuple(sorted(mounts, key=lambda one: one.target)))


def _outputs(case: ProcessingCase, sending: Sending, folder: Path) -> tuple[Mapping[str, Path], list[Mount]]:
    """Where each output is on this host, and the mounts: of their folders, or of what the folders lie in."""
    found: dict[str, Path] = {}
    mounts: dict[str, Path] = {}
    for name, target in case.outputs.items():
        parent, _, last = target.rstrip("/").rpartition("/")
        if sending.without_output_folders and parent.startswith("/opt/ml/processing"):
            place = mounts.setdefault(parent, folder / f"parent-{len(mounts)}")
            found[name] = place / last
        else:
            place = found[name] = mounts.setdefault(target, folder / f"output-{len(mounts)}")
        place.mkdir(exist_ok=True)
        place.chmod(_OPEN)
    return found, [Mount(source=place, target=target) for target, place in mounts.items()]


def _inputs(case: ProcessingCase, sending: Sending, folder: Path) -> Iterator[Mount]:
    for number, given in enumerate(case.inputs):
        targets = [given.local_path, *([f"{_TRAINING_DATA}/{given.name}"] if sending.inputs_beside else [])]
        place = folder / f"input-{number}"
        for mount in _of_input(given, place):
            for target in targets:
                yield Mount(source=mount.source, target=target + mount.target, read_only=mount.read_only)


def _of_input(given: GivenInput, place: Path) -> Iterator[Mount]:
    """What is mounted for one input, with the target below its folder."""
    if size_of(given.path) <= MOST_COPIED_BYTES:
        if given.path.is_dir():
            shutil.copytree(given.path, place)
        else:
            place.mkdir()
            shutil.copyfile(given.path, place / given.path.name)
        place.chmod(_OPEN)
        yield Mount(source=place, target="")
    elif given.path.is_dir():
        yield Mount(source=given.path, target="", read_only=True)
    else:
        yield Mount(source=given.path, target=f"/{given.path.name}", read_only=True)


def _documents(case: ProcessingCase) -> Mapping[str, Any]:
    """The config files, in the form that the service writes."""
    account = "arn:aws:sagemaker:us-east-1:000000000000"
    return {
        "resourceconfig.json": json.loads(format_resource_config()),
        "processingjobconfig.json": {
            "ProcessingJobArn": f"{account}:processing-job/{_JOB_NAME}",
            "ProcessingJobName": _JOB_NAME,
            "AppSpecification": {
                "ImageUri": case.image,
                "ContainerEntrypoint": _listed(case.entry_point),
                "ContainerArguments": _listed(case.arguments),
            },
            "Environment": dict(case.environment),
            "ProcessingInputs": [_input_document(given) for given in case.inputs],
            "ProcessingOutputConfig": {
                "Outputs": [_output_document(name, path) for name, path in case.outputs.items()],
                "KmsKeyId": None,
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                    "VolumeSizeInGB": 30,
                    "VolumeKmsKeyId": None,
                }
            },
            "RoleArn": "arn:aws:iam::000000000000:role/algodock-check",
            "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
        },
    }


def _input_document(given: GivenInput) -> Mapping[str, Any]:
    source = {
        "LocalPath": given.local_path,
        "S3Uri": f"s3://algodock-check/{given.name}",
        "S3DataDistributionType": "FullyReplicated",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3CompressionType": "None",
        "S3DownloadMode": "StartOfJob",
    }
    return {"InputName": given.name, "AppManaged": False, "S3Input": source, "DatasetDefinitionInput": None}


def _output_document(name: str, path: str) -> Mapping[str, Any]:
    target = {"LocalPath": path, "S3Uri": f"s3://algodock-check/{name}", "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "AppManaged": False, "S3Output": target, "FeatureStoreOutput": None}


def _listed(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)
