"""Tiny images with a shell and no Python in them, made without a build, a registry or a network.

`import_shell_image` hands the engine a tar archive with busybox, a link for each of its programs, and ``train``: a
shell script on the PATH, so that ``docker run IMAGE train`` works. It takes a fraction of a second.
"""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Protocol

from docker import APIClient

#: The label of each image that tests make; its value is the run's id.
RUN_LABEL = "algodock.test-run"

_FOLDERS = ("bin", "usr", "usr/local", "usr/local/bin", "etc", "opt", "lib", "lib64", "root")


class ShellAlgorithm(Protocol):
    """Makes an image, and returns its reference."""

    def __call__(self, script: str, *changes: str) -> str:
        """The image whose ``train`` is `script`; `changes` are further Dockerfile lines."""
        ...


class BusyboxMissingError(RuntimeError):
    """This machine has no busybox to put into an image; the text says how to get it."""


def import_shell_image(
    api: APIClient, repository: str, tag: str, script: str, *, labels: Mapping[str, str], changes: tuple[str, ...] = ()
) -> str:
    """Make the image ``repository:tag`` whose ``train`` runs `script` with ``/bin/sh``; return its reference.

    `changes` are further Dockerfile lines, for instance ``ENTRYPOINT ["train"]``. A `script` that brings its own ``#!``
    line keeps it. Raises BusyboxMissingError.
    """
    text = script if script.startswith("#!") else f"#!/bin/sh\n{script}\n"
    lines = [
        "ENV PATH=/usr/local/bin:/bin",
        *(f'LABEL "{name}"="{value}"' for name, value in labels.items()),
        *changes,
    ]
    reference = f"{repository}:{tag}"  # in one: Podman 4 does not look at a tag on its own
    api.import_image_from_data(_archive(text), repository=reference, changes=lines)
    return reference


def _archive(script: str) -> bytes:
    """A root file system of busybox and `script`, as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in _FOLDERS:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        temporary = tarfile.TarInfo("tmp")
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(temporary)
        for path, content in _programs().items():
            _add_file(archive, path, content, mode=0o755)
        for applet in _applets():
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        _add_file(archive, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", mode=0o644)
        _add_file(archive, "usr/local/bin/train", script.encode(), mode=0o755)
    return buffer.getvalue()


def _add_file(archive: tarfile.TarFile, path: str, content: bytes, *, mode: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _busybox() -> Path:
    found = shutil.which("busybox", path="/bin:/usr/bin:/usr/local/bin:/sbin:/usr/sbin")
    if found is None:
        raise BusyboxMissingError(
            "no busybox on this machine to make a test image of: `apt-get install busybox-static`"
        )
    return Path(found)


@cache
def _programs() -> dict[str, bytes]:
    """Busybox, and where it is not a static one the libraries that it loads, by their path in the image."""
    busybox = _busybox()
    files = {"bin/busybox": busybox.read_bytes()}
    for library in _libraries(busybox):
        files[str(library).lstrip("/")] = library.read_bytes()
    return files


def _libraries(program: Path) -> Iterator[Path]:
    answer = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    for line in answer.splitlines():
        for word in line.split():
            if word.startswith("/"):
                yield Path(word)


@cache
def _applets() -> tuple[str, ...]:
    listing = subprocess.run([_busybox(), "--list"], capture_output=True, text=True, check=True).stdout
    return tuple(name for name in listing.split() if name != "busybox")
