"""Looking whether the data of a job is there, before anything starts."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuner.errors import Violation, ViolationKind
from tuner.requests.completion import CREATE_TUNING_JOB, local_folder
from tuner.requests.node import Node


def check_channels(operation: str, request: Mapping[str, Any]) -> list[Violation]:
    """Every ``file://`` channel of a valid `request` that is missing, cannot be read, or holds no file."""
    job = Node(request)
    if operation == CREATE_TUNING_JOB:
        job = job.member("TrainingJobDefinition")
    return list(_absent(job))


def _absent(job: Node) -> Iterator[Violation]:
    for channel in job.member("InputDataConfig").items():
        source = channel.member("DataSource", "S3DataSource")
        uri = source.text("S3Uri") or ""
        if uri.startswith("file://") and (problem := _problem(local_folder(uri))) is not None:
            message = f"channel {channel.text('ChannelName')!r}: {local_folder(uri)} {problem}"
            yield Violation(path=source.at("S3Uri"), message=message, kind=ViolationKind.RULE)


def _problem(path: Path) -> str | None:
    try:
        if not path.exists():
            return "is not there"
        if not path.is_dir():
            return None if path.is_file() else "is neither a folder nor a file"
        return None if _has_file(path) else "has no file in it"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _has_file(folder: Path) -> bool:
    def refuse(error: OSError) -> None:
        raise error

    return any(files for _, _, files in os.walk(folder, onerror=refuse, followlinks=False))
