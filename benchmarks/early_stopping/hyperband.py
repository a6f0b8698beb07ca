"""What is found for so many epochs: Hyperband and early stopping, ours and other libraries', on learning-curve tables.

    .venv/bin/python benchmarks/early_stopping/hyperband.py [--split held-out] [--seeds 3] [--budget 15] [--parallel 4]
        [--only SEARCH ...] [--report-only]

Results are kept in build/early-stopping/spending.jsonl, and what is there is not run again: delete the file after a
change. Peers run in environments that `benchmarks/search/benchmark.py set-up --only light torch` makes; those that are
not there are left out, and it is said. README.md beside this file tells what is measured.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.early_stopping.benchmark import interval  # noqa: E402
from benchmarks.early_stopping.searchers import SEARCHERS, PeerSearcher  # noqa: E402
from benchmarks.early_stopping.spending import spend  # noqa: E402
from benchmarks.early_stopping.tables import BUILD, HELD_OUT, TUNING, Table  # noqa: E402
from benchmarks.search.problem import Split  # noqa: E402

_RESULTS = BUILD / "spending.jsonl"
#: After these shares of the budget is looked.
_SHARES = (1 / 3, 2 / 3, 1.0)
#: Half a row: what is added to a share of rows before its logarithm is taken.
_HALF_A_ROW = 0.5 / 400


def run(name: str, table: Table, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One search of one table."""
    searcher = SEARCHERS[name](table, seed, options.parallel)
    try:
        spent = spend(table, seed, searcher, budget=options.budget, parallel=options.parallel)
    finally:
        if isinstance(searcher, PeerSearcher):
            searcher.close()
    places = [math.ceil(share * len(spent.left)) - 1 for share in _SHARES]
    later = np.array(spent.left[places[0] :])
    return {
        **_key(name, table.name, seed, options),
        "left": [spent.left[place] for place in places],
        "log": float(np.log(later + _HALF_A_ROW).mean()),
        "rows": spent.rows,
    }


def _key(name: str, table: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    return {"search": name, "table": table, "seed": seed, "budget": options.budget, "parallel": options.parallel}


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=[str(split) for split in Split], default=str(Split.HELD_OUT))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=15, help="whole trainings' worth of epochs")
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--only", nargs="+", choices=list(SEARCHERS), default=list(SEARCHERS))
    parser.add_argument("--report-only", action="store_true")
    options = parser.parse_args()
    tables = [table for table in (*TUNING, *HELD_OUT) if table.split == options.split]
    missing_environments: set[str] = set()
    for seed in range(0 if options.report_only else options.seeds):
        for name in options.only:
            for table in tables:
                known = _known(_key(name, table.name, seed, options))
                if known or name in missing_environments:
                    continue
                try:
                    result = run(name, table, seed, options)
                except FileNotFoundError as error:
                    print(f"{name}: the environment {error} is not there, so it is left out", file=sys.stderr)
                    missing_environments.add(name)
                    continue
                with _RESULTS.open("a") as file:
                    file.write(json.dumps(result) + "\n")
            print(f"seed {seed}, {name}: done", file=sys.stderr, flush=True)
    report(tables, options)


def _results() -> list[dict[str, Any]]:
    return [json.loads(line) for line in _RESULTS.read_text().splitlines()] if _RESULTS.exists() else []


def _known(key: dict[str, Any]) -> dict[str, Any] | None:
    return next((one for one in _results() if key.items() <= one.items()), None)


def report(tables: Sequence[Table], options: argparse.Namespace) -> None:
    """One row a search, of those that have all tables for a seed; the best first."""
    rows = {}
    for name in options.only:
        by_seed = [[_known(_key(name, table.name, seed, options)) for table in tables] for seed in range(options.seeds)]
        complete = [[one for one in some if one] for some in by_seed if all(some)]
        if complete:
            rows[name] = np.array([[[*one["left"], one["log"], one["rows"]] for one in some] for some in complete])
    print(f"{len(tables)} {options.split} tables, {options.budget} trainings' epochs, {options.parallel} at a time\n")
    print("| search | seeds | after a third | after two thirds | at the end | mean of logarithms | configurations |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, numbers in sorted(rows.items(), key=lambda item: float(item[1][..., 3].mean())):
        values = numbers.transpose(1, 0, 2)  # tables first
        cells = [_cell(values, place, 100, " %") for place in range(3)]
        cells += [_cell(values, 3, 1, ""), f"{values[..., 4].mean():.0f}"]
        print(f"| {name} | {len(numbers)} | {' | '.join(cells)} |")


def _cell(values: NDArray[np.float64], place: int, factor: float, unit: str) -> str:
    def mean(some: NDArray[np.float64]) -> float:
        return factor * float(some[..., place].mean())

    low, high = interval(values, mean)
    digits = 2 if factor == 1 else 1
    return f"{mean(values):.{digits}f}{unit} ({low:.{digits}f} to {high:.{digits}f})"


if __name__ == "__main__":
    main()
