"""``s3://`` addresses, what they name, and where it goes on a disk. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from tuner.s3.errors import S3Error

_SCHEME = "s3://"
#: The most bytes that a name in a folder can have on Linux.
_LONGEST_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class S3Address:
    """A bucket, and a key in it or what keys begin with. A key is taken as it stands: no ``%20`` in it is a space."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """The address that `uri` is; raises S3Error where it names no bucket."""
        bucket, _, key = uri.removeprefix(_SCHEME).partition("/")
        if not is_s3(uri) or not bucket:
            raise S3Error(f"{uri}: not an address in S3, which is s3://BUCKET/KEY")
        return cls(bucket, key)

    def below(self, name: str) -> Self:
        """The address of `name` in the folder that this one is, with or without a slash at its end."""
        folder = self.key if not self.key or self.key.endswith("/") else f"{self.key}/"
        return type(self)(self.bucket, folder + name)

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.key}"


@dataclass(frozen=True, kw_only=True, slots=True)
class S3Object:
    """One version of an object: `etag`, without its quotes, changes whenever the content does. `size` is in bytes."""

    bucket: str
    key: str
    size: int
    etag: str

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.key}"


def is_s3(uri: str) -> bool:
    """Whether `uri` is in S3."""
    return uri.startswith(_SCHEME)


def is_folder_marker(found: S3Object) -> bool:
    """Whether an object is there only so that consoles show a folder; S3's own tools pass it over as well."""
    return found.key.endswith("/") and found.size == 0


def is_whole_step(prefix: str, key: str) -> bool:
    """Whether `key` is the object or in the folder called `prefix`, and does not just begin with the same letters."""
    return not prefix or prefix.endswith("/") or key == prefix or key.startswith(f"{prefix}/")


def place_of(prefix: str, key: str) -> str:
    """Where below a channel's folder the object `key` goes that was found by `prefix`.

    Relative to the prefix where that is a folder, with or without its slash; an object whose key goes on in the middle
    of a name, or ends there, keeps that name: of ``s3://b/train/part-`` the object ``train/part-1`` goes to ``part-1``.
    """
    is_folder_without_slash = prefix and not prefix.endswith("/") and key.startswith(f"{prefix}/")
    if is_folder_without_slash:
        return key[len(prefix) + 1 :]
    return key[prefix.rfind("/") + 1 :]


def layout(places: Iterable[tuple[str, S3Object]]) -> Mapping[str, S3Object]:
    """What goes where, by its path below a folder; raises S3Error where that cannot be.

    Keys are free text, and not all make a path: ``../x`` would leave the folder, ``a`` and ``a/b`` cannot both be.
    """
    objects: dict[str, S3Object] = {}
    for place, found in places:
        if (why := _why_no_path(place)) is not None:
            raise S3Error(f"{found}: as a file it would be {place!r}, {why}; rename the object, or use Pipe mode")
        if objects.setdefault(place, found) != found:
            raise S3Error(f"{found} and {objects[place]} would be the same file, {place!r}: give them different names")
    for place, found in objects.items():
        for folder in _folders_above(place):
            if folder in objects:
                raise S3Error(
                    f"{objects[folder]} would be a file where {found} needs a folder: rename one, or use Pipe mode"
                )
    return objects


def _why_no_path(place: str) -> str | None:
    steps = place.split("/")
    if not {"", ".", ".."}.isdisjoint(steps):
        return "which is no place below its folder: it has an empty step, a . or a .."
    if "\0" in place:
        return "which has a zero byte in it"
    if any(len(step.encode()) > _LONGEST_NAME_BYTES for step in steps):
        return f"which has a name of more than {_LONGEST_NAME_BYTES} bytes in it"
    return None


def _folders_above(place: str) -> Iterable[str]:
    end = place.rfind("/")
    while end != -1:
        yield place[:end]
        end = place.rfind("/", 0, end)
