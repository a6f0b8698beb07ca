"""Unpacking ``model.tar.gz``: an archive of unknown origin, which may be larger than memory.

Nothing is written outside the folder. Symbolic links are made last, so that no member can be written through one, and
each is looked at when all are there. Python's own extraction filters came with 3.11.4, too late for us.
"""

import gzip
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from contracts.paths import OptMlLayout
from tuner.serving.errors import ModelArchiveError

_CHUNK_BYTES = 1 << 20
_READABLE, _FOLDER, _EXECUTABLE = 0o644, 0o755, 0o111

#: What reading an archive that is damaged, or none, raises.
_UNREADABLE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack `archive`, a ``.tar.gz``, into `folder`, which is made anew, as it is read, in one pass.

    Files become readable for everybody: images need not run as root. Devices and FIFOs, names and links that lead out
    of the folder, and archives that are damaged or of another format raise ModelArchiveError, and nothing is left.
    An absolute link into ``/opt/ml/model``, where the container sees the folder, becomes a relative one.
    """
    _remove(folder)
    folder.mkdir(parents=True)
    try:
        with _reading(archive), gzip.open(archive) as content:
            with tarfile.open(fileobj=content, mode="r|") as tar:
                _Extraction(archive, folder).take(tar)
            while content.read(_CHUNK_BYTES):  # to the end, where the checksum is
                pass
    except BaseException:
        _remove(folder)
        raise


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        with archive.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
        if is_gzip:
            raise ModelArchiveError(
                f"{archive} is damaged, or no tar archive inside: {error}. Was it copied whole?"
                " `tar -tzf FILE` shows how much of it can be read."
            ) from error
        raise ModelArchiveError(
            f"{archive} is not compressed with gzip. SageMaker takes nothing else:"
            " `tar -czf model.tar.gz -C FOLDER .` packs a folder."
        ) from error


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


class _Extraction:
    """One archive on its way into one folder."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self._archive = archive
        self._root = folder.resolve()
        self._links: dict[PurePosixPath, str] = {}

    def take(self, tar: tarfile.TarFile) -> None:
        """Write all members, then the symbolic links."""
        for member in tar:
            self._take(tar, member)
        for folder, _, _ in os.walk(self._root):
            Path(folder).chmod(_FOLDER)  # whatever this process's umask is
        for name, target in self._links.items():
            self._make_link(name, target)
        for name in self._links:
            if not Path(os.path.realpath(self._root / name)).is_relative_to(self._root):
                raise self._outside(str(name), f"links to {self._links[name]!r}")

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = self._inside(member.name, member)
        path = self._root / name
        if path == self._root:
            return  # ``./``, as `tar -C FOLDER .` writes it
        if name in self._links and not member.issym():
            raise self._refusal(member, "is in the archive twice, once as a link")
        if member.isdir():
            self._make_folder(path, member)
        elif member.issym():
            self._links[name] = member.linkname
        elif member.islnk():
            self._link_file(path, member)
        elif member.isreg():
            self._write(tar, path, member)
        else:
            raise self._refusal(member, "is neither a file nor a folder nor a link")

    def _inside(self, name: str, member: tarfile.TarInfo) -> PurePosixPath:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            raise self._outside(member.name, f"leads to {name!r}")
        return path

    def _make_folder(self, path: Path, member: tarfile.TarInfo) -> None:
        if path.is_file():
            raise self._refusal(member, "is in the archive twice, as a file and as a folder")
        self._make_parents(path, member)
        path.mkdir(exist_ok=True)

    def _write(self, tar: tarfile.TarFile, path: Path, member: tarfile.TarInfo) -> None:
        self._make_room(path, member)
        content = tar.extractfile(member)
        assert content is not None  # it is a regular file
        with path.open("xb") as file:
            shutil.copyfileobj(content, file, _CHUNK_BYTES)
        path.chmod(_READABLE | member.mode & _EXECUTABLE)

    def _link_file(self, path: Path, member: tarfile.TarInfo) -> None:
        target = self._root / self._inside(member.linkname, member)
        if not target.is_file():
            raise self._refusal(member, f"is a hard link to {member.linkname!r}, which is no file before it")
        if path != target:
            self._make_room(path, member)
            path.hardlink_to(target)

    def _make_room(self, path: Path, member: tarfile.TarInfo) -> None:
        """Of two files of one name the later counts, as with every `tar`."""
        if path.is_dir():
            raise self._refusal(member, "is in the archive twice, as a file and as a folder")
        self._make_parents(path, member)
        path.unlink(missing_ok=True)

    def _make_parents(self, path: Path, member: tarfile.TarInfo) -> None:
        if any(parent.is_file() for parent in path.parents if parent.is_relative_to(self._root)):
            raise self._refusal(member, "lies in a folder that is in the archive as a file")
        path.parent.mkdir(parents=True, exist_ok=True)

    def _make_link(self, name: PurePosixPath, target: str) -> None:
        path, seen_by_container = self._root / name, OptMlLayout().model
        if PurePosixPath(target).is_relative_to(seen_by_container):
            inside = self._root / PurePosixPath(target).relative_to(seen_by_container)
            target = os.path.relpath(inside, path.parent)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)
        except OSError as error:
            raise ModelArchiveError(
                f"{self._archive}: the link {str(name)!r} cannot be made: {error.strerror}"
            ) from error

    def _outside(self, name: str, what: str) -> ModelArchiveError:
        return ModelArchiveError(
            f"{self._archive}: the member {name!r} {what}, out of the model's folder. Nothing of it was unpacked."
        )

    def _refusal(self, member: tarfile.TarInfo, what: str) -> ModelArchiveError:
        return ModelArchiveError(f"{self._archive}: the member {member.name!r} {what}. Nothing of it was unpacked.")
