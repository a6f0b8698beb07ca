"""The figures of a report, as functions of the results: no files, no clock.

They are written in plotly's words, as its script in the browser reads them. Its Python objects would check those words
each time, which takes longer than all the rest of a report; a test has them checked once.

Texts of users (names, categories) are escaped: plotly reads a small HTML of its own in every text it draws.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias

from contracts.definitions import TrainingDefinition
from contracts.ranges import CategoricalParameterRange, ParameterRange, ScalingType
from tuner.dashboard import palette
from tuner.dashboard.results import TrialResult, TuningResults

#: Traces and a layout.
Figure: TypeAlias = Mapping[str, Any]
Trace: TypeAlias = Mapping[str, Any]

#: Above this ratio of the greatest to the least value, an axis of positive values is logarithmic.
_WIDE = 1000.0
#: The most points that learning curves are drawn with; browsers get slow beyond.
_MAX_CURVE_POINTS = 20_000
#: From this many trials on, marks and curves are lighter, so that a crowd shows where it is dense.
_CROWD = 100
_MAX_LABEL = 28
_MAX_TICK = 16
_MAX_TICKS_EACH = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """The axis of the objective: its range, and the height under all values where trials without one are marked."""

    low: float
    high: float
    bottom: float
    is_logarithmic: bool

    @classmethod
    def of(cls, values: Sequence[float], *, with_bottom: bool) -> "Axis":
        """An axis that shows all `values`, with room under them for marks at the bottom if asked."""
        wide = bool(values) and min(values) > 0 and max(values) / min(values) > _WIDE
        heights = [math.log10(value) for value in values] if wide else list(values)
        low, high = (min(heights), max(heights)) if heights else (0.0, 1.0)
        span = (high - low) or abs(high) * 0.1 or 1.0
        bottom = low - 0.1 * span
        low, high = (bottom if with_bottom else low) - 0.06 * span, high + 0.08 * span
        return cls(low=low, high=high, bottom=10**bottom if wide else bottom, is_logarithmic=wide)

    @property
    def layout(self) -> dict[str, object]:
        """The axis in plotly's words; plotly wants the range of a logarithmic axis as exponents."""
        return {"type": "log" if self.is_logarithmic else "linear", "range": [self.low, self.high]}


def objective_axis(results: TuningResults) -> Axis:
    """The axis of the objective's final (or so far last) values of all trials that do not fail."""
    values = [trial.objective for trial in results.drawn if _has_height(trial) and trial.objective is not None]
    return Axis.of(values, with_bottom=any(not _has_height(trial) for trial in results.drawn))


def objective_figure(results: TuningResults) -> Figure:
    """The objective of each trial by its index, with the line of the best so far."""
    axis = objective_axis(results)
    last = max((trial.index for trial in results.drawn), default=1)
    line = [*results.best_so_far]
    if line and line[-1][0] < last:
        line.append((last, line[-1][1]))
    best_so_far = _scatter(
        x=[index for index, _ in line],
        y=[value for _, value in line],
        name="best so far",
        mode="lines",
        line={"color": palette.LINE, "width": 2, "shape": "hv"},
        hoverinfo="skip",
    )
    return _figure(
        [best_so_far, *_marks(results, axis, lambda trial: trial.index, results.drawn)],
        xaxis={
            "title": _title("trial"),
            "range": [0.4, last + 0.6],
            "tickformat": "d",
            **({"dtick": 1} if last <= _MAX_TICKS_EACH else {}),
        },
        yaxis={**axis.layout, "title": _title(label(results.metric))},
        legend=True,
    )


def hyperparameter_figure(results: TuningResults, definition: TrainingDefinition, parameter: ParameterRange) -> Figure:
    """The objective of each trial of `definition` against one hyperparameter, in the scale in which the search sees it.

    All definitions share the axis of the objective, so that their figures can be compared. A trial in which the
    hyperparameter is not there has no mark.
    """
    axis = objective_axis(results)
    of_it = [
        trial
        for trial in results.drawn
        if parameter.name in trial.tuned and (len(results.definitions) == 1 or trial.definition == definition.name)
    ]
    name = parameter.name if len(results.definitions) == 1 else f"{definition.name}: {parameter.name}"
    return _figure(
        _marks(results, axis, _place(parameter), of_it),
        xaxis={**_parameter_axis(parameter), "title": _title(label(name))},
        yaxis={**axis.layout, "title": _title(label(results.metric))},
    )


def front_figure(results: TuningResults) -> Figure | None:
    """The two objectives of each trial, with a line along the Pareto front; None for a job with one objective."""
    second = results.job.search.second_objective
    if second is None or not results.front:
        return None
    name = second.metric_name
    groups = (
        ("others", "circle", palette.COMPLETED, 8, [t for t in results.trials if t.counts and t not in results.front]),
        ("Pareto front", "star", palette.BEST, 12, list(results.front)),
    )
    return _figure(
        [
            _scatter(
                x=[trial.objective for trial in trials],
                y=[trial.metrics.get(name) for trial in trials],
                name=group,
                mode="lines+markers" if trials and trials[0] in results.front else "markers",
                line={"color": palette.LINE, "width": 1, "dash": "dot"},
                marker={
                    "symbol": symbol,
                    "color": colour,
                    "size": size,
                    "line": {"color": palette.SURFACE, "width": 1},
                },
                hoverinfo="text",
                hovertext=[
                    f"{_hover(results, trial)}<br>{label(name)} = {trial.metrics.get(name, math.nan):.6g}"
                    for trial in trials
                ],
                cliponaxis=False,
            )
            for group, symbol, colour, size, trials in groups
            if trials
        ],
        xaxis={"title": _title(label(results.metric))},
        yaxis={"title": _title(label(name))},
        legend=True,
    )


def curves_figure(results: TuningResults) -> Figure | None:
    """The objective of each trial as it was printed, value by value; None where no trial printed more than one."""
    curves = [trial for trial in results.drawn if len(trial.curve) > 1]
    if not curves:
        return None
    step = curve_step(results)
    best = [trial for trial in curves if results.best is not None and trial.index == results.best.index]
    others = [trial for trial in curves if trial not in best]
    failed = [trial for trial in others if not trial.is_running and not trial.counts]
    running = [trial for trial in others if trial.is_running]
    ended = [trial for trial in others if trial.counts]
    groups = (
        _curves(ended, "completed", palette.LINE, step),
        _curves(failed, "failed", palette.FAILED, step, dash="dot"),
        _curves(running, "running", palette.RUNNING, step, dash="dash"),
        _curves(best, "best", palette.BEST, 1, width=2.5),
    )
    axis = Axis.of([value for trial in curves for value in trial.curve], with_bottom=False)
    return _figure(
        [trace for trace in groups if trace is not None],
        xaxis={"title": _title("values printed (usually one an epoch)"), "tickformat": "d"},
        yaxis={**axis.layout, "title": _title(label(results.metric))},
        legend=True,
    )


def curve_step(results: TuningResults) -> int:
    """Of how many values one is drawn in learning curves, the best trial's apart."""
    return -(-sum(len(trial.curve) for trial in results.drawn) // _MAX_CURVE_POINTS) or 1  # rounded up


def label(text: str, longest: int = _MAX_LABEL) -> str:
    """A text of a user's, at most so long and escaped for plotly."""
    return escape(text if len(text) <= longest else text[: longest - 1] + "…")


# The marks of trials, the same in all figures

_Place = Callable[[TrialResult], float]


def _marks(results: TuningResults, axis: Axis, place: _Place, shown: Sequence[TrialResult]) -> list[Trace]:
    best, is_crowd = results.best, len(shown) >= _CROWD
    ended = [trial for trial in shown if trial.counts and trial is not best]
    groups = (
        ("completed", "circle", palette.COMPLETED, 8, [t for t in ended if t.status != "Stopped"]),
        ("stopped", "circle-open", palette.COMPLETED, 8, [t for t in ended if t.status == "Stopped"]),
        ("running", "diamond-open", palette.RUNNING, 9, [t for t in shown if t.is_running]),
        ("failed", "x", palette.FAILED, 8, [t for t in shown if not t.counts and not t.is_running]),
        ("best", "star", palette.BEST, 14, [best] if best is not None and best in shown else []),
    )
    return [
        _scatter(
            x=[place(trial) for trial in trials],
            y=[trial.objective if _has_height(trial) else axis.bottom for trial in trials],
            name=name,
            mode="markers",
            marker={
                "symbol": symbol,
                "color": colour,
                "size": size - 2 if is_crowd and trials != [best] else size,
                "opacity": 0.6 if is_crowd and trials != [best] else 1,
                "line": {"color": palette.SURFACE if symbol in {"circle", "star"} else colour, "width": 1},
            },
            hoverinfo="text",
            hovertext=[_hover(results, trial) for trial in trials],
            cliponaxis=False,
        )
        for name, symbol, colour, size, trials in groups
        if trials
    ]


def _has_height(trial: TrialResult) -> bool:
    return trial.objective is not None and (trial.counts or trial.is_running)


def _hover(results: TuningResults, trial: TrialResult) -> str:
    value = "no value" if trial.objective is None else f"{trial.objective:.6g}"
    tuned = (f"{label(name)} = {label(short_number(text))}" for name, text in trial.tuned.items())
    of = "" if trial.definition is None else f" of {label(trial.definition)}"
    return "<br>".join(
        [f"<b>trial {trial.index}</b>{of}, {trial.status}", f"{label(results.metric)} = {value}", *tuned]
    )


def short_number(text: str) -> str:
    """A number with six digits where `text` is a longer one; else `text`."""
    try:
        value = float(text)
    except ValueError:
        return text
    short = f"{value:.6g}"
    return short if len(short) < len(text) else text


# Axes


def _place(parameter: ParameterRange) -> _Place:
    if isinstance(parameter, CategoricalParameterRange):
        positions = {value: float(position) for position, value in enumerate(parameter.values)}
        # Trials of one category side by side: the golden ratio spreads any number of them evenly.
        return lambda trial: positions[trial.tuned[parameter.name]] + 0.3 * ((trial.index * 0.618034) % 1 - 0.5)
    return lambda trial: float(trial.tuned[parameter.name])


def _parameter_axis(parameter: ParameterRange) -> dict[str, object]:
    if isinstance(parameter, CategoricalParameterRange):
        return {
            "tickvals": list(range(len(parameter.values))),
            "ticktext": [label(value, _MAX_TICK) for value in parameter.values],
            "ticklabeloverflow": "allow",
            "range": [-0.5, len(parameter.values) - 0.5],
        }
    low, high = float(parameter.min_value), float(parameter.max_value)
    if parameter.scaling_type is ScalingType.LOGARITHMIC:
        low, high = math.log10(low), math.log10(high)
    pad = 0.04 * (high - low) or abs(high) * 0.1 or 1.0
    is_logarithmic = parameter.scaling_type is ScalingType.LOGARITHMIC
    return {
        "type": "log" if is_logarithmic else "linear",
        "range": [low - pad, high + pad],
        **({"dtick": 1} if is_logarithmic and high - low >= 2 else {}),  # noqa: PLR2004 - two decades
        "tickformat": "~g",  # 0.0001, not 10 to the power of -4 in raised digits
    }


def _curves(
    trials: Iterable[TrialResult], name: str, colour: str, step: int, *, width: float = 1.3, dash: str = "solid"
) -> Trace | None:
    """All curves of a group as one trace, cut by gaps: hundreds of traces would be slow to draw."""
    trials = list(trials)
    x: list[int | None] = []
    y: list[float | None] = []
    indices: list[int | None] = []
    for trial in trials:
        chosen = sorted({*range(0, len(trial.curve), step), len(trial.curve) - 1})
        x += [*(position + 1 for position in chosen), None]
        y += [*(trial.curve[position] for position in chosen), None]
        indices += [*(trial.index for _ in chosen), None]
    if not x:
        return None
    return _scatter(
        x=x,
        y=y,
        customdata=indices,
        name=name,
        mode="lines",
        line={"color": colour, "width": width, "dash": dash},
        opacity=0.5 if len(trials) >= _CROWD else 1,
        connectgaps=False,
        hovertemplate="<b>trial %{customdata}</b><br>value %{x}: %{y:.6g}<extra></extra>",
    )


_AXIS = {
    "gridcolor": palette.GRID,
    "linecolor": palette.GRID,
    "zeroline": False,
    "automargin": True,
}


def _title(text: str) -> dict[str, object]:
    return {"text": text, "standoff": 12}


def _scatter(**words: object) -> Trace:
    return {"type": "scatter", **words}


def _figure(
    traces: Sequence[Trace], *, xaxis: Mapping[str, object], yaxis: Mapping[str, object], legend: bool = False
) -> Figure:
    axes = {"xaxis": {**_AXIS, **xaxis}, "yaxis": {**_AXIS, **yaxis}}
    return {"data": list(traces), "layout": {**_layout(legend=legend), **axes}}


def _layout(*, legend: bool) -> dict[str, object]:
    return {
        "autosize": True,
        "margin": {"l": 56, "r": 14, "t": 30 if legend else 10, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": palette.TEXT},
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": palette.SURFACE,
            "bordercolor": palette.GRID,
            "font": {"color": palette.TEXT},
            "align": "left",
        },
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    }
