"""Numbers and times as people read them. Machines get the full numbers as JSON. Pure."""

from collections.abc import Mapping

from contracts.jobs import TuningJobSpec

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

#: What it means that a search has converged.
CONVERGED = "a gain of more than 1 % has become unlikely"


def duration(seconds: float) -> str:
    """`seconds` in the two greatest units that matter: ``8 s``, ``1 min 05 s``, ``2 h 03 min``, ``1 d 04 h``."""
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR:02d} h"


def number(value: float | None) -> str:
    """`value` with four significant digits; nothing for None."""
    return "" if value is None else f"{value:.4g}"


def hyperparameter(text: str) -> str:
    """A hyperparameter's text for people: a fraction with four significant digits, anything else as it is."""
    try:
        value = float(text)
    except ValueError:
        return text
    return text if text.strip().lstrip("+-").isdigit() else number(value)


def hyperparameters(values: Mapping[str, str]) -> str:
    """All of `values` in a line: ``learning_rate 0.01232, momentum 0.9``."""
    return ", ".join(f"{name} {hyperparameter(text)}" for name, text in values.items())


def objective(spec: TuningJobSpec) -> str:
    """What a tuning job is after: ``maximize accuracy``."""
    return f"{spec.objective_type.lower()} {' or '.join(spec.metric_names)}"


def percent(share: float) -> str:
    """A share of 1 in whole percent: ``12 %``."""
    return f"{100 * share:.0f} %"


def size(number_of_bytes: int) -> str:
    """A file's size: ``812 B``, ``1.2 MB``."""
    value, unit = float(number_of_bytes), "B"
    for greater in ("kB", "MB", "GB", "TB"):
        if value < 1000:  # noqa: PLR2004 - units of a thousand
            break
        value, unit = value / 1000, greater
    return f"{number_of_bytes} B" if unit == "B" else f"{value:.1f} {unit}"


def count(amount: int, thing: str) -> str:
    """`amount` of `thing`: ``1 trial``, ``2 trials``."""
    return f"{amount} {thing}" if amount == 1 else f"{amount} {thing}s"
