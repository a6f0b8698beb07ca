"""``file://`` addresses and the paths that they name."""

from pathlib import Path
from urllib.parse import unquote

_SCHEME = "file://"


def is_local(uri: str) -> bool:
    """Whether `uri` names something on this host."""
    return uri.startswith(_SCHEME)


def local_path(uri: str) -> Path:
    """The path that a ``file://`` address names; ``%20`` in it is a space."""
    return Path(local_text(uri))


def local_text(uri: str) -> str:
    """The same as text, with its last slash where it has one: a manifest's keys are put behind it as they are."""
    return unquote(uri.removeprefix(_SCHEME))
