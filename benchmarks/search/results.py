"""The files of results: one JSON object a line, one line a run, appended as runs end. What is there is not run again.

They are kept in the project, packed, so that a change of ours is compared without running the peers again.
"""

import json
import math
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.search.simulation import Step


@dataclass(frozen=True, kw_only=True, slots=True)
class RunKey:
    """What makes two runs the same run; versions are part of it."""

    optimiser: str
    version: str
    problem: str
    problem_version: str
    setting: str
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What is kept of a run. Lists are in the order in which trials ended; `cpu` in the order of asking."""

    key: RunKey
    observed: list[float | None]
    true: list[float]
    cpu: list[float]
    errors: list[str]


def run_of(key: RunKey, steps: list[Step]) -> Run:
    """What is kept of the steps of a simulation."""
    asked = sorted(steps, key=lambda step: step.trial)
    return Run(
        key=key,
        observed=[step.outcome.observed for step in steps],
        true=[step.outcome.true for step in steps],
        cpu=[step.suggestion.cpu for step in asked],
        errors=[step.suggestion.error for step in asked if step.suggestion.error],
    )


def write(path: Path, run: Run) -> None:
    """Append a run, whole or not at all."""
    entry: dict[str, Any] = {
        **{name: getattr(run.key, name) for name in RunKey.__slots__},
        "observed": [None if value is None else _short(value) for value in run.observed],
        "true": [_short(value) if math.isfinite(value) else None for value in run.true],
        "cpu": run.cpu,
        "errors": run.errors,
    }
    append(path, entry)


def read(path: Path) -> Iterator[Run]:
    """All runs of a file; a last line that was cut off is no run."""
    for entry in entries(path):
        yield Run(
            key=RunKey(**{name: entry[name] for name in RunKey.__slots__}),
            observed=entry["observed"],
            true=[math.inf if value is None else value for value in entry["true"]],
            cpu=entry["cpu"],
            errors=entry["errors"],
        )


def _short(value: float) -> float:
    """Six significant digits: what is told apart by less is luck, and the files stay small."""
    return float(f"{value:.6g}")


def version_of_most_runs(runs: Iterable[Run], optimiser: str) -> str | None:
    """The version of an optimiser that has the most runs, of several the newest; None where it has none.

    A version that is being run just now has fewer than the last until it is done, and is not reported before.
    """
    counts = version_counts(runs, optimiser)
    return max(reversed(counts), key=lambda version: counts[version]) if counts else None


def version_counts(runs: Iterable[Run], optimiser: str) -> dict[str, int]:
    """The runs of each version of an optimiser, the version that was run last being the last."""
    counts: dict[str, int] = {}
    for run in runs:
        if run.key.optimiser == optimiser:
            counts[run.key.version] = counts.pop(run.key.version, 0) + 1
    return counts


def append(path: Path, entry: Mapping[str, Any]) -> None:
    """Append a line to a file of results of another kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file of results; one that was cut off is none."""
    if not path.is_file():
        return
    for line in path.read_text().splitlines():
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        yield entry


def keep(packed: Path, folder: Path, names: Iterable[str]) -> None:
    """Pack files of a folder, named relative to it; the same files make the same archive, whenever and by whomever."""
    with tarfile.open(packed, "w:xz", preset=9) as archive:
        for name in sorted(names):
            entry = tarfile.TarInfo(name)
            entry.size = (folder / name).stat().st_size
            with (folder / name).open("rb") as content:
                archive.addfile(entry, content)


def unpack(packed: Path, folder: Path) -> None:
    """What was kept, where the folder has no file of that name; what was measured since stays as it is."""
    if not packed.is_file():
        return
    with tarfile.open(packed) as archive:
        for entry in archive:
            if not (folder / entry.name).exists():
                archive.extract(entry, folder, filter="data")
