"""Writes what one run is given to a folder of this host, and says how it is mounted."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.channels import Channel, InputMode, format_input_data_config
from contracts.paths import OptMlLayout
from tuner.conformance.sending import Sending, SentChannel
from tuner.engine.protocol import Mount

#: A channel of more bytes is not copied to be written to; it is mounted read-only in every run.
MOST_COPIED_BYTES = 64 * 1024**2
#: A folder of more entries is not mounted entry by entry.
MOST_ENTRIES = 200
#: Where the files of a nested channel are put; an object key with slashes becomes folders like these.
_BELOW = "part/one"
#: Names that object stores and tools leave beside files, and none of them holds anything to train on.
ODD_FILES = ("_SUCCESS", ".hidden", "empty.file", "name with spaces.tmp", "a.b.c.d", "x" * 200)
_WRITABLE = 0o777


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """A run's folder: its ``/opt/ml`` as this host sees it, and the mounts that bring it into the container."""

    layout: OptMlLayout
    checkpoints: Path
    mounts: tuple[Mount, ...]


def stage(sending: Sending, folder: Path, checkpoints: Path | None = None) -> Staged:
    """Write what `sending` says below `folder`; `checkpoints` are those of an earlier run, used as they are."""
    layout, inside = OptMlLayout(folder / "opt" / "ml"), OptMlLayout()
    layout.config.mkdir(parents=True)
    layout.data.mkdir()
    for path in (layout.model, layout.output_data):
        _make_writable(path)
    _make_writable(layout.output)
    kept = checkpoints or folder / "checkpoints"
    mounts = [
        Mount(source=layout.input, target=str(inside.input), read_only=sending.config_read_only),
        Mount(source=layout.model, target=str(inside.model)),
        Mount(source=layout.output, target=str(inside.output)),
    ]
    for channel in sending.channels:
        mounts += _lay_out(channel, layout, read_only=sending.channels_read_only)
    if sending.with_checkpoints:
        _make_writable(kept)
        mounts.append(Mount(source=kept, target=str(inside.checkpoints)))
    for number, name in enumerate(sending.hidden):
        mounts.append(Mount(source=_nothing(folder / f"hidden-{number}", name), target=name.rstrip("/")))
    _write_config(sending, layout)
    return Staged(layout=layout, checkpoints=kept, mounts=tuple(mounts))


def _write_config(sending: Sending, layout: OptMlLayout) -> None:
    channels = (
        Channel(
            name=one.name,
            input_mode=one.mode,
            content_type=one.content_type,
            record_wrapper=one.record_wrapper,
        )
        for one in sending.channels
    )
    texts = {
        layout.hyperparameters: json.dumps(sending.hyperparameters, sort_keys=True, ensure_ascii=False),
        layout.input_data_config: format_input_data_config(channels),
        layout.resource_config: json.dumps(sending.resource_config, sort_keys=True),
    }
    if sending.with_checkpoints:
        texts[layout.checkpoint_config] = json.dumps({"LocalPath": str(OptMlLayout().checkpoints)})
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    layout.config.chmod(sending.config_mode)


def _lay_out(channel: SentChannel, layout: OptMlLayout, *, read_only: bool) -> Iterator[Mount]:
    """The mounts of one channel. What is the user's is mounted read-only, or copied where it may be written to."""
    if channel.mode is InputMode.PIPE:
        return  # no folder; the FIFO of an epoch comes with its writer
    here, inside = layout.channel(channel.name), OptMlLayout().channel(channel.name)
    here.mkdir()
    source = channel.source
    copied = source is not None and not read_only and size_of(source) <= MOST_COPIED_BYTES
    alone = source is not None and source.is_dir() and not (channel.nested or channel.odd_files)
    if source is not None and alone and not copied:
        yield Mount(source=source, target=str(inside), read_only=True)
        return
    yield Mount(source=here, target=str(inside), read_only=read_only)
    for name in ODD_FILES if channel.odd_files else ():
        (here / name).touch()
    below = Path(_BELOW) if channel.nested else Path()
    (here / below).mkdir(parents=True, exist_ok=True)
    for entry in _entries(source):
        place = here / below / entry.name
        if copied:
            _copy(entry, place)
        else:
            _nothing(place, "/" if entry.is_dir() else "")
            yield Mount(source=entry, target=str(inside / below / entry.name), read_only=True)


def _entries(source: Path | None) -> list[Path]:
    if source is None:
        return []
    return sorted(source.iterdir()) if source.is_dir() else [source]


def size_of(source: Path) -> int:
    """The bytes below `source`."""
    files = source.rglob("*") if source.is_dir() else [source]
    return sum(path.stat().st_size for path in files if path.is_file())


def has_few_entries(source: Path) -> bool:
    """Whether `source` can be mounted entry by entry."""
    return len(_entries(source)) <= MOST_ENTRIES


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _nothing(place: Path, name: str) -> Path:
    """An empty folder at `place` where `name` ends in a slash, else an empty file: something to mount, or mount on."""
    if name.endswith("/"):
        place.mkdir()
    else:
        place.touch()
    return place


def _make_writable(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(_WRITABLE)
