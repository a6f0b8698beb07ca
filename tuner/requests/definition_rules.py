"""What the service asks of a tuning job's definitions: their objectives, ranges, limits, and how several go together.

A tuning job with one TrainingJobDefinition has its objective and its ranges in HyperParameterTuningJobConfig, one with
TrainingJobDefinitions has them in each definition; every rule of the one holds for each of the others. Texts are AWS's
where a public report has one (marked). Source: as `tuner.requests.rules`; developer guide, "Tune Multiple Algorithms
with Hyperparameter Optimization to Find the Best Model".
"""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.errors import InvalidRange
from contracts.hyperparameters import MAX_HYPERPARAMETERS, TUNING_OBJECTIVE_METRIC
from contracts.metrics import ObjectiveType
from contracts.ranges import (
    CategoricalParameterRange,
    ParameterRange,
    number_of_configurations,
    parameter_ranges_from_request,
)
from contracts.tuning import EPOCH_NAMES
from tuner.errors import RequestPath, Violation, ViolationKind
from tuner.requests.node import Node

MAX_TUNED_PARAMETERS = 30
MAX_TRAINING_JOBS = 750
MAX_ENVIRONMENT_OF_TUNING_JOB = 48
MAX_HYPERBAND_RESOURCE = 20_000

_RANGE_LISTS = ("ContinuousParameterRanges", "IntegerParameterRanges", "CategoricalParameterRanges")

_Found = Iterator[Violation]


@dataclass(frozen=True, kw_only=True, slots=True)
class DefinitionParts:
    """One definition of a tuning job, and where the request has its objective and its ranges."""

    definition: Node
    objective: Node
    ranges: Node


def definition_parts(tuning: Node) -> tuple[DefinitionParts, ...]:
    """Those of the definitions of a tuning job, in the request's order; of one that is missing too."""
    config = tuning.member("HyperParameterTuningJobConfig")
    if tuning.has("TrainingJobDefinitions"):
        return tuple(
            DefinitionParts(
                definition=definition,
                objective=definition.member("TuningObjective"),
                ranges=definition.member("HyperParameterRanges"),
            )
            for definition in tuning.member("TrainingJobDefinitions").items()
        )
    return (
        DefinitionParts(
            definition=tuning.member("TrainingJobDefinition"),
            objective=config.member("HyperParameterTuningJobObjective"),
            ranges=config.member("ParameterRanges"),
        ),
    )


def _refused(path: RequestPath, message: str, hint: str | None = None) -> Violation:
    return Violation(path=path, message=message, kind=ViolationKind.RULE, hint=hint)


# How one definition, or several, are given


def _definitions_are_there(tuning: Node) -> _Found:
    single, several = tuning.has("TrainingJobDefinition"), tuning.has("TrainingJobDefinitions")
    if single and several:
        yield _refused(
            tuning.at("TrainingJobDefinitions"),
            "a tuning job has either TrainingJobDefinition or TrainingJobDefinitions",
        )
    if not single and not several:
        yield _refused(tuning.at("TrainingJobDefinition"), "a TrainingJobDefinition is required")


def _objectives_and_ranges_are_in_their_place(tuning: Node) -> _Found:
    config = tuning.member("HyperParameterTuningJobConfig")
    if tuning.has("TrainingJobDefinitions"):
        for member, instead in (
            ("HyperParameterTuningJobObjective", "TuningObjective"),
            ("ParameterRanges", "HyperParameterRanges"),
        ):
            if config.has(member):
                yield _refused(
                    config.at(member), f"with TrainingJobDefinitions each definition has its own: give {instead} there"
                )
        return
    definition = tuning.member("TrainingJobDefinition")
    for member, instead in (
        ("TuningObjective", "HyperParameterTuningJobObjective"),
        ("HyperParameterRanges", "ParameterRanges"),
    ):
        if definition.has(member):
            yield _refused(
                definition.at(member),
                f"one TrainingJobDefinition takes it from HyperParameterTuningJobConfig: give {instead} there",
            )


def _definitions_are_told_apart(tuning: Node) -> _Found:
    names: set[str] = set()
    for definition in tuning.member("TrainingJobDefinitions").items():
        name = definition.text("DefinitionName")
        if not definition.has("DefinitionName"):
            yield _refused(definition.at("DefinitionName"), "each of TrainingJobDefinitions has a DefinitionName")
        if name is not None and name in names:
            yield _refused(definition.at("DefinitionName"), f"there is another definition named {name!r}")
        names.add(name or "")


def _objectives_have_one_direction(tuning: Node) -> _Found:
    """The service does not say so; but of a great accuracy and a small loss, nobody can tell the better."""
    first: str | None = None
    for part in definition_parts(tuning):
        direction = part.objective.text("Type")
        if direction not in set(ObjectiveType):
            continue
        first = first or direction
        if direction != first:
            yield _refused(
                part.objective.at("Type"),
                f"the best of all definitions is looked for, so all of them {str(first).lower()}: not one {direction}",
            )


def _what_is_for_one_definition_only(tuning: Node) -> _Found:
    config = tuning.member("HyperParameterTuningJobConfig")
    count = len(definition_parts(tuning))
    if count > 1 and config.text("TrainingJobEarlyStoppingType") == "Auto":
        yield _refused(
            config.at("TrainingJobEarlyStoppingType"),
            "early stopping is for tuning jobs with one definition: it must be Off with several",
        )
    jobs = config.member("ResourceLimits").integer("MaxNumberOfTrainingJobs")
    if jobs is not None and 0 < jobs < count:
        yield _refused(
            config.at("ResourceLimits", "MaxNumberOfTrainingJobs"),
            f"there are {count} definitions, so at least {count} training jobs: with {jobs} some would never be tried",
        )


def _environments_are_not_too_big(tuning: Node) -> _Found:
    total = sum(len(part.definition.member("Environment").names()) for part in definition_parts(tuning))
    if total > MAX_ENVIRONMENT_OF_TUNING_JOB and tuning.has("TrainingJobDefinitions"):
        yield _refused(
            tuning.at("TrainingJobDefinitions"),
            f"a tuning job has at most {MAX_ENVIRONMENT_OF_TUNING_JOB} environment variables, not {total}",
        )


# The objective


def _objectives_are_metrics(tuning: Node) -> _Found:
    for part in definition_parts(tuning):
        if part.definition.value is not None and tuning.has("HyperParameterTuningJobConfig"):
            yield from _objective_is_a_metric(part)


def _objective_is_a_metric(part: DefinitionParts) -> _Found:
    objective = part.objective
    if objective.value is None:
        yield _refused(objective.path, f"a {objective.path[-1]} is required: the metric to maximize or minimize")
    algorithm = part.definition.member("AlgorithmSpecification")
    metrics = {metric.text("Name") for metric in algorithm.member("MetricDefinitions").items()}
    name = objective.text("MetricName")
    if name is not None and name not in metrics and algorithm.value is not None and not algorithm.has("AlgorithmName"):
        known = ", ".join(sorted(metric for metric in metrics if metric)) or "none"
        yield _refused(
            objective.at("MetricName"),
            "A metric is required for this hyperparameter tuning job objective."
            " Provide a metric in the metric definitions.",  # the service's text
            f"MetricName is {name!r}, and the metrics that are defined: {known}",
        )


# The ranges


def _ranges_contain_something(tuning: Node) -> _Found:
    for part in definition_parts(tuning):
        for _, problem, path in _parsed_ranges(part.ranges):
            if problem is not None:
                yield _refused(path, problem)


def _range_names_differ(tuning: Node) -> _Found:
    for part in definition_parts(tuning):
        names: set[str] = set()
        static = part.definition.member("StaticHyperParameters")
        for entry in _range_entries(part.ranges):
            name = entry.text("Name")
            if name is None:
                continue
            if name in names:
                yield _refused(entry.at("Name"), f"there is another range for {name!r}")
            if static.has(name):
                yield _refused(
                    entry.at("Name"), f"{name!r} is in StaticHyperParameters too: it is either static or tuned"
                )
            names.add(name)
        for name in (*names, *static.names()):
            if name == TUNING_OBJECTIVE_METRIC:
                yield _refused(static.path, f"{TUNING_OBJECTIVE_METRIC} is set by the tuning job itself")


def _hyperparameters_are_not_too_many(tuning: Node) -> _Found:
    for part in definition_parts(tuning):
        ranges = part.ranges
        tuned = len(list(_range_entries(ranges)))
        auto = len(list(ranges.member("AutoParameters").items()))
        static = len(part.definition.member("StaticHyperParameters").names())
        is_whole = part.definition.value is not None and tuning.has("HyperParameterTuningJobConfig")
        if is_whole and tuned + auto == 0:
            yield _refused(ranges.path, "there is no range: a tuning job searches at least one hyperparameter")
        if tuned > MAX_TUNED_PARAMETERS:
            yield _refused(ranges.path, f"at most {MAX_TUNED_PARAMETERS} hyperparameters can be tuned, not {tuned}")
        if static + tuned + auto + 1 > MAX_HYPERPARAMETERS:
            yield _refused(
                ranges.path,
                f"{static} static and {tuned + auto} tuned hyperparameters and {TUNING_OBJECTIVE_METRIC} are more than"
                f" {MAX_HYPERPARAMETERS}",
            )


def _automatic_ranges_are_asked_for(tuning: Node) -> _Found:
    """Where Autotune is on, completion has made ranges of them."""
    for part in definition_parts(tuning):
        is_on = tuning.member("Autotune").text("Mode") == "Enabled"
        if not is_on and list(part.ranges.member("AutoParameters").items()):
            yield _refused(
                part.ranges.at("AutoParameters"), "AutoParameters are for jobs with Autotune: {Mode: Enabled}"
            )


def _there_are_enough_combinations(tuning: Node) -> _Found:
    config = tuning.member("HyperParameterTuningJobConfig")
    jobs = config.member("ResourceLimits").integer("MaxNumberOfTrainingJobs")
    combinations = _combinations(tuning)
    if jobs is None or combinations is None or combinations >= jobs or config.text("Strategy") == "Grid":
        return
    yield _refused(
        _where_ranges_are(tuning),
        # The service's text, floating point and all.
        "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter"
        f" combinations for the provided ranges [{combinations}.0] must be equal or greater than the value of"
        f" MaxNumberOfJobs, [{jobs}]. Provide additional ranges.",
    )


def _grid_is_categorical(tuning: Node) -> _Found:
    config = tuning.member("HyperParameterTuningJobConfig")
    if config.text("Strategy") != "Grid":
        return
    for part in definition_parts(tuning):
        for parameter, _, path in _parsed_ranges(part.ranges):
            if parameter is not None and not isinstance(parameter, CategoricalParameterRange):
                yield _refused(path, f"{parameter.name}: Grid takes categorical ranges only")
    combinations = _combinations(tuning, only=CategoricalParameterRange)
    if combinations is None:
        return
    limits = config.member("ResourceLimits")
    jobs = limits.integer("MaxNumberOfTrainingJobs")
    if jobs is not None and jobs != combinations:
        yield _refused(
            limits.at("MaxNumberOfTrainingJobs"),
            f"Grid tries each of the {combinations} combinations once: MaxNumberOfTrainingJobs must be {combinations}"
            f" or left out, not {jobs}",
        )
    elif combinations > MAX_TRAINING_JOBS:
        yield _refused(
            _where_ranges_are(tuning), f"Grid tries at most {MAX_TRAINING_JOBS} combinations, not {combinations}"
        )


def _where_ranges_are(tuning: Node) -> RequestPath:
    if tuning.has("TrainingJobDefinitions"):
        return tuning.at("TrainingJobDefinitions")
    return tuning.at("HyperParameterTuningJobConfig", "ParameterRanges")


def _combinations(tuning: Node, only: type[ParameterRange] | None = None) -> int | None:
    """How many different trials there can be; None where they cannot be counted, or not every range can be read."""
    total = 0
    for part in definition_parts(tuning):
        parsed = list(_parsed_ranges(part.ranges))
        ranges = [one for one, _, _ in parsed if one is not None and (only is None or isinstance(one, only))]
        combinations = number_of_configurations(ranges)
        if len(ranges) != len(parsed) or not ranges or combinations is None:
            return None
        total += combinations
    return total or None


def _range_entries(ranges: Node) -> Iterator[Node]:
    for kind in _RANGE_LISTS:
        yield from ranges.member(kind).items()


def _parsed_ranges(ranges: Node) -> Iterator[tuple[ParameterRange | None, str | None, RequestPath]]:
    """Each range as a value, or what is wrong with it; neither where the model has refused it already."""
    for entry in _range_entries(ranges):
        kind = str(entry.path[-2])
        try:
            (parameter,) = parameter_ranges_from_request({kind: [entry.value]})
        except InvalidRange as error:
            yield None, str(error), entry.path
        except (KeyError, TypeError, ValueError):  # a member is missing or is no string; no such ScalingType
            yield None, None, entry.path
        else:
            yield parameter, None, entry.path


# Hyperband


def _hyperband_has_its_resource(tuning: Node) -> _Found:
    config = tuning.member("HyperParameterTuningJobConfig")
    strategy_config = config.member("StrategyConfig")
    band = strategy_config.member("HyperbandStrategyConfig")
    if config.text("Strategy") != "Hyperband":
        if strategy_config.value is not None and config.text("Strategy") is not None:
            yield _refused(
                strategy_config.path, f"StrategyConfig is for Strategy Hyperband, not {config.text('Strategy')}"
            )
        return
    least, most = band.integer("MinResource"), band.integer("MaxResource")
    statics = [part.definition.member("StaticHyperParameters") for part in definition_parts(tuning)]
    if most is None and not all(any(static.has(name) for name in EPOCH_NAMES) for static in statics):
        yield _refused(
            band.at("MaxResource"),
            "Hyperband needs MaxResource, or one of these static hyperparameters: " + ", ".join(EPOCH_NAMES),
        )
    if most is not None and most > MAX_HYPERBAND_RESOURCE:
        yield _refused(band.at("MaxResource"), f"MaxResource is at most {MAX_HYPERBAND_RESOURCE}, not {most}")
    if least is not None and most is not None and least > most:
        yield _refused(band.at("MinResource"), f"MinResource {least} is greater than MaxResource {most}")
    if config.text("TrainingJobEarlyStoppingType") == "Auto":
        yield _refused(config.at("TrainingJobEarlyStoppingType"), "with Strategy Hyperband early stopping must be Off")


# Resources


def _resources_are_given_once(tuning: Node) -> _Found:
    """Source: API reference, HyperParameterTuningResourceConfig."""
    for part in definition_parts(tuning):
        flexible = part.definition.member("HyperParameterTuningResourceConfig")
        own = [name for name in ("InstanceType", "InstanceCount", "VolumeSizeInGB") if flexible.has(name)]
        if flexible.has("InstanceConfigs") and own:
            yield _refused(
                flexible.path,
                "HyperParameterTuningResourceConfig has either InstanceConfigs or InstanceType, InstanceCount and"
                f" VolumeSizeInGB, not both: take away {', '.join(own)}",
            )
        for place in (flexible, *flexible.member("InstanceConfigs").items()):
            if place.integer("InstanceCount") == 0:
                yield _refused(place.at("InstanceCount"), "InstanceCount must be 1 or more")


#: All rules of this page, for a tuning job.
DEFINITION_RULES = (
    _definitions_are_there,
    _objectives_and_ranges_are_in_their_place,
    _definitions_are_told_apart,
    _objectives_have_one_direction,
    _objectives_are_metrics,
    _what_is_for_one_definition_only,
    _ranges_contain_something,
    _range_names_differ,
    _hyperparameters_are_not_too_many,
    _automatic_ranges_are_asked_for,
    _there_are_enough_combinations,
    _grid_is_categorical,
    _environments_are_not_too_big,
    _hyperband_has_its_resource,
    _resources_are_given_once,
)
