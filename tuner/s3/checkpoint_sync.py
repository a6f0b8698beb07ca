"""Checkpoints in step with S3: what a container writes into a folder goes there while it runs, file by file.

Source: SageMaker developer guide, "Use Checkpoints": new and changed files are uploaded as they are, deletions are made
there too, and what is added in S3 after the start is not brought in.
"""

import json
import shutil
import threading
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path

from tuner.s3.addresses import S3Address, is_folder_marker, layout
from tuner.s3.container_files import Changed, Identity, files_of, open_inside, put_inside
from tuner.s3.downloads import Download, download_all
from tuner.s3.errors import CalledOff
from tuner.s3.refusals import as_s3_errors
from tuner.s3.storage import THREADS, Storage
from tuner.s3.uploads import Upload, upload
from tuner.s3.workers import Tally, Task, run_parallel

#: How often the folder is looked at. A file that is the same at two looks counts as whole.
LOOK_SECONDS = 3.0

_FILE_MODE = 0o666
_JOIN_SECONDS = 5.0


class CheckpointSync:
    """The checkpoints in `folder`, and the folder `uri` in S3. May be started again after it was closed.

    Which version of which file S3 has is remembered beside the folder, in ``<folder>.in-s3``, so that another process
    goes on where one was killed: nothing that is in step is uploaded again, and no deletion is forgotten.
    """

    def __init__(self, folder: Path, uri: str, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._folder = folder
        self._uri = uri
        self._look_seconds = look_seconds
        self._called_off = threading.Event()
        self._enough = threading.Event()
        self._thread: threading.Thread | None = None
        self._storage: Storage | None = None
        self._memory = _Memory(folder.with_name(f"{folder.name}.in-s3"))
        self.problem: str | None = None  #: why S3 is behind at the moment; tried again at the next look

    def restore(self, called_off: threading.Event) -> None:
        """Put into the folder what S3 has: all of it or, where something goes wrong before it is all here, nothing.

        Raises S3Error, OSError, and CalledOff within a second after `called_off` is set.
        """
        storage, address = Storage.connect(), self._address
        objects = layout(
            (found.key.removeprefix(address.key), found)
            for found in storage.list(address, called_off)
            if not is_folder_marker(found)
        )
        arriving = self._folder.with_name(f"{self._folder.name}.arriving")
        shutil.rmtree(arriving, ignore_errors=True)
        arriving.mkdir(parents=True)
        downloads = {
            place: Download(
                wanted=found,
                target=arriving / str(number),
                unfinished=arriving / f"{number}.unfinished",
                mode=_FILE_MODE,
            )
            for number, (place, found) in enumerate(objects.items())
        }
        download_all(storage, [*downloads.values()], progress=_nobody_asks, called_off=called_off)
        for place, one in downloads.items():
            put_inside(self._folder, place, one.target)
        arriving.rmdir()
        there = files_of(self._folder)
        self._memory.replace({place: there[place] for place in downloads})

    def start(self) -> None:
        """Keep S3 in step from now on, in a thread."""
        # Its own events: one that is called off and hangs in a request must not go on with the next.
        self._enough, self._called_off = threading.Event(), threading.Event()
        arguments = (self._enough, self._called_off)
        self._thread = threading.Thread(target=self._run, args=arguments, name="checkpoints to S3", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Look no more, and bring S3 to what the folder is now, where nobody writes into it any more.

        Raises S3Error, OSError, and CalledOff where `close` is called meanwhile.
        """
        thread, self._thread = self._thread, None
        self._enough.set()
        if thread is None:
            self._called_off = threading.Event()  # that of an earlier close is not meant
        else:
            thread.join()
        now = files_of(self._folder)
        self._bring_in_step(now, whole=now, called_off=self._called_off)
        self.problem = None

    def close(self) -> None:
        """Look no more; S3 stays as it is."""
        self._enough.set()
        self._called_off.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)
            self._thread = None

    @property
    def _address(self) -> S3Address:
        return S3Address.parse(self._uri).below("")

    def _run(self, enough: threading.Event, called_off: threading.Event) -> None:
        before: Mapping[str, Identity] = {}
        while not enough.wait(self._look_seconds):
            try:
                now = files_of(self._folder)
                whole = {place for place, identity in now.items() if before.get(place) == identity}
                before = now
                self._bring_in_step(now, whole, called_off)
                self.problem = None
            except CalledOff:
                return
            except Exception as error:  # noqa: BLE001 - the rim of the thread: the next look tries again
                self._storage = None  # whoever logs in again changes the credentials
                self.problem = f"the checkpoints in {self._folder} are not in step with {self._uri}: {error}"

    def _bring_in_step(self, now: Mapping[str, Identity], whole: Collection[str], called_off: threading.Event) -> None:
        kept = self._memory.kept
        changed = [place for place in whole if kept.get(place) != now[place]]
        deleted = [place for place in kept if place not in now]
        if not changed and not deleted:
            return
        self._storage = storage = self._storage or Storage.connect()
        self._memory.doubt(changed)
        tasks: list[Task] = [partial(self._upload, storage, place, now[place]) for place in changed]
        tasks += [partial(self._delete, storage, place) for place in deleted]
        try:
            run_parallel(tasks, threads=THREADS, called_off=called_off, tick=lambda: None)
        finally:
            self._memory.write()

    def _upload(self, storage: Storage, place: str, identity: Identity, called_off: threading.Event) -> None:
        """Upload a file that has not changed since it was looked at; what it is by then is for the next look."""
        one = Upload(
            open=lambda: open_inside(self._folder, place, identity),
            address=self._address.below(place),
            size=identity[0],
        )
        try:
            upload(storage, one, Tally(0, _nobody_asks), called_off)
            open_inside(self._folder, place, identity).close()
        except Changed:
            return
        self._memory.kept[place] = identity

    def _delete(self, storage: Storage, place: str, _: threading.Event) -> None:
        address = self._address.below(place)
        with as_s3_errors(address, storage.endpoint):
            storage.client.delete_object(Bucket=address.bucket, Key=address.key)
        del self._memory.kept[place]


class _Memory:
    """Which version of which file is in S3, in a file; None where it may be any, because an upload has begun."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def kept(self) -> dict[str, Identity | None]:
        if not self._path.exists():
            return {}
        document = json.loads(self._path.read_text(encoding="utf-8"))
        return {place: None if identity is None else tuple(identity) for place, identity in document.items()}

    def replace(self, kept: Mapping[str, Identity]) -> None:
        self.kept = dict(kept)
        self.write()

    def doubt(self, places: Iterable[str]) -> None:
        """From now on, and also for a later process, S3 may have any version of these, and need not have one."""
        self.kept.update(dict.fromkeys(places))
        self.write()

    def write(self) -> None:
        unfinished = self._path.with_name(f"{self._path.name}.unfinished")
        unfinished.write_text(json.dumps(dict(self.kept)), encoding="utf-8")
        unfinished.replace(self._path)


def _nobody_asks(_done: int, _total: int) -> None:
    """Checkpoints have no progress that anybody would see."""
