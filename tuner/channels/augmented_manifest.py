"""An augmented manifest in a file: its lines, found again by their place in it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from contracts.errors import InvalidManifest
from contracts.manifests import REFERENCE_SUFFIX, parse_augmented_line, reference
from tuner.channels.manifest_files import resolve
from tuner.channels.objects import missing_files
from tuner.errors import ChannelError
from tuner.s3.addresses import S3Address
from tuner.s3.errors import S3Error


class AugmentedManifest:
    """The lines of an augmented manifest and what the wanted `attributes` of each are.

    It is read from the file `path`, and was given as `where`: on this host that is the same.
    Only the places of lines are kept in memory. Raises ChannelError where the file cannot be read.
    """

    def __init__(self, path: Path, attributes: Sequence[str], where: Path | S3Address) -> None:
        self._path = path
        self._where = where
        self._attributes = attributes
        #: Of each line that is not blank: its number, from 1, and where it begins.
        self.places: list[tuple[int, int]] = []
        try:
            with path.open("rb") as file:
                position = 0
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        self.places.append((number, position))
                    position += len(line)
        except OSError as error:
            raise ChannelError(f"{path}: {error.strerror}") from error

    def values(self, places: Sequence[tuple[int, int]]) -> Iterator[bytes | Path | S3Address]:
        """The wanted attributes of the lines at `places`, in their order: a text's bytes, or what is referred to.

        Raises ChannelError, naming the line, where one is not what it has to be.
        """
        try:
            with self._path.open("rb") as file:
                for number, position in places:
                    file.seek(position)
                    yield from self._of_line(number, file.readline())
        except OSError as error:
            raise ChannelError(f"{self._path}: {error.strerror}") from error

    def check(self) -> None:
        """Read it once from end to end; raises ChannelError where a line is wrong or its file is not there."""
        if not self.places:
            raise ChannelError(f"the augmented manifest {self._path} has no line")
        for place in self.places:
            files = [value for value in self.values([place]) if isinstance(value, Path)]
            if (missing := missing_files(files)) is not None:
                raise ChannelError(f"{self._path}, line {place[0]} refers to what is not there: {missing}")

    def _of_line(self, number: int, line: bytes) -> Iterator[bytes | Path | S3Address]:
        try:
            found = parse_augmented_line(line.decode())
            if absent := [name for name in self._attributes if name not in found]:
                raise InvalidManifest(f"has no attribute {absent[0]!r}")  # noqa: TRY301 - the place is told below
            for name in self._attributes:
                if name.endswith(REFERENCE_SUFFIX):
                    yield resolve(reference(found[name]), self._where)
                else:
                    yield found[name].encode()
        except (InvalidManifest, UnicodeDecodeError, S3Error) as error:
            raise ChannelError(f"{self._where}, line {number} {error}") from error
