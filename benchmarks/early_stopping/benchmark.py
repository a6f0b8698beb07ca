"""How many epochs early stopping saves, and what it costs: our rules beside other libraries', on learning-curve tables.

    .venv/bin/python benchmarks/early_stopping/benchmark.py [--split held-out] [--seeds 20] [--suggestions random]
        [--only RULE ...] [--trials 30] [--parallel 3] [--json FILE] [--by-table]

Prints the table. Tables are trained at the first call, which takes about half an hour on one core, and kept in
build/early-stopping. Peers run in environments that `benchmarks/search/benchmark.py set-up --only light torch` makes;
those that are not there are left out, and it is said. README.md beside this file tells what is measured.
"""

import argparse
import functools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.early_stopping.replay import Result, Suggest, Tried, replay, result  # noqa: E402
from benchmarks.early_stopping.stoppers import STOPPERS, PeerRule  # noqa: E402
from benchmarks.early_stopping.tables import HELD_OUT, TUNING, Table  # noqa: E402
from benchmarks.search.problem import Split  # noqa: E402
from contracts.jobs import ObjectiveStatus  # noqa: E402
from contracts.metrics import ObjectiveType  # noqa: E402
from tuner.search.goal import Goal  # noqa: E402
from tuner.search.strategy import make_strategy, trial_generator  # noqa: E402
from tuner.search.trials import Trial  # noqa: E402

_ALL = TUNING + HELD_OUT


def bayesian(table: Table, seed: int) -> Suggest:
    """Suggestions of the Bayesian strategy as it ships, each the row nearest to it that has not been tried."""
    goal = Goal(objective_type=ObjectiveType(table.type))

    def suggest(place: int, tried: Sequence[Tried]) -> int:
        trials = [
            Trial(
                index=index,
                configuration=table.space.decode(table.points[one.row]),
                status=_status(one),
                objective=one.curve[-1].value if one.curve else None,
            )
            for index, one in enumerate(tried, start=1)
        ]
        configuration = make_strategy("Bayesian", goal).suggest(table.space, trials, trial_generator(seed, place + 1))
        assert configuration is not None
        distances = np.linalg.norm(table.points - table.space.encode(configuration), axis=1)
        distances[[one.row for one in tried]] = np.inf
        return int(distances.argmin())

    return suggest


def _status(one: Tried) -> ObjectiveStatus:
    if np.isinf(one.ended):
        return ObjectiveStatus.PENDING
    return ObjectiveStatus.SUCCEEDED if one.curve else ObjectiveStatus.FAILED


def run(rule: str, tables: Sequence[Table], options: argparse.Namespace) -> dict[str, list[Result]]:
    """The results of one rule, by table and seed."""
    stopper = STOPPERS[rule]()
    found: dict[str, list[Result]] = {}
    for table in tables:
        for seed in range(options.seeds):
            suggest = bayesian(table, seed) if options.suggestions == "bayesian" else None
            tried = replay(table, seed, stopper, trials=options.trials, parallel=options.parallel, suggest=suggest)
            found.setdefault(table.name, []).append(result(table, tried))
    if isinstance(stopper, PeerRule):
        stopper.close()
    return found


def interval(values: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], float]) -> tuple[float, float]:
    """95 % by bootstrap over tables and, within each, seeds; `values` are (tables, seeds, numbers)."""
    generator = np.random.default_rng(0)
    tables, seeds = values.shape[:2]
    drawn = []
    for _ in range(1000):
        rows = generator.integers(tables, size=(tables, 1))
        drawn.append(statistic(values[rows, generator.integers(seeds, size=(tables, seeds))]))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=[str(split) for split in Split], default=str(Split.HELD_OUT))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--parallel", type=int, default=3)
    parser.add_argument("--suggestions", choices=["random", "bayesian"], default="random")
    parser.add_argument("--only", nargs="+", choices=list(STOPPERS), default=list(STOPPERS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--by-table", action="store_true")
    options = parser.parse_args()
    tables = [table for table in _ALL if table.split == options.split]
    found: dict[str, dict[str, list[Result]]] = {}
    for rule in dict.fromkeys(["none", *options.only]):
        try:
            found[rule] = run(rule, tables, options)
        except FileNotFoundError:
            print(f"{rule}: its environment is not there, so it is left out", file=sys.stderr)
            continue
        print(f"{rule}: done", file=sys.stderr, flush=True)
    if options.json:
        document = {
            rule: {name: [asdict(one) for one in some] for name, some in by.items()} for rule, by in found.items()
        }
        options.json.write_text(json.dumps({"options": {**vars(options), "json": None}, "results": document}))
    print(
        f"{len(tables)} {options.split} tables, {options.seeds} seeds, {options.trials} {options.suggestions}"
        f" trials, {options.parallel} at a time\n"
    )
    print_table(found, [table.name for table in tables])
    if options.by_table:
        for table in tables:
            print(f"\n{table.name}\n")
            print_table(found, [table.name])


def print_table(found: dict[str, dict[str, list[Result]]], names: Sequence[str]) -> None:
    """One row a rule."""
    print("| rule | epochs | time | false stops | better configurations left | as good as without |")
    print("| --- | --- | --- | --- | --- | --- |")
    plain = found["none"]
    for rule, by_table in found.items():
        numbers = np.array(
            [
                [
                    [one.epochs, one.wall / none.wall, one.false_stops, one.records, one.rank, one.rank <= none.rank]
                    for one, none in zip(by_table[name], plain[name], strict=True)
                ]
                for name in names
            ],
            dtype=float,
        )
        cells = [_cell(numbers, functools.partial(_mean, place=place), _percent) for place in (0, 1)]
        cells.append(_cell(numbers, _false_stops, _percent))
        cells.append(_cell(numbers, functools.partial(_mean, place=4), _permille))
        cells.append(_cell(numbers, functools.partial(_mean, place=5), _percent))
        print(f"| {rule} | {' | '.join(cells)} |")


def _mean(values: NDArray[np.float64], place: int) -> float:
    return float(values[..., place].mean())


def _false_stops(values: NDArray[np.float64]) -> float:
    return float(values[..., 2].sum() / max(values[..., 3].sum(), 1.0))


def _cell(
    values: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], float], text: Callable[[float], str]
) -> str:
    low, high = interval(values, statistic)
    return f"{text(statistic(values))} ({text(low)} to {text(high)})"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _permille(value: float) -> str:
    return f"{100 * value:.1f} %"


if __name__ == "__main__":
    main()
