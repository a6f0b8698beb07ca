"""The page of a report: one file of HTML that works without a network, from the results.

Every text that is not ours is escaped. A policy in the page lets the browser run only the two scripts written here,
known by their hashes, and load nothing at all.
"""

import base64
import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from string import Template

from contracts.jobs import JobStatus
from contracts.ranges import CategoricalParameterRange
from tuner.dashboard import palette
from tuner.dashboard.csv_table import iso_time
from tuner.dashboard.figures import (
    Figure,
    curve_step,
    curves_figure,
    front_figure,
    hyperparameter_figure,
    objective_figure,
    short_number,
)
from tuner.dashboard.results import TrialResult, TuningResults

_FOLDER = Path(__file__).parent
_LONG = 24


def format_page(results: TuningResults) -> str:
    """The report of a tuning job as HTML."""
    figures = _figures(results)
    plotly, script = _plotly(), _read("page.js")
    return Template(_read("page.html")).substitute(
        policy="default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src "
        + " ".join(f"'sha256-{_hash(text)}'" for text in (plotly, script)),
        title=f"{escape(results.job.name)} · Algodock",
        style=_read("page.css"),
        body="\n".join(_body(results, figures)),
        figures=json_object({name: _figure_json(figure) for name, figure in figures.items()}),
        dark_colours=json_object({light: f'"{dark}"' for light, dark in palette.DARK.items()}),
        plotly=plotly,
        script=script,
    )


def short_duration(seconds: float) -> str:
    """A length of time for people: ``4.2 s``, ``3 min 05 s``, ``2 h 07 min``."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def _figures(results: TuningResults) -> dict[str, Figure]:
    """The figures by the id of the element that they are drawn in."""
    if not results.trials:
        return {}
    figures = {"figure-objective": objective_figure(results)}
    every = [(definition, parameter) for definition in results.definitions for parameter in definition.ranges]
    for number, (definition, parameter) in enumerate(every, start=1):
        figures[f"figure-hyperparameter-{number}"] = hyperparameter_figure(results, definition, parameter)
    more = {"figure-front": front_figure(results), "figure-curves": curves_figure(results)}
    return figures | {name: figure for name, figure in more.items() if figure is not None}


def _body(results: TuningResults, figures: Iterable[str]) -> Iterable[str]:
    yield _header(results)
    if results.job.failure_reason:
        yield f'<section class="problem"><h2>Why it failed</h2><p>{escape(results.job.failure_reason)}</p></section>'
    if results.best is not None:
        yield _best(results, results.best)
    if not results.trials:
        yield "<section><h2>No trials yet</h2><p class='note'>The first one has not begun.</p></section>"
        return
    yield _section("Objective of each trial", _drawing("figure-objective"), note=_objective_note(results))
    if "figure-front" in figures:
        note = "No other trial is better than one of the front in both objectives."
        yield _section("The two objectives", _drawing("figure-front"), note=note)
    small = [name for name in figures if name.startswith("figure-hyperparameter")]
    if small:
        grid = "".join(f"<div>{_drawing(name)}</div>" for name in small)
        columns = {1: "one", 2: "two", 4: "two"}.get(len(small), "several")
        yield _section("Objective against each hyperparameter", f'<div class="grid {columns} small">{grid}</div>')
    if "figure-curves" in figures:
        step = curve_step(results)
        thinned = "" if step == 1 else f" Of all but the best, one value in {step} is drawn."
        yield _section(
            "Learning curves", _drawing("figure-curves"), note=f"The objective as each trial printed it.{thinned}"
        )
    yield _section("Trials", _table(results), note="The best first. Choose a column's name to sort by it.")
    yield (
        f"<footer>Written {_moment(results.time)} by Algodock. All digits are in <code>trials.csv</code> beside this"
        " page.</footer>"
    )


def _header(results: TuningResults) -> str:
    job, spec = results.job, results.job.spec
    counts = ", ".join(f"{count} {word}" for word, count in results.counts.items())
    number = results.places
    images = ", ".join(results.images)
    wide = "wide" if len(images) > _LONG else ""
    planned = number if spec.max_training_jobs is None else spec.max_training_jobs
    facts = (
        ("Objective", f"{spec.objective_type} {escape(results.metric)}", ""),
        ("Strategy", f"{escape(spec.strategy)}, seed {job.random_seed}", ""),
        ("Trials", f"{number} of {planned}" + (f": {counts}" if counts else ""), ""),
        ("Begun", _moment(job.creation_time), ""),
        ("Duration", short_duration(results.duration_seconds) + (" so far" if job.end_time is None else ""), ""),
        ("Image" if len(results.images) == 1 else "Images", f"<code>{escape(images)}</code>", wide),
    )
    return (
        "<header><p class='eyebrow'>Hyperparameter tuning job</p>"
        f"<div class='title'><h1>{escape(job.name)}</h1>"
        f"<span class='status {str(job.status).lower()}'>{_status_words(job.status)}</span></div>"
        "<dl class='facts'>"
        + "".join(f"<div class='{css}'><dt>{name}</dt><dd>{value}</dd></div>" for name, value, css in facts)
        + "</dl></header>"
    )


def _status_words(status: JobStatus) -> str:
    return {JobStatus.IN_PROGRESS: "In progress"}.get(status, str(status))


def _best(results: TuningResults, best: TrialResult) -> str:
    tuned = "".join(
        f"<div><dt>{escape(name)}</dt><dd class='mono' title='{escape(text)}'>{escape(short_number(text))}</dd></div>"
        for name, text in best.tuned.items()
    )
    commands = [("Everything about it", f"algodock show {best.training_job}")]
    if best.model is not None:
        commands.insert(0, ("Unpack its model", f"tar -xzf {quote(str(best.model))}"))
        commands.insert(0, ("Serve its model", f"algodock serve {best.training_job}"))
    lines = "".join(f"<p>{escape(what)}</p><pre><code>{escape(line)}</code></pre>" for what, line in commands)
    model = "" if best.model is not None else "<p class='note'>It left no model.</p>"
    so_far = " so far" if results.job.end_time is None else ""
    of = "" if best.definition is None else f" of {escape(best.definition)}"
    return (
        f"<section class='best' id='best'><h2>Best trial{so_far}</h2><div class='columns'>"
        f"<div><p class='value' title='{best.objective!r}'>{_number(best.objective)}</p>"
        f"<p class='note'>{escape(results.job.spec.definition(best.definition).objective.metric_name)}</p></div>"
        f"<div><p class='note'>trial {best.index}{of}, <span class='mono'>{escape(best.training_job)}</span></p>"
        f"<dl>{tuned}</dl></div></div>"
        f"<div class='commands'>{model}{lines}</div></section>"
    )


def _objective_note(results: TuningResults) -> str:
    failed = sum(not trial.counts and not trial.is_running and not trial.is_lost for trial in results.trials)
    lost = sum(trial.is_lost for trial in results.trials)
    broken = sum(trial.counts and trial.violation > 0 for trial in results.trials)
    notes = []
    if failed:
        notes.append("Trials that ended without a value are crosses at the bottom; the table says why.")
    if lost:
        notes.append(f"Not drawn, for they tell nothing of their hyperparameters: {lost} lost to the infrastructure.")
    if broken:
        bounds = "; ".join(str(constraint) for constraint in results.job.search.metric_constraints)
        notes.append(f"Trials that broke a bound ({escape(bounds)}) come after all that kept it: {broken}.")
    return " ".join(notes)


def _section(heading: str, content: str, note: str = "") -> str:
    return f"<section><h2>{heading}</h2>{f'<p class=note>{note}</p>' if note else ''}{content}</section>"


def _drawing(name: str) -> str:
    return f'<div class="figure" id="{name}"><noscript>This figure needs JavaScript.</noscript></div>'


# The table of trials


def _table(results: TuningResults) -> str:
    tuned = results.tuned_names
    several = len(results.definitions) > 1
    names = ["#", *["definition"] * several, results.metric, *tuned, *results.other_metrics]
    names += ["duration", "status", "training job"]
    header = "".join(f"<th scope='col'><button type='button'>{escape(name)}</button></th>" for name in names)
    texts = {
        parameter.name
        for definition in results.definitions
        for parameter in definition.ranges
        if isinstance(parameter, CategoricalParameterRange)
    }
    rows = "".join(_row(results, trial, [(name, name not in texts) for name in tuned]) for trial in results.ranking)
    return f"<div class='table'><table id='trials'><thead><tr>{header}</tr></thead>{rows}</table></div>"


def _row(results: TuningResults, trial: TrialResult, tuned: list[tuple[str, bool]]) -> str:
    """A trial as a table body of its own, so that the reason of its failure goes with it when the table is sorted."""
    cells = [
        _cell(str(trial.index), value=trial.index),
        *([f"<td>{escape(trial.definition or '')}</td>"] if len(results.definitions) > 1 else ()),
        _cell(_number(trial.objective), value=trial.objective),
        *(_tuned_cell(trial.tuned.get(name, ""), is_number) for name, is_number in tuned),
        *(_cell(_number(trial.metrics.get(name)), value=trial.metrics.get(name)) for name in results.other_metrics),
        _cell("" if trial.duration_seconds is None else short_duration(trial.duration_seconds), trial.duration_seconds),
        f"<td>{_trial_status(trial)}</td>",
        f"<td class='mono'>{escape(trial.training_job)}</td>",
    ]
    reason = (
        f"<tr class='reason'><td></td><td colspan='{len(cells) - 1}'><p>{escape(trial.failure_reason)}</p></td></tr>"
        if trial.failure_reason
        else ""
    )
    best = " class='best'" if results.best is not None and trial.index == results.best.index else ""
    return f"<tbody><tr{best}>{''.join(cells)}</tr>{reason}</tbody>"


def _cell(text: str, value: float | None) -> str:
    return f"<td class='number' data-value='{'' if value is None else repr(value)}'>{text}</td>"


def _tuned_cell(text: str, is_number: bool) -> str:
    if is_number:
        return (
            f"<td class='number' data-value='{escape(text)}' title='{escape(text)}'>{escape(short_number(text))}</td>"
        )
    return f"<td>{escape(text)}</td>"


def _trial_status(trial: TrialResult) -> str:
    if trial.is_running:
        return "running"
    if trial.is_lost:
        return "<span class='failed'>Failed, lost</span>"
    if trial.status is JobStatus.FAILED:
        return "<span class='failed'>Failed</span>"
    return str(trial.status) if trial.counts else f"<span class='failed'>{trial.status}, no objective</span>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _moment(seconds: float) -> str:
    shown = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<time datetime='{iso_time(seconds)}'>{shown}</time>"


# What the page is made of


def _figure_json(figure: Figure) -> str:
    """A figure as JSON, which has no word for what is not a number: plotly draws nothing for null."""
    return json.dumps(json.loads(json.dumps(figure), parse_constant=lambda _: None))


def json_object(members: dict[str, str]) -> str:
    """A JSON object of members that are JSON already, written so that it cannot end the element it stands in."""
    return ("{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}").replace("<", "\\u003c")


@cache
def _plotly() -> str:
    """The script of plotly, from where its package has it: importing that takes longer than writing a report."""
    package = find_spec("plotly")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).with_name("package_data").joinpath("plotly.min.js").read_text(encoding="utf-8")


@cache
def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
