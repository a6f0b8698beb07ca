"""What a search file says of a tuning job: all that is known of its search and that the API has no word for.

The names of the members are in the API's manner. A `SearchExtension` is the frozen view of a file that has been
validated; without a file it is empty.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.early_stopping import ForecastStopping
from contracts.expressions import Operation, names_in, parse_condition
from contracts.metrics import Objective
from contracts.ranges import CategoricalParameterRange, ParameterRange
from contracts.tuning import SuggestionsBy


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """The hyperparameter `name` is there only where another one, `depends_on`, has one of `values`."""

    name: str
    depends_on: str
    values: tuple[str, ...]

    @classmethod
    def from_extension(cls, entry: Mapping[str, Any]) -> "Condition":
        """That of one entry of (valid) Conditions."""
        return cls(name=entry["Name"], depends_on=entry["DependsOn"], values=tuple(entry["Values"]))


def in_order(conditions: Sequence[Condition]) -> list[str]:
    """The names that `conditions` are of, each after the one that it depends on; raises ValueError for a circle."""
    depends_on = {condition.name: condition.depends_on for condition in conditions}
    ordered: list[str] = []
    for condition in conditions:
        name = condition.name
        chain: list[str] = []
        while name in depends_on and name not in ordered:
            if name in chain:
                raise ValueError(f"conditions go in a circle: {' depends on '.join([*chain, name])}")
            chain.append(name)
            name = depends_on[name]
        ordered.extend(reversed(chain))
    return ordered


@dataclass(frozen=True, kw_only=True, slots=True)
class Constraint:
    """What holds between the hyperparameters of every trial; `text` is how it was written."""

    text: str
    expression: Operation

    @classmethod
    def parse(cls, text: str) -> "Constraint":
        """That which `text` says; raises InvalidExpression."""
        return cls(text=text, expression=parse_condition(text))

    @property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters that it is about."""
        return names_in(self.expression)


def is_numeric(parameter: ParameterRange) -> bool:
    """Whether constraints can reckon with the values of a range: not where one of its texts is no number."""
    if not isinstance(parameter, CategoricalParameterRange):
        return True
    try:
        return all(math.isfinite(float(text)) and "_" not in text for text in parameter.values)
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricConstraint:
    """The bounds that a metric's last value has to keep, both included."""

    metric_name: str
    minimum: float = -math.inf
    maximum: float = math.inf

    @classmethod
    def from_extension(cls, entry: Mapping[str, Any]) -> "MetricConstraint":
        """That of one entry of (valid) MetricConstraints."""
        return cls(
            metric_name=entry["MetricName"],
            minimum=float(entry.get("Minimum", -math.inf)),
            maximum=float(entry.get("Maximum", math.inf)),
        )

    def violation(self, value: float | None) -> float:
        """By how much `value` breaks it, in parts of the bound (of 1, where the bound is 0); 0 where it is kept.

        A metric that was never printed, None, breaks it without end: nobody knows that it is kept.
        """
        if value is None:
            return math.inf
        bound = self.maximum if value > self.maximum else self.minimum
        if self.minimum <= value <= self.maximum:
            return 0.0
        return abs(value - bound) / (abs(bound) or 1.0)

    def __str__(self) -> str:
        texts = []
        if math.isfinite(self.minimum):
            texts.append(f"at least {self.minimum:g}")
        if math.isfinite(self.maximum):
            texts.append(f"at most {self.maximum:g}")
        return f"{self.metric_name} {' and '.join(texts)}"


def total_violation(constraints: Iterable[MetricConstraint], metrics: Mapping[str, float]) -> float:
    """By how much a trial's last values of its `metrics` break the constraints, all together; 0 where all are kept."""
    return sum((constraint.violation(metrics.get(constraint.metric_name)) for constraint in constraints), start=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberBelief:
    """Good values of a range are thought to lie around one of them, with a standard deviation of `spread`.

    The spread is measured in the scale of the range, of which the whole length is 1.
    """

    around: str
    spread: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TextBelief:
    """How likely each text of a range is thought to be the best: in proportion to its weight, 1 where none is given."""

    weights: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchExtension:
    """A search file. `prior_belief` is by hyperparameter; `hyperband_suggestions` are those of Strategy Hyperband."""

    first_configurations: tuple[Mapping[str, str], ...] = ()
    conditions: tuple[Condition, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    metric_constraints: tuple[MetricConstraint, ...] = ()
    second_objective: Objective | None = None
    prior_belief: Mapping[str, NumberBelief | TextBelief] = field(default_factory=dict)
    early_stopping: ForecastStopping | None = None
    hyperband_suggestions: SuggestionsBy = SuggestionsBy.RANDOM

    @classmethod
    def from_extension(cls, extension: Mapping[str, Any]) -> "SearchExtension":
        """The view of a search file that has been validated."""
        second, stopping = extension.get("SecondObjective"), extension.get("EarlyStopping")
        return cls(
            first_configurations=tuple(extension.get("FirstConfigurations", ())),
            conditions=tuple(Condition.from_extension(entry) for entry in extension.get("Conditions", ())),
            constraints=tuple(Constraint.parse(text) for text in extension.get("Constraints", ())),
            metric_constraints=tuple(
                MetricConstraint.from_extension(entry) for entry in extension.get("MetricConstraints", ())
            ),
            second_objective=None if second is None else Objective.from_request(second),
            prior_belief={
                name: TextBelief(weights=entry["Weights"])
                if "Weights" in entry
                else NumberBelief(around=entry["Around"], spread=float(entry["Spread"]))
                for name, entry in extension.get("PriorBelief", {}).items()
            },
            early_stopping=None if stopping is None else ForecastStopping.from_extension(stopping),
            hyperband_suggestions=SuggestionsBy(
                extension.get("Hyperband", {}).get("Suggestions", SuggestionsBy.RANDOM)
            ),
        )
