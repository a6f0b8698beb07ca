"""What the containers of a processing job leave: its outputs, delivered at the end or all along, and its message."""

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from contracts.processing import ProcessingJobSpec, ProcessingOutput, UploadMode
from contracts.resources import Host
from tuner.channels.addresses import is_local, local_path
from tuner.errors import TunerError
from tuner.jobs.artifacts import deliver, deliver_from, files_below, read_beginning
from tuner.jobs.background import Background, Progress
from tuner.jobs.folder import JobFolder
from tuner.jobs.processing_containers import output_folder
from tuner.s3.checkpoint_sync import CheckpointSync
from tuner.s3.container_files import Changed, Identity, files_of, open_inside
from tuner.s3.uploads import upload_files

#: How much of the message files becomes the ExitMessage of the API, in bytes.
MAX_MESSAGE_BYTES = 1024
#: How often files that have changed are copied to a folder of this machine, in seconds.
_LOOK_SECONDS = 2.0

Delivery = Background[None]


class OutputNotDelivered(TunerError):
    """What a container left cannot be taken over."""


class _LocalCopies:
    """Copies what has changed in an output folder to a folder of this machine, every few seconds."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source = source
        self._target = target
        self._copied: Mapping[str, Identity] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"copies of {source.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            with suppress(OSError):  # the delivery at the end tells what is wrong
                self._copied = {name: now for name, now in files_of(self._source).items() if self._has(name, now)}

    def _has(self, name: str, now: Identity) -> bool:
        """Whether the target has the file as it is `now`, copied if need be; the container may change it meanwhile."""
        if self._copied.get(name) == now:
            return True
        try:
            with open_inside(self._source, name, now) as file:
                deliver_from(file, self._target / name)
        except (Changed, OSError):
            return False
        return True


class ContinuousOutputs:
    """The outputs of a running job whose S3UploadMode is Continuous."""

    def __init__(self, spec: ProcessingJobSpec, folder: JobFolder) -> None:
        self._copies = [
            _copies(output_folder(folder.host(host.name), index), output)
            for host in spec.hosts
            for index, output in enumerate(spec.outputs)
            if output.upload_mode is UploadMode.CONTINUOUS
        ]

    def start(self) -> None:
        """Deliver what changes from now on."""
        for copies in self._copies:
            copies.start()

    def close(self) -> None:
        """Deliver no more; what is left is a matter of `deliver_outputs`."""
        for copies in self._copies:
            copies.close()


def deliver_outputs(spec: ProcessingJobSpec | None, folder: JobFolder) -> Delivery:
    """The work of delivering all outputs of a job that has ended, file by file; None delivers nothing.

    Links are not followed and not delivered, as on the service. Raises S3Error, OSError.
    """

    def work(progress: Progress, called_off: threading.Event) -> None:
        if spec is None:
            return
        for index, output in enumerate(spec.outputs):
            files = files_below([output_folder(folder.host(host.name), index) for host in spec.hosts])
            if is_local(output.uri):
                for name, path in files.items():
                    deliver(path, (local_path(output.uri) / name).parent)
            elif files:
                upload_files(files, output.uri, progress=progress, called_off=called_off)

    return Delivery("Uploading", work)


def read_message(folder: JobFolder, hosts: Sequence[Host]) -> str:
    """The ExitMessage: the first kilobyte of what the hosts wrote to ``/opt/ml/output/message``, one after the other.

    Raises OutputNotDelivered where it is not UTF-8, which fails a job on the service as well.
    """
    texts = [
        read_beginning(folder.host(host.name).opt_ml.output / "message", MAX_MESSAGE_BYTES) or b"" for host in hosts
    ]
    message = b"".join(texts)[:MAX_MESSAGE_BYTES]
    for cut in range(4):  # the limit may have cut a character, which has four bytes at most
        try:
            return message[: len(message) - cut].decode()
        except UnicodeDecodeError as error:
            if len(message) < MAX_MESSAGE_BYTES or error.end < len(message) - cut:
                break
    raise OutputNotDelivered("/opt/ml/output/message is not UTF-8")


def _copies(source: Path, output: ProcessingOutput) -> "_LocalCopies | CheckpointSync":
    if is_local(output.uri):
        return _LocalCopies(source, Path(os.path.abspath(local_path(output.uri))))  # noqa: PTH100 - links stay
    return CheckpointSync(source, output.uri)
