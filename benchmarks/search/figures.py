"""What the results of one setting come to: ranks, regrets, random equivalents, each with its interval. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.search import analysis
from benchmarks.search.analysis import Array, RandomPool
from benchmarks.search.results import Run
from benchmarks.search.simulation import Setting

OURS, RANDOM = "algodock", "random"
#: Trainings by stochastic gradient descent, of which the published factor is known.
_SGD = "sgd-"

Triple = tuple[float, float, float]
"""A value, and the low and the high end of its 95 % interval."""

Runs = Mapping[tuple[str, str, int], Run]
"""By optimiser, problem and seed."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One optimiser.

    `seeds` are the fewest and the most that a problem has. `rank`, `behind` (mean ranks behind ours), `regret` and
    `ratio` (our mean regret to this one's) are by number of trials; the last two columns, and `sgd`, the random
    equivalents on the SGD problems alone, are None where there is nothing to compare. Seconds are of one CPU.
    """

    optimiser: str
    versions: tuple[str, ...]
    seeds: tuple[int, int]
    rank: dict[int, Triple]
    behind: dict[int, Triple] | None
    regret: dict[int, Triple]
    ratio: dict[int, Triple] | None
    equivalents: Triple
    sgd: Triple | None
    seconds: dict[int, float]
    errors: int


@dataclass(frozen=True, kw_only=True)
class Duel:
    """Ours and an optimiser that has not run every problem, on the problems and seeds that both have run.

    `wins` is how often ours is better in the end; `ratio` our mean regret to the other's by number of trials.
    """

    optimiser: str
    problems: int
    pairs: int
    wins: Triple
    ratio: dict[int, Triple]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a report says of one setting.

    `rows` have the best mean rank first. `by_problem` are random equivalents, at most `capped`. `curves` are the mean
    regret by number of trials, `chance` that of random search, computed. `left_out` says how many problems an
    optimiser has run that has not run all.
    """

    setting: Setting
    problems: list[str]
    rows: list[Row]
    by_problem: dict[str, dict[str, float]]
    capped: dict[str, float]
    curves: dict[str, list[float]]
    chance: list[float]
    left_out: dict[str, int]
    duels: list[Duel]

    def row(self, optimiser: str) -> Row | None:
        """The row of an optimiser; None where it is left out."""
        return next((row for row in self.rows if row.optimiser == optimiser), None)

    @property
    def ours(self) -> Row | None:
        """Our row."""
        return self.row(OURS)

    @property
    def peers(self) -> list[Row]:
        """The rows of other libraries."""
        return [row for row in self.rows if row.optimiser not in {OURS, RANDOM}]

    def is_cut(self, problem: str, optimiser: str) -> bool:
        """Whether the random equivalents there are the most that can be told."""
        return self.by_problem[problem][optimiser] >= 0.999 * self.capped[problem]

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self) | {"setting": self.setting.name}


def figures_of(
    runs: Runs,
    pools: Mapping[str, RandomPool],
    best: Mapping[str, float],
    setting: Setting,
    at: Sequence[int],
) -> Figures | None:
    """The figures of the optimisers that have run every problem of `pools` at least once; None where there are none.

    `best` is the best value of each problem that anybody found.
    """
    problems = list(pools)
    optimisers = list(dict.fromkeys(key[0] for key in runs))
    covered = {name: {key[1] for key in runs if key[0] == name} & set(problems) for name in optimisers}
    names = [name for name in optimisers if len(covered[name]) == len(problems)]
    if not names or not problems:
        return None
    taken = {name: _taken(runs, names, name, setting.trials) for name in problems}
    regrets = {name: analysis.regret(taken[name], best[name], pools[name].median) for name in problems}
    equivalents = analysis.random_equivalents(pools, best, setting.trials)
    rows = _rows(runs, names, regrets, equivalents, at)
    last = {problem: values[:, :, -1] for problem, values in regrets.items()}
    return Figures(
        setting=setting,
        problems=problems,
        rows=sorted(rows, key=lambda row: row.rank[at[-1]][0]),
        by_problem={
            problem: dict(zip(names, equivalents(one, analysis.equally(one)).tolist(), strict=True))
            for problem, one in ((problem, {problem: values}) for problem, values in last.items())
        },
        capped={name: pools[name].most_trials / setting.trials for name in problems},
        curves={
            name: np.mean(
                [analysis.mean_of_seeds(values[:, place], np.ones(len(values))) for values in regrets.values()], axis=0
            ).tolist()
            for place, name in enumerate(names)
        },
        chance=np.mean(
            [pools[name].expected_regrets(range(1, setting.trials + 1), best[name]) for name in problems], axis=0
        ).tolist(),
        left_out={name: len(covered[name]) for name in optimisers if name not in names},
        duels=[
            duel
            for name in optimisers
            if name not in names and OURS in names
            if (duel := _duel(runs, name, pools, best, setting, at)) is not None
        ],
    )


def _duel(  # noqa: PLR0917 - one caller, which has all of them
    runs: Runs,
    name: str,
    pools: Mapping[str, RandomPool],
    best: Mapping[str, float],
    setting: Setting,
    at: Sequence[int],
) -> Duel | None:
    shared = {key: run for key, run in runs.items() if (OURS, *key[1:]) in runs and (name, *key[1:]) in runs}
    problems = [problem for problem in pools if any(key[1] == problem for key in shared)]
    if not problems:
        return None
    regrets = {
        problem: analysis.regret(
            _taken(shared, [OURS, name], problem, setting.trials), best[problem], pools[problem].median
        )
        for problem in problems
    }
    then = {number: {problem: values[:, :, number - 1] for problem, values in regrets.items()} for number in at}
    ratio = {number: analysis.bootstrap(then[number], analysis.regret_ratio(0)) for number in at}
    return Duel(
        optimiser=name,
        problems=len(problems),
        pairs=sum(len(values) for values in regrets.values()),
        wins=triple(analysis.bootstrap(then[at[-1]], analysis.share_of_wins(0)), 1),
        ratio=_triples(ratio, 1),
    )


def _taken(runs: Runs, names: Sequence[str], problem: str, trials: int) -> Array:
    """The values taken home: (seeds, optimisers, trials), NaN where there is no run."""
    seeds = sorted({key[2] for key in runs if key[0] in names and key[1] == problem})
    values = np.full((len(seeds), len(names), trials), np.nan)
    for row, seed in enumerate(seeds):
        for column, name in enumerate(names):
            run = runs.get((name, problem, seed))
            if run is not None:
                values[row, column] = analysis.values_taken_home(run.observed, run.true)
    return values


def _rows(
    runs: Runs,
    names: Sequence[str],
    regrets: Mapping[str, Array],
    equivalents: analysis.Statistic,
    at: Sequence[int],
) -> list[Row]:
    last = {problem: values[:, :, -1] for problem, values in regrets.items()}
    sgd = {problem: values for problem, values in last.items() if problem.startswith(_SGD)}
    ours = names.index(OURS) if OURS in names else None
    then = {number: {problem: values[:, :, number - 1] for problem, values in regrets.items()} for number in at}
    rank = {number: analysis.bootstrap(then[number], analysis.mean_rank) for number in at}
    regret = {number: analysis.bootstrap(then[number], analysis.mean_regret) for number in at}
    behind = ratio = None
    if ours is not None:
        behind = {number: analysis.bootstrap(then[number], analysis.behind(ours)) for number in at}
        ratio = {number: analysis.bootstrap(then[number], analysis.regret_ratio(ours)) for number in at}
    of_all = analysis.bootstrap(last, equivalents)
    of_sgd = analysis.bootstrap(sgd, equivalents) if sgd else None
    rows = []
    for place, name in enumerate(names):
        mine = [run for key, run in runs.items() if key[0] == name and key[1] in regrets]
        counts = [int((~np.isnan(values[:, place])).sum()) for values in last.values()]
        rows.append(
            Row(
                optimiser=name,
                versions=tuple(dict.fromkeys(run.key.version for run in mine)),
                seeds=(min(counts), max(counts)),
                rank=_triples(rank, place),
                behind=_triples(behind, place) if behind else None,
                regret=_triples(regret, place),
                ratio=_triples(ratio, place) if ratio else None,
                equivalents=triple(of_all, place),
                sgd=triple(of_sgd, place) if of_sgd else None,
                seconds={number: float(np.median([run.cpu[number - 5 : number] for run in mine])) for number in at},
                errors=sum(len(run.errors) for run in mine),
            )
        )
    return rows


def _triples(intervals: Mapping[int, analysis.Interval], place: int) -> dict[int, Triple]:
    return {number: triple(interval, place) for number, interval in intervals.items()}


def triple(interval: analysis.Interval, place: int) -> Triple:
    """The part of an interval that is one optimiser's."""
    value, low, high = interval
    return float(value[place]), float(low[place]), float(high[place])
