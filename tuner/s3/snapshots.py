"""Folders with the objects of a channel, kept so that no version of an object is downloaded twice.

Below its root: ``objects/`` has one file for each version of an object, ``snapshots/`` one folder for each set of them,
made of hard links to those files. Which snapshot a channel needs follows from the ETags that S3 lists, so data that has
changed is another snapshot, for which only the objects that changed are downloaded. Both are read-only, and get their
names when they are whole.
"""

import fcntl
import hashlib
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from tuner.s3.addresses import S3Object
from tuner.s3.downloads import Download, download_all
from tuner.s3.errors import S3Error
from tuner.s3.storage import Storage

#: Images do not all run as root, so everybody may look.
_FOLDER_MODE = 0o755

_GIGABYTE = 10**9


class SnapshotCache:
    """The snapshots below `root`. Threads and processes may use it at the same time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._objects = root / "objects"
        self._snapshots = root / "snapshots"

    def snapshot(
        self,
        storage: Storage,
        layout: Mapping[str, S3Object],
        *,
        progress: Callable[[int, int], None],
        called_off: threading.Event,
    ) -> Path:
        """The folder in which `layout`, objects by their path, lies. It stays as it is until `free` removes it.

        Raises S3Error, OSError, and CalledOff within a second after `called_off` is set; what was downloaded by then is
        used by the next call.
        """
        folder = self._snapshots / _name(storage, layout)
        with self._kept():
            if folder.is_dir():
                total = sum(found.size for found in layout.values())
                progress(total, total)
                return folder
            downloads = {place: self._download(storage, found) for place, found in layout.items()}
            wanted = list({one.target: one for one in downloads.values()}.values())
            self._check_space(wanted)
            download_all(storage, wanted, progress=progress, called_off=called_off)
            self._link({place: one.target for place, one in downloads.items()}, folder)
        return folder

    def free(self, in_use: Collection[Path]) -> int:
        """Remove all but the snapshots `in_use`, and what was left half done; return how many bytes that gave back.

        Raises S3Error while something is being downloaded, OSError.
        """
        if not self._root.is_dir():
            return 0
        with self._alone():
            used = {path.name for path in in_use}
            for folder in _entries(self._snapshots):
                if folder.name not in used:
                    shutil.rmtree(folder)
            freed = 0
            # Notes first: were they to outlive the file that they are about, they would be believed of the next one.
            for path in sorted(_files(self._objects), key=lambda path: path.suffix != ".parts"):
                status = path.stat()
                if status.st_nlink == 1:  # no snapshot has it
                    path.unlink()
                    freed += status.st_blocks * 512
            return freed

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Nothing is freed in the block."""
        for folder in (self._objects, self._snapshots):
            folder.mkdir(parents=True, exist_ok=True)
        with (self._root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody downloads in the block."""
        with (self._root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise S3Error(f"{self._root}: data is being downloaded into it; wait, or stop the job") from None
            yield

    def _download(self, storage: Storage, found: S3Object) -> Download:
        name = _digest(storage.endpoint, found.bucket, found.key, found.etag, str(found.size))
        folder = self._objects / name[:2]
        folder.mkdir(exist_ok=True)
        return Download(wanted=found, target=folder / name[2:], unfinished=folder / f"{name[2:]}.unfinished")

    def _check_space(self, wanted: Collection[Download]) -> None:
        needed = sum(one.wanted.size for one in wanted if not one.target.exists())
        there = sum(one.unfinished.stat().st_blocks * 512 for one in wanted if one.unfinished.exists())
        free = shutil.disk_usage(self._root).free
        if needed - there > free:
            raise S3Error(
                f"the data needs {_readable(needed - there)} of space and {self._root} has {_readable(free)}:"
                " make room, put the home on a larger disk, or use Pipe mode, which keeps nothing"
            )

    def _link(self, files: Mapping[str, Path], folder: Path) -> None:
        building = Path(mkdtemp(dir=self._snapshots, prefix=".building-"))
        try:
            building.chmod(_FOLDER_MODE)
            for place, file in files.items():
                _make_folder((building / place).parent, building)
                (building / place).hardlink_to(file)
            building.rename(folder)
        except OSError:
            shutil.rmtree(building)
            if not folder.is_dir():  # somebody else has just made the same
                raise


def _make_folder(path: Path, top: Path) -> None:
    if path != top and not path.is_dir():
        _make_folder(path.parent, top)
        path.mkdir()
        path.chmod(_FOLDER_MODE)


def _name(storage: Storage, layout: Mapping[str, S3Object]) -> str:
    lines = (
        _digest(storage.endpoint, place, found.bucket, found.key, found.etag, str(found.size))
        for place, found in sorted(layout.items())
    )
    return _digest(*lines)[:32]


def _digest(*texts: str) -> str:
    """A name that no two different lists of texts share."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _readable(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count < _GIGABYTE else f"{count / 1e9:,.1f} GB"
