"""A range around an example value: what Autotune searches a hyperparameter in. Pure.

How the service sizes its ranges is not published, so the rule is ours. It looks at the value, and at the words of the
name, and is meant to be right for what most algorithms call their hyperparameters, and never absurd:

- what says how long, how often or on what a job runs (epochs, seeds, workers) stays as it is; so does every text that
  is no number above 0, because nothing tells what else it might be;
- what acts by its order of magnitude (rates, penalties, and numbers that are small or no whole ones) is searched over
  a factor of ten to either side, evenly in its logarithm;
- whole numbers (sizes, depths, counts) are searched over a factor of four to either side, evenly in their logarithm;
- fractions are searched between 0 and 1, three quarters of the way to either end; those that are near 1, as a momentum
  is, by the order of magnitude of their distance from 1.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.naming import FRACTIONS, MAGNITUDES, words_of
from contracts.ranges import ScalingType


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words of names whose value is part of the task, of its cost, or of how it is watched.
_OF_THE_TASK = _words(
    """seed epoch epochs numepochs step steps iteration iterations iter iters round rounds worker workers thread threads
    process processes gpu gpus cpu cpus core cores job jobs class classes verbose verbosity log logging interval
    frequency freq version port patience debug"""
)
_OF_THE_SDK = "sagemaker_"
_NUMBER = re.compile(r"[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+\.")
_WHOLE = re.compile(r"[0-9]{1,12}")

_MAGNITUDE_FACTOR = 10.0
_WHOLE_FACTOR = 4
#: Fractions from here on are searched by their distance from 1, others below by their order of magnitude.
_NEAR_ONE, _NEAR_ZERO = 0.9, 0.1
#: A size, or a distance from 1, below this is none that somebody tunes, and digits would be lost in its range.
_LEAST = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class AutomaticRange:
    """A range as a request has it: in which list of ParameterRanges, and the entry there."""

    list_member: str
    entry: Mapping[str, Any]

    def __str__(self) -> str:
        entry = self.entry
        return f"{entry['Name']} from {entry['MinValue']} to {entry['MaxValue']}, {entry['ScalingType']}"


def automatic_range(name: str, hint: str) -> AutomaticRange | None:
    """The range in which the hyperparameter `name` is searched, of which `hint` is an example value.

    None where it is not eligible: it keeps the example as its value.
    """
    words = words_of(name)
    if name.startswith(_OF_THE_SDK) or words & _OF_THE_TASK or _NUMBER.fullmatch(hint) is None:
        return None
    value = float(hint)
    if not _LEAST <= value <= 1 / _LEAST:
        return None
    if words & FRACTIONS:
        return _fraction(name, value) if value <= 1 else None
    if words & MAGNITUDES or value < _NEAR_ZERO:
        return _magnitude(name, value)
    if _WHOLE.fullmatch(hint):
        return _whole(name, int(hint))
    return _fraction(name, value) if value < 1 else _magnitude(name, value)


def _magnitude(name: str, value: float) -> AutomaticRange:
    high = value * _MAGNITUDE_FACTOR
    # Rates and penalties of 1 and more are seldom meant where the example is below.
    return _continuous(name, value / _MAGNITUDE_FACTOR, min(high, 1.0) if value < 1 else high, ScalingType.LOGARITHMIC)


def _fraction(name: str, value: float) -> AutomaticRange:
    if _NEAR_ONE <= value <= 1 - _LEAST:
        distance = 1 - value
        low = 1 - min(distance * _MAGNITUDE_FACTOR, 0.5)
        return _continuous(name, low, 1 - distance / _MAGNITUDE_FACTOR, ScalingType.REVERSE_LOGARITHMIC)
    return _continuous(name, value / 4, 1 - (1 - value) / 4, ScalingType.LINEAR)


def _continuous(name: str, low: float, high: float, scaling: ScalingType) -> AutomaticRange:
    # Fifteen digits: what a person would write of 0.1 * 3, and still exact for a distance of 1e-12 from 1.
    entry = {"Name": name, "MinValue": f"{low:.15g}", "MaxValue": f"{high:.15g}", "ScalingType": str(scaling)}
    return AutomaticRange(list_member="ContinuousParameterRanges", entry=entry)


def _whole(name: str, value: int) -> AutomaticRange:
    entry = {
        "Name": name,
        "MinValue": str(max(value // _WHOLE_FACTOR, 1)),
        "MaxValue": str(value * _WHOLE_FACTOR),
        "ScalingType": str(ScalingType.LOGARITHMIC),
    }
    return AutomaticRange(list_member="IntegerParameterRanges", entry=entry)
