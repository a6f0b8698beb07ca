"""A search file: what is known of a job's search and the request has no word for, in a file beside the job file.

It is a file of its own so that the job file stays a request, which any client of the service takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.errors import JobFileError, RequestPath, Violation
from tuner.requests.front_door import locate, raise_violations
from tuner.requests.job_file import read_job_file
from tuner.requests.search_model import SEARCH_FILE, SEARCH_SHAPES
from tuner.requests.search_rules import check_search_rules
from tuner.requests.service_model import check_shape

#: What a search file's name ends in, before the ending that says how it is written.
SEARCH_ENDING = ".search"
_WRITTEN = (".yaml", ".yml", ".json")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedSearch:
    """What a search file says. `path` and `lines` are there where it came from a file."""

    extension: Mapping[str, Any]
    path: Path | None = None
    lines: Mapping[RequestPath, int] = field(default_factory=dict)
    texts: Mapping[RequestPath, str] = field(default_factory=dict)

    def validate(self, request: Mapping[str, Any]) -> list[Violation]:
        """All that is wrong with it beside `request`, which is valid; sorted by line."""
        found = check_shape(SEARCH_SHAPES, SEARCH_FILE, self.extension, self.texts)
        return self.locate(found or check_search_rules(self.extension, request))

    def check(self, request: Mapping[str, Any]) -> None:
        """Raise ValidationError or NotSupported with all that is wrong beside `request`, which is valid."""
        raise_violations(self.validate(request), self.path)

    def locate(self, violations: list[Violation]) -> list[Violation]:
        """The violations with the lines of the file, where it is one."""
        return locate(violations, self.lines) if self.lines else violations


def search_file_beside(job_file: Path) -> Path | None:
    """The search file of the job file at `job_file`: ``tuning-job.search.yaml`` of ``tuning-job.yaml``, if it exists.

    Raises JobFileError where there are two, of which nobody knows which is meant.
    """
    stem = job_file.name.removesuffix(job_file.suffix)
    beside = [job_file.with_name(f"{stem}{SEARCH_ENDING}{ending}") for ending in _WRITTEN]
    found = [path for path in beside if path.exists()]
    if len(found) > 1:
        names = " and ".join(str(path) for path in found)
        raise JobFileError(f"there are {names}: keep one, or say which with --search")
    return found[0] if found else None


def load_search(path: Path) -> LoadedSearch:
    """Read the search file at `path`; raises JobFileError. What it says is not looked at yet."""
    file = read_job_file(path)
    return LoadedSearch(extension=file.request, path=path, lines=file.lines, texts=file.texts)
