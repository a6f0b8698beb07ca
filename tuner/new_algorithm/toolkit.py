"""The toolkit: Algodock's side of an image, copied into an algorithm's folder.

It is `container` without the reference algorithm, and `contracts`; docs/adr/0021 tells why it is copied. The packages
are found, never imported: `tuner` and `container` do not meet.
"""

import hashlib
import tempfile
from collections.abc import Mapping
from importlib.metadata import distribution, version
from importlib.util import find_spec
from pathlib import Path

from tuner.errors import TunerError

#: The folder's name.
TOOLKIT = "toolkit"
#: Its list of files with their hashes: what `sha256sum --check` reads.
_SUMS = "SHA256SUMS"

_PACKAGES = ("container", "contracts")
#: The reference algorithm and the lock files of its images.
_LEFT_OUT = {"cifar10", "requirements", "__pycache__"}
_SUFFIXES = {".py", ".typed"}


class ToolkitChanged(TunerError):
    """A toolkit that cannot be renewed: there is none, or somebody has changed it."""


def write_toolkit(folder: Path) -> None:
    """Write this version's toolkit into `folder`, which is not there yet."""
    files = _files()
    for name, content in {**files, _SUMS: _sums(files)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def update_toolkit(algorithm: Path) -> bool:
    """Replace the toolkit in the folder of an algorithm by this version's; return whether it was another one.

    One that was deleted is written again. Raises ToolkitChanged, and leaves everything as it is, where the image has
    none or where files in it were changed.
    """
    toolkit = algorithm / TOOLKIT
    if not uses_toolkit(algorithm) or (toolkit.exists() and not (toolkit / _SUMS).is_file()):
        raise ToolkitChanged(f"{algorithm} has no {TOOLKIT} that `algodock init` has written")
    changed = _changed(toolkit) if toolkit.exists() else []
    if changed:
        raise ToolkitChanged(
            f"{toolkit} was changed and would be overwritten: {', '.join(changed)}. Move the changes to files of your"
            f" own, delete {toolkit}, and try again"
        )
    if toolkit.exists() and (toolkit / _SUMS).read_bytes() == _sums(_files()):
        return False
    # Written whole before the old one goes: a full disk changes nothing.
    with tempfile.TemporaryDirectory(dir=algorithm, prefix=f".{TOOLKIT}-") as beside:
        write_toolkit(Path(beside) / "new")
        if toolkit.exists():
            toolkit.rename(Path(beside) / "old")
        (Path(beside) / "new").rename(toolkit)
    return True


def uses_toolkit(algorithm: Path) -> bool:
    """Whether the image of the algorithm in this folder has the toolkit in it."""
    dockerfile = algorithm / "Dockerfile"
    return dockerfile.is_file() and f"COPY {TOOLKIT}/" in dockerfile.read_text(encoding="utf-8")


def _files() -> Mapping[str, bytes]:
    """The content of each file by its path in the toolkit."""
    files = {
        "README.md": _readme().encode(),
        "LICENSE": (distribution("algodock").read_text("licenses/LICENSE") or "").encode(),
        "requirements.txt": _requirements().encode(),
    }
    for package in _PACKAGES:
        root = _root(package)
        for path in sorted(root.rglob("*")):
            relative = path.relative_to(root)
            if path.is_file() and path.suffix in _SUFFIXES and not _LEFT_OUT & set(relative.parts):
                files[f"{package}/{relative}"] = path.read_bytes()
    return files


def _root(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _readme() -> str:
    return f"""# The toolkit of Algodock {version("algodock")}

What stands around an algorithm in its image: `train` and `serve`. Made by `algodock init`; `algodock init --update`
renews it. Nothing here is to be changed: what is yours is in the folder above. Apache License 2.0, in `LICENSE`.
"""


def _requirements() -> str:
    """What the packages import, as pip reads it: the requirements of Algodock's extra called container."""
    marker = "extra == 'container'"
    lines = [
        text.partition(";")[0].strip()
        for text in distribution("algodock").requires or ()
        if marker in text.replace('"', "'")
    ]
    return "# What the toolkit imports.\n" + "".join(f"{line}\n" for line in lines)


def _sums(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()


def _changed(toolkit: Path) -> list[str]:
    """The files of the list that are not as they were written; and those that are not in it."""
    listed = {}
    for line in (toolkit / _SUMS).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    found = {
        str(path.relative_to(toolkit)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in toolkit.rglob("*")
        if path.is_file() and path.name != _SUMS and "__pycache__" not in path.parts
    }
    return sorted(name for name in listed.keys() | found.keys() if listed.get(name) != found.get(name))
