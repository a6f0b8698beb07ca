"""The pictures of the benchmark's page: SVG whose ink and paper follow a reader's light or dark setting.

Texts stay texts, and nothing in a file depends on when it was made, so the same results give the same pictures.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import matplotlib.ticker
import numpy as np

from benchmarks.search.figures import OURS, RANDOM, Figures
from benchmarks.search.goals import SECONDS
from benchmarks.search.warm_start import Relation, WarmStartFigures

#: Colours that stand for what the reader's setting decides; no other line has them.
_INK, _PAPER, _FAINT = "#121314", "#fdfcfb", "#cacbcc"
_STYLE = """<style>
:root { --ink: #1f2328; --paper: #ffffff; --faint: #d8dce1; }
@media (prefers-color-scheme: dark) { :root { --ink: #d6dce3; --paper: #0d1117; --faint: #39414b; } }
</style>
"""
_OUR_COLOUR, _RANDOM_COLOUR = "#d9480f", "#868e96"
_COLOURS = (
    "#1c7ed6",
    "#37b24d",
    "#ae3ec9",
    "#f59f00",
    "#0ca678",
    "#7048e8",
    "#e64980",
    "#74b816",
    "#1098ad",
    "#a0795a",
)
_DASHES = ("-", "--", "-.", ":")
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "algodock",
    "font.size": 10,
    "figure.facecolor": _PAPER,
    "axes.facecolor": _PAPER,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
}


def colours(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The colour and the dashes of each optimiser, the same in every picture."""
    peers = sorted(name for name in names if name not in {OURS, RANDOM})
    chosen = {
        name: (_COLOURS[place % len(_COLOURS)], _DASHES[place % len(_DASHES)]) for place, name in enumerate(peers)
    }
    return chosen | {OURS: (_OUR_COLOUR, "-"), RANDOM: (_RANDOM_COLOUR, ":")}


@contextmanager
def _picture(path: Path, width: float, height: float, title: str) -> Iterator[Any]:
    """The axes of a picture that is written in the end."""
    mpl.use("svg")
    with mpl.rc_context(_SETTINGS):
        figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
        try:
            yield axes
            text = io.StringIO()
            figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
        finally:
            plt.close(figure)
    content = text.getvalue()
    for sentinel, name in ((_INK, "--ink"), (_PAPER, "--paper"), (_FAINT, "--faint")):
        content = content.replace(sentinel, f"var({name})")
    head, defs, rest = content.partition("<defs>")
    lines = (f"{head}{_STYLE}{defs}{rest}").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n")


def regret_picture(found: Figures, path: Path) -> None:
    """Mean regret by number of trials, one line an optimiser, and random search as computed."""
    look = colours([row.optimiser for row in found.rows])
    trials = np.arange(1, found.setting.trials + 1)
    curves = {row.optimiser: np.array(found.curves[row.optimiser]) for row in found.rows if row.optimiser != RANDOM}
    curves[RANDOM] = np.array(found.chance)
    with _picture(path, 8.5, 5, "mean regret by number of trials") as axes:
        for name, curve in curves.items():
            colour, dashes = look[name]
            width = 2.6 if name == OURS else 1.4
            axes.plot(trials, curve, color=colour, linestyle=dashes, linewidth=width, zorder=3 if name == OURS else 2)
        axes.set_yscale("log")
        axes.set_xlim(1, trials[-1])
        _plain_ticks(axes.yaxis, (0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0), axes.get_ylim())
        axes.set_xlabel("trials that have ended")
        axes.set_ylabel("mean regret (1: median of random trials)")
        _label_ends(axes, {name: (float(curve[-1]), look[name][0]) for name, curve in curves.items()})


def _label_ends(axes: Any, ends: Mapping[str, tuple[float, str]]) -> None:
    """Names beside the ends of lines, on a logarithmic axis, moved apart where they would touch."""
    low, high = np.log(axes.get_ylim())
    least = 0.045 * (high - low)
    names = sorted(ends, key=lambda name: ends[name][0])
    places: list[float] = []
    for name in names:
        wanted = float(np.log(ends[name][0]))
        places.append(wanted if not places else max(wanted, places[-1] + least))
    for name, place in zip(names, places, strict=True):
        weight = "bold" if name == OURS else "normal"
        axes.annotate(
            name,
            xy=(1.0, ends[name][0]),
            xycoords=("axes fraction", "data"),
            xytext=(1.03, float(np.exp(place))),
            textcoords=("axes fraction", "data"),
            color=ends[name][1],
            fontweight=weight,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": ends[name][1], "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0},
        )


def _plain_ticks(axis: Any, places: Sequence[float], bounds: tuple[float, float]) -> None:
    shown = [place for place in places if bounds[0] <= place <= bounds[1]]
    axis.set_major_locator(mpl.ticker.FixedLocator(shown))
    axis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(mpl.ticker.NullLocator())


def rank_picture(found: Figures, path: Path) -> None:
    """Mean ranks with their intervals; hollow where the difference to ours is within luck."""
    last = found.setting.trials
    look = colours([row.optimiser for row in found.rows])
    rows = list(reversed(found.rows))
    with _picture(path, 8.5, 0.7 + 0.36 * len(rows), "mean ranks and their 95 % intervals") as axes:
        if found.ours is not None:
            axes.axvspan(found.ours.rank[last][1], found.ours.rank[last][2], color=_OUR_COLOUR, alpha=0.12, zorder=1)
        for place, row in enumerate(rows):
            value, low, high = row.rank[last]
            colour = look[row.optimiser][0]
            is_clear = row.optimiser == OURS or (row.behind is not None and row.behind[last][1] > 0)
            axes.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="round", zorder=2)
            axes.plot(
                value,
                place,
                marker="o",
                markersize=8,
                color=colour,
                zorder=3,
                markerfacecolor=colour if is_clear else _PAPER,
            )
        axes.set_yticks(range(len(rows)), [row.optimiser for row in rows])
        axes.set_xlim(left=1)
        axes.set_xlabel(f"mean rank after {last} trials, of {len(rows)} (1 is best)")
        axes.grid(visible=False, axis="y")


def problem_picture(found: Figures, path: Path) -> None:
    """Random equivalents by problem, one mark an optimiser; an arrow where they are the most that can be told."""
    look = colours([row.optimiser for row in found.rows])
    with _picture(path, 8.5, 1.2 + 0.34 * len(found.problems), "random equivalents by problem") as axes:
        for place, problem in enumerate(reversed(found.problems)):
            for name, value in found.by_problem[problem].items():
                is_ours = name == OURS
                axes.plot(
                    value,
                    place,
                    marker=">" if found.is_cut(problem, name) else "o",
                    markersize=9 if is_ours else 5,
                    color=look[name][0],
                    linestyle="none",
                    alpha=1.0 if is_ours else 0.8,
                    zorder=4 if is_ours else 3,
                    label=name if place == 0 else None,
                )
        axes.axvline(1, color=_INK, linewidth=0.8)
        axes.set_xscale("log")
        axes.set_xlim(right=260)
        _plain_ticks(axes.xaxis, (0.1, 0.3, 1, 3, 10, 30, 100), axes.get_xlim())
        axes.set_yticks(range(len(found.problems)), list(reversed(found.problems)))
        axes.set_xlabel("random trials for the same mean regret, per trial")
        axes.legend(loc="upper center", bbox_to_anchor=(0.4, 1.1 + 0.9 / len(found.problems)), ncols=4, fontsize=9)


def seconds_picture(speeds: Mapping[str, Mapping[int, float]], path: Path) -> None:
    """CPU seconds a suggestion by number of observations, and the goals."""
    look = colours(list(speeds))
    with _picture(path, 8.5, 4.6, "seconds a suggestion by number of observations") as axes:
        for name, by_count in speeds.items():
            counts = sorted(by_count)
            axes.plot(
                counts,
                [max(by_count[count], 1e-4) for count in counts],
                color=look[name][0],
                linestyle=look[name][1],
                marker="o",
                markersize=4,
                linewidth=2.6 if name == OURS else 1.4,
                label=name,
            )
        axes.plot(
            list(SECONDS), list(SECONDS.values()), color=_INK, marker="_", markersize=14, linestyle="none", label="goal"
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        _plain_ticks(axes.xaxis, (10, 30, 100, 300, 1000), axes.get_xlim())
        _plain_ticks(axes.yaxis, (0.001, 0.01, 0.1, 1, 10, 100), axes.get_ylim())
        axes.set_xlabel("observations")
        axes.set_ylabel("CPU seconds a suggestion")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)


def warm_start_picture(found: WarmStartFigures, path: Path) -> None:
    """Mean regret without a parent, with a related and with a misleading one, each over its own tasks."""
    look = {Relation.RELATED: "#2f9e44", Relation.MISLEADING: "#1c7ed6"}
    with _picture(path, 8.5, 4.2, "mean regret with and without a parent") as axes:
        for relation, figures in found.together.items():
            colour = look[relation]
            trials = np.arange(1, len(figures.with_parent) + 1)
            axes.plot(trials, figures.with_parent, color=colour, linewidth=2.2, label=f"with a {relation} parent")
            axes.plot(
                trials[: len(figures.cold)], figures.cold, color=colour, linestyle="--", label="the same tasks without"
            )
            axes.axhline(float(figures.cold[-1]), color=colour, linewidth=0.7, linestyle=":")
        axes.set_yscale("log")
        _plain_ticks(axes.yaxis, (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0), axes.get_ylim())
        axes.set_xlim(left=1)
        axes.set_xlabel("trials that have ended")
        axes.set_ylabel("mean regret")
        axes.legend(fontsize=9)
