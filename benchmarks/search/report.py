"""The figures of the results, as a table, as JSON and as a picture."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.search import analysis, problems, results
from benchmarks.search.peers import version
from benchmarks.search.problem import Split
from benchmarks.search.simulation import Setting

_NO_PEERS = ("algodock", "random")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One optimiser. Intervals are 95 %. `regret` and `rank` are by number of trials; seconds are of one CPU."""

    optimiser: str
    version: str
    rank: dict[int, tuple[float, float, float]]
    regret: dict[int, tuple[float, float, float]]
    to_best_peer: dict[int, float]
    equivalents: tuple[float, float, float]
    seconds: dict[int, float]
    errors: int


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the report says. `curves` is the mean regret by trial; `by_problem` the random equivalents."""

    split: Split
    setting: Setting
    seeds: dict[str, int]
    rows: list[Row]
    by_problem: dict[str, dict[str, float]]
    capped: dict[str, float]
    curves: dict[str, list[float]]

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self) | {"setting": self.setting.name, "split": self.split.value}


def figures(path: Path, split: Split, setting: Setting, optimisers: Sequence[str], at: Sequence[int] | None) -> Figures:
    """Over every problem and seed that all optimisers with any result in this setting have run."""
    runs = _runs(path, split, setting, optimisers)
    names = [name for name in optimisers if any(key[0] == name for key in runs)]
    complete = {
        problem.name: seeds
        for problem in problems.of_split(split)
        if (
            seeds := sorted(
                set.intersection(*({key[2] for key in runs if key[:2] == (name, problem.name)} for name in names))
                if names
                else set()
            )
        )
    }
    if not complete:
        raise SystemExit("no problem and seed that all these optimisers have run; choose with --only")
    pools = {name: problems.random_pool(problems.PROBLEMS[name]) for name in complete}
    taken = {
        name: np.array(
            [
                [
                    analysis.values_taken_home(runs[one, name, seed].observed, runs[one, name, seed].true)
                    for one in names
                ]
                for seed in seeds
            ]
        )
        for name, seeds in complete.items()
    }
    best = {name: min(pools[name].best, float(taken[name].min())) for name in complete}
    regrets = {name: analysis.regret(taken[name], best[name], pools[name].median) for name in complete}
    return _figures(split, setting, names, runs, complete, pools, best, regrets, at or (10, setting.trials))


def _runs(
    path: Path, split: Split, setting: Setting, optimisers: Sequence[str]
) -> dict[tuple[str, str, int], results.Run]:
    """By optimiser, problem and seed, those of today's versions."""
    versions = {name: version(name) for name in optimisers}
    today = {problem.name: problems.version_of(problem) for problem in problems.of_split(split)}
    return {
        (run.key.optimiser, run.key.problem, run.key.seed): run
        for run in results.read(path)
        if run.key.setting == setting.name
        and versions.get(run.key.optimiser) == run.key.version
        and today.get(run.key.problem) == run.key.problem_version
    }


def _figures(  # noqa: PLR0917 - one caller, which has all of them
    split: Split,
    setting: Setting,
    names: list[str],
    runs: dict[tuple[str, str, int], results.Run],
    complete: dict[str, list[int]],
    pools: dict[str, analysis.RandomPool],
    best: dict[str, float],
    regrets: dict[str, NDArray[np.float64]],
    at: Sequence[int],
) -> Figures:
    equivalents = analysis.random_equivalents(pools, best, setting.trials)
    last = {name: rows[:, :, -1] for name, rows in regrets.items()}
    of_equivalents = analysis.bootstrap(last, equivalents)
    rank, regret, to_peer = {}, {}, {}
    for number in at:
        then = {name: rows[:, :, number - 1] for name, rows in regrets.items()}
        rank[number] = analysis.bootstrap(then, analysis.mean_rank)
        regret[number] = analysis.bootstrap(then, analysis.mean_regret)
        peers = [value for name, value in zip(names, regret[number][0], strict=True) if name not in _NO_PEERS]
        to_peer[number] = regret[number][0] / min(peers) if peers else np.full(len(names), np.nan)
    rows = []
    for place, name in enumerate(names):
        mine = [runs[name, problem, seed] for problem, seeds in complete.items() for seed in seeds]
        rows.append(
            Row(
                optimiser=name,
                version=mine[0].key.version,
                rank={number: _triple(rank[number], place) for number in at},
                regret={number: _triple(regret[number], place) for number in at},
                to_best_peer={number: float(to_peer[number][place]) for number in at},
                equivalents=_triple(of_equivalents, place),
                seconds={number: float(np.median([run.cpu[number - 5 : number] for run in mine])) for number in at},
                errors=sum(len(run.errors) for run in mine),
            )
        )
    return Figures(
        split=split,
        setting=setting,
        seeds={name: len(seeds) for name, seeds in complete.items()},
        rows=sorted(rows, key=lambda row: row.rank[at[-1]][0]),
        by_problem={
            problem: dict(zip(names, equivalents({problem: rows_}).tolist(), strict=True))
            for problem, rows_ in last.items()
        },
        capped={name: pools[name].most_trials / setting.trials for name in complete},
        curves={
            name: np.mean([rows_[:, place].mean(0) for rows_ in regrets.values()], axis=0).tolist()
            for place, name in enumerate(names)
        },
    )


def _triple(
    statistic: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], place: int
) -> tuple[float, float, float]:
    value, low, high = statistic
    return float(value[place]), float(low[place]), float(high[place])


def table(found: Figures) -> str:
    """Two tables in Markdown: all problems together, and the random equivalents of each."""
    at = list(found.rows[0].rank)
    counts = sorted(set(found.seeds.values()))
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    title = (
        f"{len(found.seeds)} problems of the {found.split.value} set, {seeds} seeds, {found.setting.trials} trials,"
        f" {found.setting.parallel} at a time"
    )
    columns = ["optimiser", "version", *(f"mean rank at {n}" for n in at), "random equivalents"]
    for n in at:
        columns += [f"mean regret at {n}", "to best peer"]
    columns += [*(f"CPU s a suggestion at {n}" for n in at), "failed suggestions"]
    lines = [title, "", f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
    for row in found.rows:
        cells = [row.optimiser, row.version]
        cells += [_interval(row.rank[n], 2) for n in at]
        cells += [_interval(row.equivalents, 1)]
        for n in at:
            cells += [_interval(row.regret[n], 3), f"{row.to_best_peer[n]:.2f}"]
        cells += [f"{row.seconds[n]:.3f}" for n in at]
        lines.append(f"| {' | '.join([*cells, str(row.errors)])} |")
    names = [row.optimiser for row in found.rows]
    lines += ["", f"| random equivalents by problem | {' | '.join(names)} |", "|" + " --- |" * (1 + len(names))]
    for problem, values in found.by_problem.items():
        capped = found.capped[problem]
        cells = [f"> {capped:.0f}" if values[name] >= 0.999 * capped else f"{values[name]:.1f}" for name in names]
        lines.append(f"| {problem} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(triple: tuple[float, float, float], digits: int) -> str:
    value, low, high = triple
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def picture(found: Figures, path: Path) -> None:
    """A page with the mean regret by number of trials, one line an optimiser."""
    import plotly.graph_objects as go  # noqa: PLC0415 - a second to import, and seldom wanted

    figure = go.Figure()
    for row in found.rows:
        curve = found.curves[row.optimiser]
        figure.add_scatter(x=list(range(1, len(curve) + 1)), y=curve, name=row.optimiser, mode="lines")
    figure.update_layout(
        title=f"{len(found.seeds)} problems, {found.setting.parallel} trials at a time",
        xaxis_title="trials that have ended",
        yaxis_title="mean regret (0: the best known, 1: the median of random trials)",
        yaxis_type="log",
    )
    figure.write_html(path, include_plotlyjs=True)
