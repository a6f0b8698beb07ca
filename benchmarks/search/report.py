"""From the file of results to figures, and figures as tables in Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.search import analysis, problems, results
from benchmarks.search.analysis import RandomPool
from benchmarks.search.figures import OURS, Figures, Row, Triple, figures_of, triple
from benchmarks.search.goals import ParallelFigures
from benchmarks.search.problem import Problem, Split
from benchmarks.search.results import Run, RunKey
from benchmarks.search.simulation import Setting


class Results:
    """The results of one half of the split, of one version of each optimiser.

    `ours` are the versions of ours to look at, the first preferred; otherwise, as for all others, it is the one with
    the most runs in the setting that everything is run in, 30x2.
    """

    def __init__(self, path: Path, split: Split, ours: Sequence[str] = ()) -> None:
        self.split = split
        self.problems = problems.of_split(split)
        today = {problem.name: problems.version_of(problem) for problem in self.problems}
        self._runs = [run for run in results.read(path) if today.get(run.key.problem) == run.key.problem_version]
        self.versions = self._versions(ours)

    def _versions(self, ours: Sequence[str]) -> dict[str, tuple[str, ...]]:
        usual = [run for run in self._runs if run.key.setting == "30x2"] or self._runs
        names = dict.fromkeys(run.key.optimiser for run in usual)
        found = {name: results.version_of_most_runs(usual, name) for name in names}
        chosen = {name: (version,) for name, version in found.items() if version is not None}
        return chosen | ({OURS: tuple(ours)} if ours else {})

    @property
    def counts_of_ours(self) -> dict[str, int]:
        """The runs in 30x2 of every version of ours, the newest last."""
        return results.version_counts((run for run in self._runs if run.key.setting == "30x2"), OURS)

    def runs(self, setting: Setting) -> dict[tuple[str, str, int], Run]:
        """By optimiser, problem and seed; of several versions the preferred."""
        found: dict[tuple[str, str, int], Run] = {}
        for run in self._runs:
            if run.key.setting != setting.name or run.key.version not in self.versions.get(run.key.optimiser, ()):
                continue
            key = (run.key.optimiser, run.key.problem, run.key.seed)
            if key not in found or self._place(run.key) <= self._place(found[key].key):
                found[key] = run
        return found

    def _place(self, key: RunKey) -> int:
        return self.versions[key.optimiser].index(key.version)

    def best(self, chosen: Sequence[Problem]) -> dict[str, float]:
        """The best value of each problem that anybody found, with any version, in any setting."""
        best = {problem.name: problems.random_pool(problem).best for problem in chosen}
        for run in self._runs:
            if run.key.problem in best:
                best[run.key.problem] = min(best[run.key.problem], *run.true)
        return best

    def figures(self, setting: Setting, *, only: Sequence[str] = (), at: Sequence[int] = ()) -> Figures | None:
        """The figures of a setting, over the problems that our version has run (or any, where ours has run none)."""
        runs = {key: run for key, run in self.runs(setting).items() if not only or key[0] in only}
        names = {key[1] for key in runs if key[0] == OURS} or {key[1] for key in runs}
        chosen = [problem for problem in self.problems if problem.name in names]
        return figures_of(runs, pools(chosen), self.best(chosen), setting, at or (10, setting.trials))


def pools(chosen: Sequence[Problem]) -> dict[str, RandomPool]:
    """Random search on each of these problems."""
    return {problem.name: problems.random_pool(problem) for problem in chosen}


def title(found: Figures, split: Split) -> str:
    """What a table of these figures is of."""
    return (
        f"{len(found.problems)} problems of the {split.value} set, {found.setting.trials} trials,"
        f" {found.setting.parallel} at a time"
    )


def table(found: Figures) -> str:
    """All problems together, one line an optimiser."""
    at = list(found.rows[0].rank)
    columns = ["optimiser", "seeds", *(f"mean rank at {n}" for n in at), "random equivalents"]
    columns += [f"mean regret at {n}" for n in at]
    if found.ours is not None:
        columns += [f"ours to it at {n}" for n in at]
    columns += [f"CPU s a suggestion at {at[-1]}", "failed suggestions"]
    return rows_of(columns, [_cells(found, row, at) for row in found.rows])


def _cells(found: Figures, row: Row, at: Sequence[int]) -> list[str]:
    cells = [row.optimiser, span(row.seeds), *(interval(row.rank[n], 2) for n in at), interval(row.equivalents, 1)]
    cells += [interval(row.regret[n], 3) for n in at]
    if found.ours is not None:
        cells += ["" if row.optimiser == OURS or row.ratio is None else f"{row.ratio[n][0]:.2f}" for n in at]
    return [*cells, f"{row.seconds[at[-1]]:.3f}", str(row.errors)]


def table_by_problem(found: Figures) -> str:
    """The random equivalents by problem; the best of each in bold."""
    names = [row.optimiser for row in found.rows]
    lines = []
    for problem, values in found.by_problem.items():
        most = max(values.values())
        cells = []
        for name in names:
            text = f"> {found.capped[problem]:.0f}" if found.is_cut(problem, name) else f"{values[name]:.1f}"
            cells.append(f"**{text}**" if values[name] >= 0.999 * most else text)
        lines.append([problem, *cells])
    return rows_of(["random equivalents", *names], lines)


def rows_of(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    head = [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
    return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in lines)])


def interval(triple: Triple, digits: int) -> str:
    """A value with its interval."""
    value, low, high = triple
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def span(seeds: tuple[int, int]) -> str:
    """The fewest and the most."""
    return str(seeds[0]) if seeds[0] == seeds[1] else f"{seeds[0]} to {seeds[1]}"


def described(versions: Mapping[str, Sequence[str]], optimiser: str) -> str:
    """The version of an optimiser, as a reader looks for it."""
    return " or ".join(versions.get(optimiser, ())) or "none"


def parallel_figures(found: Results) -> ParallelFigures | None:
    """What 100 trials with 8 at a time lose of one at a time; None where ours has no runs of both.

    One at a time is 100x1 where ours was run so, and otherwise 60x1 beside the first 60 that ended of 100x8.
    """
    many = found.runs(Setting(trials=100, parallel=8))
    for trials in (100, 60):
        one = found.runs(Setting(trials=trials, parallel=1))
        pairs = [key for key in one if key[0] == OURS and key in many]
        if pairs:
            break
    else:
        return None
    chosen = [problem for problem in found.problems if problem.name in {key[1] for key in pairs}]
    random, best = pools(chosen), found.best(chosen)
    regrets = {
        problem.name: np.array(
            [
                [
                    analysis.regret(
                        analysis.values_taken_home(run.observed, run.true)[[trials - 1]],
                        best[problem.name],
                        random[problem.name].median,
                    )[0]
                    for run in (one[key], many[key])
                ]
                for key in pairs
                if key[1] == problem.name
            ]
        )
        for problem in chosen
    }
    chance = {name: pool.expected_regret(trials, best[name]) for name, pool in random.items()}
    lost = triple(analysis.bootstrap(regrets, analysis.gain_lost(chance)), 1)
    figures = found.figures(Setting(trials=100, parallel=8), at=[100])
    ranking: list[tuple[str, Triple]] = []
    if figures is not None and figures.ours is not None:
        rows = [figures.ours, *(row for row in figures.rows if row is not figures.ours)]
        ranking = [(row.optimiser, row.rank[100]) for row in rows]
    return ParallelFigures(lost=lost, against=trials, pairs=len(pairs), ranking=ranking)
