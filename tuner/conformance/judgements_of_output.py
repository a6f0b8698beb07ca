"""Judgements of what an image printed: lines and metrics. Pure."""

import math

import regex

from contracts.metrics import parse_metric_value
from tuner.conformance.evidence import Evidence, Verdict, either, failed, matches, not_applicable, values
from tuner.conformance.judgements import missing
from tuner.conformance.observation import Run, shortened

_NO_METRICS = "no metric definition is given: give a job file that has them, with --job, or --metric NAME=REGEX"
#: The API's limits.
_MOST_DEFINITIONS = 40
_LONGEST_REGEX = 500
_LONGEST_NAME = 255
#: How far apart two runs of one seed may be, relatively: sums in another order differ in the last digits.
TOLERANCE = 1e-3
#: More lines than a whole good run prints, in less than so many seconds, came out of a buffer.
_BLOCK_SECONDS = 0.01


def prints(evidence: Evidence) -> Verdict:
    """TRAIN-LOG-STDOUT."""
    said = [text for text in evidence.good.texts if text.strip()]
    return either(bool(said), f"{len(said)} lines")


def prints_at_once(evidence: Evidence) -> Verdict:
    """TRAIN-LOG-UNBUFFERED."""
    good = evidence.good
    if not good.line_times:
        return not_applicable("it printed nothing: see TRAIN-LOG-STDOUT")
    if good.seconds < evidence.patience.telling:
        return not_applicable(
            f"the good case took {good.seconds:.1f} s; at least {evidence.patience.telling:g} s are needed to tell"
        )
    came = _when(good)
    longer = evidence.runs.get("longer")
    if not good.printed_at_its_end or longer is None:
        return either(not good.printed_at_its_end, came)
    # A slow start with little work after it looks the same: with a thousand times the work it does not.
    if longer.signalled_at is None:
        return failed(f"{came}; with more epochs no line came within {longer.seconds:.1f} s")
    at_once = max(longer.line_times) - min(longer.line_times) < _BLOCK_SECONDS
    in_a_block = at_once and len(longer.lines) > len(good.lines)
    return either(not in_a_block, f"{came}; with more epochs {len(longer.lines)} lines, {_when(longer)}")


def _when(run: Run) -> str:
    first, last = min(run.line_times), max(run.line_times)
    return f"the first line came after {first:.1f}, the last after {last:.1f} of {run.seconds:.1f} s"


def prints_lines(evidence: Evidence) -> Verdict:
    """TRAIN-LOG-LINES."""
    if not evidence.good.lines:
        return not_applicable("it printed nothing: see TRAIN-LOG-STDOUT")
    cut = evidence.good.unfinished_output
    last = shortened(evidence.good.lines[-1].text)
    return either(not cut, f"the output ends without a newline, after {last!r}" if cut else "the last line is whole")


def metrics_found(evidence: Evidence) -> Verdict:
    """TRAIN-METRIC-MATCH."""
    if not evidence.case.metrics:
        return not_applicable(_NO_METRICS)
    counts = {one.name: len(matches(one, evidence.good.texts)) for one in evidence.case.metrics}
    came = ", ".join(f"{name}: {count} matches" for name, count in counts.items())
    return either(all(counts.values()), came, "; ".join(f"{one.name}: {one.regex}" for one in evidence.case.metrics))


def metrics_are_numbers(evidence: Evidence) -> Verdict:
    """TRAIN-METRIC-NUMERIC."""
    if not evidence.case.metrics:
        return not_applicable(_NO_METRICS)
    captured = [(one.name, text) for one in evidence.case.metrics for text in matches(one, evidence.good.texts)]
    if not captured:
        return not_applicable("nothing was captured: see TRAIN-METRIC-MATCH")
    wrong = [f"{name}: {text!r}" for name, text in captured if parse_metric_value(text) is None]
    return either(not wrong, shortened(", ".join(wrong)) if wrong else f"{len(captured)} numbers")


def one_group(evidence: Evidence) -> Verdict:
    """TRAIN-METRIC-ONEGROUP."""
    if not evidence.case.metrics:
        return not_applicable(_NO_METRICS)
    wrong = [f"{len(evidence.case.metrics)} definitions"] if len(evidence.case.metrics) > _MOST_DEFINITIONS else []
    for one in evidence.case.metrics:
        groups = regex.compile(one.regex).groups
        if groups != 1:
            wrong.append(f"{shortened(one.name)} has {groups} groups")
        if len(one.regex) > _LONGEST_REGEX or len(one.name) > _LONGEST_NAME:
            wrong.append(f"{shortened(one.name)} is too long")
    return either(not wrong, "; ".join(wrong) or "each has one group")


def once_an_epoch(evidence: Evidence) -> Verdict:
    """TRAIN-METRIC-PER-EPOCH."""
    metric, epochs = evidence.case.judged_metric, evidence.case.epochs
    if metric is None:
        return not_applicable(_NO_METRICS)
    if epochs is None:
        return not_applicable("no hyperparameter of the good case counts epochs")
    found = len(matches(metric, evidence.good.texts))
    if not found:
        return not_applicable(f"{metric.name} was not found at all: see TRAIN-METRIC-MATCH")
    return either(found == epochs, f"{found} values of {metric.name} in {epochs} epochs", f"{epochs} epochs")


def same_seed(evidence: Evidence) -> Verdict:
    """TRAIN-SEED."""
    metric, run = evidence.case.judged_metric, evidence.runs.get("again")
    if run is None:
        return missing(evidence, "again")
    if metric is None:
        return not_applicable(_NO_METRICS)
    first, second = values(metric, evidence.good.texts), values(metric, run.texts)
    if not first or not second:
        return not_applicable(f"{metric.name} has no value to compare: see TRAIN-METRIC-MATCH")
    same = math.isclose(first[-1], second[-1], rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return either(same, f"the last {metric.name} was {first[-1]:g}, then {second[-1]:g}", "the good case twice")
