"""docs/search-benchmark.md: every goal with its figure, and how the figures came about. All of it from results."""

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.search import pictures, results, warm_start
from benchmarks.search.catalogue import ENVIRONMENTS, OPTIMISERS
from benchmarks.search.figures import OURS, RANDOM, Figures
from benchmarks.search.goals import (
    Finding,
    SpeedFigures,
    Verdict,
    WarmStartSummary,
    equivalents_findings,
    parallel_findings,
    rank_finding,
    regret_finding,
    speed_findings,
    warm_start_findings,
)
from benchmarks.search.machine import machine
from benchmarks.search.peers import BUILD, ROOT, version
from benchmarks.search.problem import Split
from benchmarks.search.report import (
    Results,
    described,
    interval,
    parallel_figures,
    rows_of,
    span,
    table,
    table_by_problem,
)
from benchmarks.search.simulation import Setting
from benchmarks.search.warm_start import Relation, TaskFigures, WarmStartFigures

PAGE, PICTURES = ROOT / "docs" / "search-benchmark.md", ROOT / "docs" / "pictures"
SECONDS_FILE, WARM_START_FILE = BUILD / "seconds.jsonl", BUILD / "warm-start.jsonl"
_EARLY_STOPPING = (
    Path("docs/early-stopping-benchmark.md"),
    Path("docs/early-stopping.md"),
    Path("benchmarks/early_stopping/README.md"),
)
_USUAL = Setting(trials=30, parallel=2)
#: Packages that are named with an environment, where they are in it.
_NOTABLE = ("numpy", "scipy", "scikit-learn", "torch", "botorch", "gpytorch", "jax", "tensorflow-probability", "gpy")
#: A problem is named as one where ours is behind if the best peer has so many times the random equivalents.
_CLEARLY = 1.5


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """What `seconds` has measured: CPU seconds, seconds by the clock and MiB, by optimiser and observations.

    The median, where it has measured several times: other programs may have run beside it.
    """

    cpu: dict[str, dict[int, float]]
    wall: dict[str, dict[int, float]]
    memory: dict[str, dict[int, float]]
    machines: list[str]


def write_page(path: Path, ours: Sequence[str]) -> list[Path]:
    """Write the page and its pictures from what is in the files of results; says what was written."""
    found = Results(path, Split.HELD_OUT, ours)
    usual = found.figures(_USUAL)
    speeds = _speeds(found.versions)
    warm = warm_start.figures(WARM_START_FILE, Split.HELD_OUT, found.versions.get(OURS, ()))
    PICTURES.mkdir(parents=True, exist_ok=True)
    written = list(_draw(usual, speeds, warm))
    PAGE.write_text("\n".join(_lines(found, usual, speeds, warm)) + "\n")
    return [PAGE, *written]


def _draw(usual: Figures | None, speeds: Speeds, warm: WarmStartFigures | None) -> Iterator[Path]:
    for name, picture, figures in (
        ("ranks", pictures.rank_picture, usual),
        ("regret", pictures.regret_picture, usual),
        ("problems", pictures.problem_picture, usual),
        ("seconds", pictures.seconds_picture, speeds.cpu),
        ("warm-start", pictures.warm_start_picture, warm),
    ):
        target = PICTURES / f"search-{name}.svg"
        if figures:
            picture(figures, target)  # type: ignore[operator] - each has its own kind of figures
            yield target
        else:
            target.unlink(missing_ok=True)


def _speeds(versions: Mapping[str, Sequence[str]]) -> Speeds:
    measured: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    machines: dict[str, None] = {}
    for entry in results.entries(SECONDS_FILE):
        name = entry["optimiser"]
        if entry["version"] in versions.get(name, (entry["version"],))[:1]:
            measured.setdefault((name, entry["observations"]), []).append(entry)
            machines[entry["machine"]] = None
    speeds = Speeds(cpu={}, wall={}, memory={}, machines=list(machines))
    for (name, count), entries in measured.items():
        for by_name, key in ((speeds.cpu, "cpu"), (speeds.wall, "wall"), (speeds.memory, "memory")):
            by_name.setdefault(name, {})[count] = statistics.median(entry[key] for entry in entries)
    return speeds


def _lines(found: Results, usual: Figures | None, speeds: Speeds, warm: WarmStartFigures | None) -> Iterator[str]:
    yield _INTRODUCTION
    yield "## What was to be reached, and what is\n"
    yield _goals(found, usual, speeds, warm)
    yield "\n## 30 trials, 2 at a time\n"
    yield from _usual(found, usual)
    yield "\n## Other settings\n"
    yield from _other_settings(found)
    yield "\n## Seconds a suggestion\n"
    yield from _seconds(speeds)
    yield "\n## Warm start\n"
    yield from _warm_start(warm)
    yield "\n## Early stopping\n"
    yield _early_stopping()
    yield "\n## Who took part\n"
    yield from _participants(found)
    yield "\n## How it was measured\n"
    yield _RULES
    yield f"\nThe machine on which this page was made: {machine()}."
    yield "Other programs may have run on it at the same time, which is why seconds are those of a CPU."


def _goals(found: Results, usual: Figures | None, speeds: Speeds, warm: WarmStartFigures | None) -> str:
    own_speeds = SpeedFigures(cpu=speeds.cpu[OURS], memory=speeds.memory[OURS]) if OURS in speeds.cpu else None
    findings: list[Finding] = [
        rank_finding(usual),
        *equivalents_findings(usual),
        regret_finding(usual),
        *parallel_findings(parallel_figures(found)),
        *speed_findings(own_speeds),
        *warm_start_findings(_summary(warm, Relation.RELATED), _summary(warm, Relation.MISLEADING)),
    ]
    lines = [
        [one.what, one.asked, one.measured, one.verdict.value + (f": {one.missed_by}" if one.missed_by else "")]
        for one in findings
    ]
    lines.append(["early stopping on learning curves", "see below", "[Early stopping](#early-stopping)", ""])
    counts = {verdict: sum(one.verdict is verdict for one in findings) for verdict in Verdict}
    said = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)
    if usual is not None and usual.left_out:
        said += f". Not compared with {', '.join(usual.left_out)}, of which there are too few runs; they are below"
    return f"Of {len(findings)} goals: {said}.\n\n" + rows_of(["what", "goal", "measured", "so"], lines)


def _summary(warm: WarmStartFigures | None, relation: Relation) -> WarmStartSummary | None:
    if warm is None or relation not in warm.together:
        return None
    together, tasks = warm.together[relation], warm.tasks[relation]
    until = [len(one.with_parent) + 1 if one.until is None else one.until for one in tasks]
    return WarmStartSummary(
        until=together.until,
        interval=together.interval,
        middle=statistics.median(until),
        most=len(together.with_parent),
    )


def _usual(found: Results, usual: Figures | None) -> Iterator[str]:
    if usual is None:
        yield "There are no results."
        return
    if usual.ours is None:
        yield "There are no results of ours.\n"
    yield f"{len(usual.problems)} of the {len(found.problems)} problems that are reported.\n"
    yield table(usual)
    yield from _left_out(usual)
    yield "\n![mean ranks](pictures/search-ranks.svg)\n"
    yield "Bars are 95 % intervals. A hollow mark is an optimiser whose difference to ours, in pairs of runs with the"
    yield "same problem, seed and noise, is within luck.\n"
    yield "![mean regret by number of trials](pictures/search-regret.svg)\n"
    yield "### Problem by problem\n"
    yield table_by_problem(usual)
    cut = [name for name in usual.problems if usual.ours and usual.is_cut(name, OURS)]
    if cut:
        yield f'\n">" is the most that can be told. Ours reaches it on {len(cut)}: {", ".join(cut)}.'
    yield "\n![random equivalents by problem](pictures/search-problems.svg)\n"
    yield from _where_behind(usual)


def _left_out(usual: Figures) -> Iterator[str]:
    if not usual.left_out:
        return
    said = ", ".join(f"{name} ({count} of {len(usual.problems)})" for name, count in usual.left_out.items())
    yield f"\nLeft out, because not every problem was run: {said}."
    if usual.duels:
        yield "On the problems and seeds that ours has run as well:\n"
        at = list(usual.duels[0].ratio)
        yield rows_of(
            ["optimiser", "problems", "runs", "ours is better", *(f"ours to it at {number}" for number in at)],
            [
                [
                    duel.optimiser,
                    str(duel.problems),
                    str(duel.pairs),
                    f"{duel.wins[0]:.0%} ({duel.wins[1]:.0%} to {duel.wins[2]:.0%})",
                    *(interval(duel.ratio[number], 2) for number in at),
                ]
                for duel in usual.duels
            ],
        )


def _where_behind(usual: Figures) -> Iterator[str]:
    if usual.ours is None or not usual.peers:
        return
    behind = []
    for problem, values in usual.by_problem.items():
        peer = max(usual.peers, key=lambda row: values[row.optimiser]).optimiser
        if values[peer] >= _CLEARLY * values[OURS]:
            said = f"> {values[peer]:.0f}" if usual.is_cut(problem, peer) else f"{values[peer]:.1f}"
            behind.append((values[peer] / values[OURS], problem, peer, values[OURS], said))
    first = sum(values[OURS] >= 0.999 * max(values.values()) for values in usual.by_problem.values())
    yield f"Ours has the most random equivalents, or as many as anybody, on {first} of {len(usual.problems)} problems."
    if not behind:
        yield f"No peer has {_CLEARLY} times as many anywhere."
        return
    yield f"A peer has {_CLEARLY} times as many or more on {len(behind)}:\n"
    yield rows_of(
        ["problem", "ours", "the best peer there", "factor"],
        [
            [problem, f"{own:.1f}", f"{said} ({peer})", f"{factor:.1f}"]
            for factor, problem, peer, own, said in sorted(behind, reverse=True)
        ],
    )


def _other_settings(found: Results) -> Iterator[str]:
    for setting in (Setting(trials=60, parallel=1), Setting(trials=100, parallel=1), Setting(trials=100, parallel=8)):
        figures = found.figures(setting)
        yield f"### {setting.trials} trials, {setting.parallel} at a time\n"
        if figures is None or figures.ours is None:
            yield "No results of ours.\n"
            continue
        yield f"{len(figures.problems)} of the {len(found.problems)} problems that are reported.\n"
        yield table(figures) + "\n"
    lost = parallel_figures(found)
    if lost is not None:
        yield f"With 8 at a time ours loses {lost.lost[0]:.0%} ({lost.lost[1]:.0%} to {lost.lost[2]:.0%}) of what one"
        yield f"at a time gains over random search in mean regret after {lost.against} trials, in {lost.pairs} pairs of"
        yield "runs."


def _seconds(speeds: Speeds) -> Iterator[str]:
    if not speeds.cpu:
        yield "Nothing was measured."
        return
    counts = sorted({count for by_count in speeds.cpu.values() for count in by_count})
    yield "After so many random observations of a problem with 6 ranges: CPU seconds of one more suggestion, and the"
    yield "seconds by the clock in brackets; the most memory of the process.\n"
    lines = [
        [
            name,
            *(
                f"{speeds.cpu[name][count]:.3f} ({speeds.wall[name][count]:.3f}), {speeds.memory[name][count]:.0f} MiB"
                if count in speeds.cpu[name]
                else ""
                for count in counts
            ),
        ]
        for name in sorted(speeds.cpu, key=lambda one: (one != OURS, one))
    ]
    yield rows_of(["optimiser", *(f"{count} observations" for count in counts)], lines)
    yield "\n![CPU seconds by number of observations](pictures/search-seconds.svg)\n"
    yield f"Measured on {'; '.join(speeds.machines)}."


def _warm_start(warm: WarmStartFigures | None) -> Iterator[str]:
    yield _WARM_START
    yield from warm_start_tables(warm)
    if warm is not None:
        yield "\n![mean regret with and without a parent](pictures/search-warm-start.svg)"


def warm_start_tables(warm: WarmStartFigures | None) -> Iterator[str]:
    """What parents gain and cost, task by task and together."""
    if warm is None:
        yield "\nThere are no results of ours."
        return
    for relation, together in warm.together.items():
        least = min(figures.seeds for figures in warm.tasks[relation])
        yield f"\nA {relation.value} parent, {len(warm.tasks[relation])} tasks, {least} seeds or more each:\n"
        columns = ["task", "parent", "regret at 10, cold", "with the parent", "cold at 30", "trials until that"]
        yield rows_of(columns, [_warm_line(one) for one in [*warm.tasks[relation], together]])


def _warm_line(one: TaskFigures) -> list[str]:
    until = f"more than {len(one.with_parent)}" if one.until is None else str(one.until)
    figures = [one.cold[9], one.with_parent[9], one.cold[-1]]
    name = "**all**" if not one.kind else one.name.partition("<-")[0]
    parent = one.kind if one.kind != "other data" else one.name.partition("<-")[2]
    within = f"{until} ({one.interval[0]:.0f} to {one.interval[1]:.0f})"
    return [name, parent, *(f"{value:.3f}" for value in figures), within]


def _early_stopping() -> str:
    for path in _EARLY_STOPPING:
        if (ROOT / path).is_file():
            target = path.relative_to("docs") if path.parts[0] == "docs" else Path("..") / path
            return f"It has a benchmark of its own, on learning curves: [{path}]({target})."
    return "There is no benchmark of it."


def _participants(found: Results) -> Iterator[str]:
    lines = []
    settings = ("30x2", "60x1", "100x1", "100x8")
    runs = {setting: found.runs(Setting.parse(setting)) for setting in settings}
    for name, entry in OPTIMISERS.items():
        state = described(found.versions, name) if name != RANDOM else "ours"
        cells = []
        for setting in settings:
            by_problem: dict[str, int] = {}
            for key in runs[setting]:
                if key[0] == name:
                    by_problem[key[1]] = by_problem.get(key[1], 0) + 1
            cells.append(
                f"{len(by_problem)} x {span((min(by_problem.values()), max(by_problem.values())))}"
                if by_problem
                else ""
            )
        lines.append([name, state, f"{entry.environment}", *cells])
    yield "Problems x seeds by setting (trials x at a time):\n"
    yield rows_of(["optimiser", "version", "environment", *settings], lines)
    yield ""
    counts = found.counts_of_ours
    others = {name: count for name, count in counts.items() if name not in found.versions.get(OURS, ())}
    is_todays = version(OURS) in found.versions.get(OURS, ())
    yield f"The version of ours is a digest of its sources; it {'is' if is_todays else 'is not'} that of the sources"
    yield "beside this page." + (
        f" Other versions with runs: {', '.join(f'{name} ({count})' for name, count in others.items())}."
        if others
        else ""
    )
    yield "Peers run with their defaults, in environments of their own:\n"
    yield rows_of(["environment", "what is in it"], list(_environments()))


def _environments() -> Iterator[list[str]]:
    for name, packages in ENVIRONMENTS.items():
        path = BUILD / "environments" / f"{name}.json"
        if not path.is_file():
            yield [name, "not installed"]
            continue
        there: dict[str, str] = json.loads(path.read_text())
        asked = [one.partition("[")[0].partition("<")[0].lower() for one in packages]
        names: Iterable[str] = dict.fromkeys([*asked, *_NOTABLE])
        yield [name, ", ".join(f"{one} {there[one]}" for one in names if one in there)]


_INTRODUCTION = """\
# How many trials a search needs

Every trial is a container that may take an hour, so the search is judged by what it has found after 30 trials and
fewer. This page compares Algodock's `Bayesian` strategy with other libraries: same problems, seeds, noise and order of
completion. It is written, with its pictures, by

```sh
.venv/bin/python benchmarks/search/benchmark.py page
```

from results that anybody can make again; [the benchmark's own page](../benchmarks/search/README.md) says how. No figure
in it is written by hand.
"""

_RULES = """\
- **The split.** Settings, priors and ideas were chosen on a tuning set; what is reported here is the held-out set,
  which nothing was chosen by. A search that is tuned on the problems that it is reported on says how well it was tuned.
  [Both sets are listed](../benchmarks/search/README.md#the-split): formulas, small models that are really trained, and
  public tuning tables.
- **Regret** is the noiseless value of the trial that looked best, on the scale from the best that anybody found (0) to
  the median of random trials (1).
- **Random equivalents**: the trials that random search needs for the same mean regret, per trial. What random search
  does is computed from thousands of random trials of each problem, and a quarter of these is the most that can be told.
  The mean over problems is geometric; where single problems are cut, it is a lower bound.
- **Mean rank**: 1 and the number of optimisers that are better, on average over problems. Not everybody has run equally
  many seeds. Any two are compared on the problems and seeds that both have run, which meet the same noise, and a rank
  is the sum of these comparisons; with equal seeds that is the usual mean rank. "Ours to it" is our mean regret divided
  by that of the other, again on what both have run. Mean regret and random equivalents are of all seeds that an
  optimiser has.
- Whoever has not run every problem is left out of a table.
- **Intervals** are 95 %, by bootstrap over problems and, within each, seeds.
- **The gain** that 8 at a time lose is the mean regret of random search with as many trials, less one's own.
"""

_WARM_START = """\
A parent is a search of 30 trials with the same ranges, told as transfer learning. Related: other data of the same
benchmark, or the formula with its optimum moved by 8 % of every range and values in another unit. Misleading: the same
problem with the objective's sign turned, or mirrored in every range. What is counted are the trials until the mean
regret is that of the search without a parent after 30 trials; more than 30 of a misleading parent are what it costs.
"All" is the mean regret over all tasks, in which the hardest counts most."""
