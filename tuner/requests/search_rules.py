"""What has to fit together in a search file, and with the request that it stands beside."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.definitions import TrainingDefinition
from contracts.errors import InvalidExpression
from contracts.expressions import names_of_numbers, texts_compared
from contracts.jobs import TuningJobSpec
from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    is_of_kind,
)
from contracts.search_extension import Condition, Constraint, in_order, is_numeric
from tuner.errors import RequestPath, Violation, ViolationKind
from tuner.requests.node import Node
from tuner.requests.service_model import did_you_mean

#: A rule that is wrong half of the time is none.
MOST_FALSE_STOPS = 0.5

_Found = Iterator[Violation]
_Ranges = Mapping[str, ParameterRange]


def check_search_rules(extension: Mapping[str, Any], request: Mapping[str, Any]) -> list[Violation]:
    """All rules that a search file of the right form breaks beside `request`, which is valid."""
    spec = TuningJobSpec.from_request(request)
    if len(spec.definitions) > 1:
        text = "a search file beside a job with several TrainingJobDefinitions is not in this version"
        return [Violation(path=(), message=text, kind=ViolationKind.NOT_SUPPORTED)]
    (definition,) = spec.definitions
    root = Node(extension)
    ranges = {parameter.name: parameter for parameter in definition.ranges}
    return [
        *_first_configurations_are_of_the_ranges(root, ranges, spec),
        *_conditions_are_trees(root, ranges),
        *_constraints_can_be_reckoned(root, ranges),
        *_metrics_are_defined(root, definition),
        *_there_is_one_best_value(root, request),
        *_beliefs_are_of_the_ranges(root, ranges, spec),
        *_one_rule_stops_trials(root, spec),
        *_suggestions_are_for_hyperband(root, spec),
    ]


def _refused(path: RequestPath, message: str, hint: str | None = None) -> Violation:
    return Violation(path=path, message=message, kind=ViolationKind.RULE, hint=hint)


def _no_range(path: RequestPath, name: str, ranges: _Ranges) -> Violation:
    hint = did_you_mean(name, ranges) or f"the ranges are {', '.join(ranges)}"
    return _refused(path, f"{name!r} is none of the hyperparameters that have a range", hint)


def _first_configurations_are_of_the_ranges(root: Node, ranges: _Ranges, spec: TuningJobSpec) -> _Found:
    first = root.member("FirstConfigurations")
    given = list(first.items())
    if given and spec.strategy == "Grid":
        yield _refused(
            first.path, "Strategy Grid tries every combination in its own order: FirstConfigurations are for the others"
        )
    most = spec.max_training_jobs
    if most is not None and len(given) > most:
        yield _refused(first.path, f"{len(given)} FirstConfigurations are more than MaxNumberOfTrainingJobs, {most}")
    conditions = {entry.text("Name"): entry for entry in root.member("Conditions").items()}
    for number, configuration in enumerate(given):
        if any(configuration.value == earlier.value for earlier in given[:number]):
            yield _refused(configuration.path, "the same configuration is there already: none is tried twice")
        for name in configuration.names():
            text = configuration.text(name) or ""
            if name not in ranges:
                yield _no_range(configuration.at(name), name, ranges)
            elif (problem := outside(ranges[name], text)) is not None:
                yield _refused(configuration.at(name), problem)
            elif name in conditions:
                yield from _parent_is_given(configuration, name, conditions[name])


def _parent_is_given(configuration: Node, name: str, condition: Node) -> _Found:
    """A value that nobody would get, because its hyperparameter is not there, is a mistake."""
    parent = condition.text("DependsOn") or ""
    values = [item.value for item in condition.member("Values").items()]
    if configuration.text(parent) not in values:
        yield _refused(
            configuration.at(name),
            f"{name} is there only where {parent} is {' or '.join(map(str, values))}, so {parent} has to be given too",
        )


def outside(parameter: ParameterRange, text: str) -> str | None:
    """Why `text` is no value of a range; None where it is one."""
    if not is_of_kind(parameter, text):
        match parameter:
            case CategoricalParameterRange(values=values):
                return f"{text!r} is none of the values of {parameter.name}: {', '.join(values)}"
            case IntegerParameterRange():
                return f"{text!r} is no whole number, and {parameter.name} is a range of whole numbers"
            case ContinuousParameterRange():
                return f"{text!r} is no number, and {parameter.name} is a range of numbers"
    if isinstance(parameter, CategoricalParameterRange):
        return None
    number = int(text) if isinstance(parameter, IntegerParameterRange) else float(text)
    if not parameter.contains(number):
        return f"{text} lies outside the range of {parameter.name}, {parameter.min_value} to {parameter.max_value}"
    return None


def _conditions_are_trees(root: Node, ranges: _Ranges) -> _Found:
    entries = list(root.member("Conditions").items())
    names: set[str] = set()
    for entry in entries:
        name, parent = entry.text("Name") or "", entry.text("DependsOn") or ""
        if name not in ranges:
            yield _no_range(entry.at("Name"), name, ranges)
        if name in names:
            yield _refused(entry.at("Name"), f"there is another condition for {name!r}; list all Values in one")
        names.add(name)
        if parent not in ranges:
            yield _no_range(entry.at("DependsOn"), parent, ranges)
        elif isinstance(ranges[parent], ContinuousParameterRange):
            yield _refused(
                entry.at("DependsOn"), f"{parent} is a continuous range, whose values cannot be listed; use Constraints"
            )
        else:
            for value in entry.member("Values").items():
                if (problem := outside(ranges[parent], str(value.value))) is not None:
                    yield _refused(value.path, problem)
    try:
        in_order([Condition.from_extension(entry.value) for entry in entries if isinstance(entry.value, dict)])
    except ValueError as error:
        yield _refused(root.at("Conditions"), str(error))


def _constraints_can_be_reckoned(root: Node, ranges: _Ranges) -> _Found:
    for entry in root.member("Constraints").items():
        text = str(entry.value)
        try:
            constraint = Constraint.parse(text)
        except InvalidExpression as error:
            yield _refused(entry.path, f"{text!r} {error}")
            continue
        if not constraint.names:
            yield _refused(entry.path, f"{text!r} is about no hyperparameter")
        unknown = [name for name in constraint.names if name not in ranges]
        yield from (_no_range(entry.path, name, ranges) for name in unknown)
        if not unknown:
            yield from _kinds_fit(entry.path, constraint, ranges)


def _kinds_fit(path: RequestPath, constraint: Constraint, ranges: _Ranges) -> _Found:
    for name in names_of_numbers(constraint.expression):
        if not is_numeric(ranges[name]):
            yield _refused(
                path,
                f"{constraint.text!r} reckons with {name}, of which not all values are numbers",
                f'compare it with a text in quotes: {name} == "..."',
            )
    for name, value in texts_compared(constraint.expression):
        parameter = ranges[name]
        if is_numeric(parameter):
            yield _refused(
                path, f"{constraint.text!r} compares {name}, which is a number, with a text: leave out the quotes"
            )
        elif (problem := outside(parameter, value)) is not None:
            yield _refused(path, problem)


def _metrics_are_defined(root: Node, definition: TrainingDefinition) -> _Found:
    known = definition.metric_names
    second = root.member("SecondObjective")
    names: set[str] = set()
    for entry in (*root.member("MetricConstraints").items(), *([second] if second.value is not None else [])):
        name = entry.text("MetricName") or ""
        if name not in known:
            hint = did_you_mean(name, known) or f"the metrics that are defined: {', '.join(known)}"
            yield _refused(entry.at("MetricName"), f"{name!r} is none of the request's MetricDefinitions", hint)
    for entry in root.member("MetricConstraints").items():
        name, low, high = entry.text("MetricName") or "", entry.member("Minimum").value, entry.member("Maximum").value
        if name in names:
            yield _refused(entry.at("MetricName"), f"there is another constraint for {name!r}; give both bounds in one")
        names.add(name)
        if low is None and high is None:
            yield _refused(entry.path, "a Minimum or a Maximum is required")
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            yield _refused(entry.at("Minimum"), f"Minimum {low} is greater than Maximum {high}")
    if second.text("MetricName") == definition.objective.metric_name:
        yield _refused(second.at("MetricName"), "it is the request's own objective already: name another metric")


def _there_is_one_best_value(root: Node, request: Mapping[str, Any]) -> _Found:
    config = Node(request).member("HyperParameterTuningJobConfig")
    convergence = config.member("TuningJobCompletionCriteria", "ConvergenceDetected")
    if root.has("SecondObjective") and convergence.text("CompleteOnConvergence") == "Enabled":
        yield _refused(
            root.at("SecondObjective"),
            "the request's CompleteOnConvergence waits for one best value, and two objectives have none",
        )


def _beliefs_are_of_the_ranges(root: Node, ranges: _Ranges, spec: TuningJobSpec) -> _Found:
    beliefs = root.member("PriorBelief")
    if beliefs.names() and spec.strategy == "Grid":
        yield _refused(beliefs.path, "Strategy Grid tries every combination: PriorBelief is for the others")
    for name in beliefs.names():
        belief = beliefs.member(name)
        if name not in ranges:
            yield _no_range(belief.path, name, ranges)
        elif isinstance(parameter := ranges[name], CategoricalParameterRange):
            yield from _weights_are_of_the_texts(belief, parameter)
        else:
            yield from _lies_around_a_value(belief, parameter)


def _weights_are_of_the_texts(belief: Node, parameter: CategoricalParameterRange) -> _Found:
    if set(belief.names()) != {"Weights"}:
        yield _refused(belief.path, f"{parameter.name} is a categorical range: give Weights, and nothing else")
    weights = belief.member("Weights")
    for text in weights.names():
        if (problem := outside(parameter, text)) is not None:
            yield _refused(weights.at(text), problem)
        weight = weights.member(text).value
        if isinstance(weight, int | float) and weight <= 0:
            yield _refused(weights.at(text), f"the weight of {text!r} must be above 0, and is {weight}")


def _lies_around_a_value(belief: Node, parameter: ParameterRange) -> _Found:
    if set(belief.names()) != {"Around", "Spread"}:
        yield _refused(belief.path, f"{parameter.name} is a range of numbers: give Around and Spread, and nothing else")
    if (around := belief.text("Around")) is not None and (problem := outside(parameter, around)) is not None:
        yield _refused(belief.at("Around"), problem)
    spread = belief.member("Spread").value
    if isinstance(spread, int | float) and not 0 < spread <= 1:
        yield _refused(
            belief.at("Spread"), f"Spread must be above 0 and at most 1, the length of the whole range, and is {spread}"
        )


def _one_rule_stops_trials(root: Node, spec: TuningJobSpec) -> _Found:
    stopping = root.member("EarlyStopping")
    rate = stopping.member("FalseStopRate").value
    if isinstance(rate, int | float) and not 0 < rate < MOST_FALSE_STOPS:
        yield _refused(
            stopping.at("FalseStopRate"), f"FalseStopRate must be above 0 and below {MOST_FALSE_STOPS}, and is {rate}"
        )
    if stopping.value is None or stopping.member("Shadow").value is True:  # a shadow stops nothing
        return
    for is_so, why in (
        (spec.strategy == "Hyperband", "Strategy Hyperband stops trials itself"),
        (spec.stops_early, "the request's TrainingJobEarlyStoppingType Auto stops trials already"),
        (root.has("SecondObjective"), "it judges by one objective, and would stop trials that are good in the other"),
    ):
        if is_so:
            yield _refused(stopping.path, why, "with Shadow: true it only reports what it would have stopped")


def _suggestions_are_for_hyperband(root: Node, spec: TuningJobSpec) -> _Found:
    if root.has("Hyperband") and spec.strategy != "Hyperband":
        yield _refused(
            root.at("Hyperband"),
            f"it says how Strategy Hyperband chooses configurations, and the request's Strategy is {spec.strategy}",
            "leave it out, or ask for Strategy Hyperband",
        )
