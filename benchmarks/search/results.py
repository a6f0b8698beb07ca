"""The file of results: one JSON object a line, one line a run, appended as runs end. What is there is not run again."""

import json
import math
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
    """What is kept of a run. Lists are in the order in which trials ended; `cpu` and `wall` in the order of asking."""

    key: RunKey
    observed: list[float | None]
    true: list[float]
    cpu: list[float]
    wall: list[float]
    errors: list[str]


def run_of(key: RunKey, steps: list[Step]) -> Run:
    """What is kept of the steps of a simulation."""
    asked = sorted(steps, key=lambda step: step.trial)
    return Run(
        key=key,
        observed=[step.outcome.observed for step in steps],
        true=[step.outcome.true for step in steps],
        cpu=[step.suggestion.cpu for step in asked],
        wall=[step.suggestion.wall for step in asked],
        errors=[step.suggestion.error for step in asked if step.suggestion.error],
    )


def write(path: Path, run: Run) -> None:
    """Append a run, whole or not at all."""
    entry: dict[str, Any] = {
        **{name: getattr(run.key, name) for name in RunKey.__slots__},
        "observed": run.observed,
        "true": [value if math.isfinite(value) else None for value in run.true],
        "cpu": run.cpu,
        "wall": run.wall,
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
            wall=entry["wall"],
            errors=entry["errors"],
        )


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
