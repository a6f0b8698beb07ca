"""Metric definitions and the objective: what is looked for in the log lines of a container.

Source: SageMaker developer guide, "Define metrics and environment variables"; API reference, MetricDefinition.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ObjectiveType(StrEnum):
    """Whether the objective is better when it is greater or when it is smaller."""

    MAXIMIZE = "Maximize"
    MINIMIZE = "Minimize"

    def is_better(self, value: float, than: float) -> bool:
        """Whether `value` is strictly better than `than`."""
        return value > than if self is ObjectiveType.MAXIMIZE else value < than

    @property
    def sign(self) -> float:
        """What a value is multiplied by to become what is to be made small."""
        return -1.0 if self is ObjectiveType.MAXIMIZE else 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricDefinition:
    """A metric's name and the regular expression whose first group captures its value in a log line."""

    name: str
    regex: str

    @classmethod
    def from_request(cls, definition: Mapping[str, Any]) -> "MetricDefinition":
        """The definition that one entry of a request's (valid) MetricDefinitions describes."""
        return cls(name=definition["Name"], regex=definition["Regex"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """The metric that a tuning job makes as great or as small as it can."""

    type: ObjectiveType
    metric_name: str

    @classmethod
    def from_request(cls, objective: Mapping[str, Any]) -> "Objective":
        """The objective that a request's (valid) HyperParameterTuningJobObjective describes."""
        return cls(type=ObjectiveType(objective["Type"]), metric_name=objective["MetricName"])

    def is_better(self, value: float, than: float) -> bool:
        """Whether `value` is strictly better than `than`."""
        return self.type.is_better(value, than)


def parse_metric_value(text: str) -> float | None:
    """The number in a captured text, or None where there is none that a metric can hold.

    Decimal and exponent forms are read. CloudWatch cannot store nan and inf, and a captured text that is no number is
    dropped silently by the service: all three are no observation.
    """
    if "_" in text:  # Python reads "1_000" as a number; a program that prints it means something else
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
