"""Folders with a model: as given, beside files that are none of it, broken, and empty."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tuner.serving.model_archive import unpack

#: What lies beside a model on the service: code of the SDK, and what tools leave.
_BESIDE = ("code/README.txt", ".hidden", "empty.file", "name with spaces.tmp", "notes/one/deep.txt")
_BROKEN_BYTES = 1024 * 1024
_READABLE, _OPEN = 0o755, 0o777


def model_folder(source: Path | None, place: Path) -> Path:
    """The folder of a model: `source` itself where it is one, an archive unpacked at `place`, an empty one for None.

    Raises ModelArchiveError.
    """
    if source is None:
        place.mkdir(parents=True)
        place.chmod(_READABLE)
        return place
    if source.is_dir():
        return source
    unpack(source, place)
    return place


def with_other_files(model: Path, place: Path) -> Path:
    """`model` again at `place`, without costing its bytes, with files beside it that belong to no model."""
    shutil.copytree(model, place, symlinks=True, copy_function=_link)
    for name in _BESIDE:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text("" if name.startswith("empty") else "no part of the model\n", encoding="utf-8")
    _open_up(place, _READABLE)
    return place


def copied(model: Path, place: Path) -> Path:
    """A copy of `model` at `place` that anyone may write to."""
    shutil.copytree(model, place, symlinks=True)
    _open_up(place, _OPEN)
    return place


def broken(model: Path, place: Path) -> Path | None:
    """A copy of `model` at `place` of which every file, but those of ``code``, is damaged; None where there is none."""
    if not list(_own_files(model)):
        return None
    shutil.copytree(model, place, symlinks=True, copy_function=_damage)
    if (model / "code").is_dir():
        shutil.rmtree(place / "code")
        shutil.copytree(model / "code", place / "code", symlinks=True)
    _open_up(place, _READABLE)
    return place


def _own_files(model: Path) -> Iterator[Path]:
    for path in model.rglob("*"):
        if path.is_file() and path.relative_to(model).parts[0] != "code":
            yield path


def _damage(source: str, target: str) -> None:
    with Path(source).open("rb") as file:
        content = file.read(2 * _BROKEN_BYTES)
    half = content[: len(content) // 2]
    Path(target).write_bytes(bytes(byte ^ 0xA5 for byte in half) + b"\xff\xfe\x00")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _open_up(folder: Path, mode: int) -> None:
    """Folders of `folder` are as everybody may use them: images need not run as root."""
    for place, _, _ in os.walk(folder):
        with suppress(PermissionError):
            Path(place).chmod(mode)
