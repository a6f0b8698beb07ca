"""What the service asks of a request beyond its model: limits and things that have to fit together.

Texts are AWS's where a public report has one (marked), ours where none is known; the limits are AWS's everywhere.
Every rule looks only at what is there and of the right type: the model's own complaints are not repeated.
Source: SageMaker developer guide, "Resource Limits", "Define Hyperparameter Ranges", "Define metrics and environment
variables"; API reference.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import regex

from contracts.errors import InvalidRange
from contracts.hyperparameters import MAX_HYPERPARAMETERS, TUNING_OBJECTIVE_METRIC
from contracts.jobs import DEFAULT_MAX_RUNTIME_SECONDS
from contracts.ranges import (
    CategoricalParameterRange,
    ParameterRange,
    number_of_configurations,
    parameter_ranges_from_request,
)
from tuner.errors import RequestPath, Violation, ViolationKind
from tuner.requests.channel_rules import CHANNEL_RULES
from tuner.requests.completion import CREATE_PROCESSING_JOB, CREATE_TRANSFORM_JOB, CREATE_TUNING_JOB
from tuner.requests.node import Node
from tuner.requests.processing_rules import PROCESSING_RULES
from tuner.requests.transform_rules import TRANSFORM_RULES

MAX_TUNED_PARAMETERS = 30
MAX_PARALLEL_TRAINING_JOBS = 100
MAX_TRAINING_JOBS = 750
MAX_TRAINING_JOBS_RANDOM = 10_000
MAX_ENVIRONMENT_OF_TUNING_JOB = 48
MAX_HYPERBAND_RESOURCE = 20_000

#: The static hyperparameters from which Hyperband takes MaxResource when it is not given, in this order.
_EPOCH_NAMES = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")

_RANGE_LISTS = ("ContinuousParameterRanges", "IntegerParameterRanges", "CategoricalParameterRanges")

_Found = Iterator[Violation]


def check_rules(operation: str, request: Mapping[str, Any]) -> list[Violation]:
    """All rules that `request` breaks as the input of `operation`."""
    root = Node(request)
    if operation == CREATE_TUNING_JOB:
        job = root.member("TrainingJobDefinition")
        return [*_run(_TUNING_RULES, root), *_run(_JOB_RULES, job)]
    if operation == CREATE_TRANSFORM_JOB:
        return _run(TRANSFORM_RULES, root)
    if operation == CREATE_PROCESSING_JOB:
        return _run(PROCESSING_RULES, root)
    return _run(_JOB_RULES, root)


def _run(rules: Iterable[Callable[[Node], _Found]], node: Node) -> list[Violation]:
    return [violation for rule in rules for violation in rule(node)]


def _refused(path: RequestPath, message: str, hint: str | None = None) -> Violation:
    return Violation(path=path, message=message, kind=ViolationKind.RULE, hint=hint)


# Rules of a training job, which hold for the definition inside a tuning job as well.


def _image_is_named(job: Node) -> _Found:
    algorithm = job.member("AlgorithmSpecification")
    named = [name for name in ("TrainingImage", "AlgorithmName") if algorithm.has(name)]
    if algorithm.value is not None and len(named) != 1:
        yield _refused(algorithm.path, "AlgorithmSpecification must have either TrainingImage or AlgorithmName")
    if algorithm.value is None and job.value is not None:
        yield _refused(algorithm.path, "an AlgorithmSpecification with the TrainingImage is required")
    if algorithm.text("TrainingImage") == "":
        yield _refused(algorithm.at("TrainingImage"), "TrainingImage is empty")


def _metrics_find_numbers(job: Node) -> _Found:
    names: set[str] = set()
    for metric in job.member("AlgorithmSpecification", "MetricDefinitions").items():
        name, pattern = metric.text("Name"), metric.text("Regex")
        if name is not None and name in names:
            yield _refused(metric.at("Name"), f"there is another metric named {name!r}")
        names.add(name or "")
        if pattern is not None and (problem := regex_problem(pattern)) is not None:
            yield _refused(metric.at("Regex"), f"the regular expression of metric {name!r} {problem}")


def regex_problem(pattern: str) -> str | None:
    """What keeps `pattern` from finding a metric, or None. The dialect is Python's, as the `regex` package reads it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a later version will read differently is no error in this one
            groups = regex.compile(pattern).groups
    except regex.error as error:
        return f"does not compile: {error}: {pattern}"
    except (OverflowError, RecursionError, MemoryError):
        return f"is too big: {pattern}"
    if groups == 0:
        return f"has no group to capture the value: put the number in parentheses, as in loss=([0-9.]+), not {pattern}"
    return None


def _resources_are_whole(job: Node) -> _Found:
    resources = job.member("ResourceConfig")
    if resources.integer("InstanceCount") == 0:
        yield _refused(resources.at("InstanceCount"), "InstanceCount must be 1 or more")
    if resources.has("InstanceGroups") and (resources.has("InstanceType") or resources.has("InstanceCount")):
        yield _refused(
            resources.path, "ResourceConfig has either InstanceGroups or InstanceType and InstanceCount, not both"
        )
    if resources.value is not None and job.has("HyperParameterTuningResourceConfig"):
        yield _refused(
            resources.path, "a definition has either ResourceConfig or HyperParameterTuningResourceConfig, not both"
        )


def _hosts_are_there(job: Node) -> _Found:
    names: set[str] = set()
    for group in job.member("ResourceConfig", "InstanceGroups").items():
        name = group.text("InstanceGroupName")
        if name is not None and name in names:
            yield _refused(group.at("InstanceGroupName"), f"there is another instance group named {name!r}")
        names.add(name or "")
        if group.integer("InstanceCount") == 0:
            yield _refused(group.at("InstanceCount"), "InstanceCount must be 1 or more")


def _spot_jobs_say_how_long_they_wait(job: Node) -> _Found:
    stopping = job.member("StoppingCondition")
    longest = stopping.integer("MaxRuntimeInSeconds") or DEFAULT_MAX_RUNTIME_SECONDS
    if job.member("EnableManagedSpotTraining").value is True and (
        (stopping.integer("MaxWaitTimeInSeconds") or 0) < longest
    ):
        yield _refused(
            stopping.at("MaxWaitTimeInSeconds"),
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
            f" ({longest})",
        )


def _the_kernel_takes_every_text(job: Node) -> _Found:
    """Environment and arguments of a program end at the first NUL character; the engine refuses such a container."""
    environment, algorithm = job.member("Environment"), job.member("AlgorithmSpecification")
    texts = [
        *(environment.member(name) for name in environment.names()),
        *algorithm.member("ContainerEntrypoint").items(),
        *algorithm.member("ContainerArguments").items(),
    ]
    for text in texts:
        if "\0" in str(text.value):
            yield _refused(text.path, "a program cannot be given a NUL character")


# Rules of a tuning job.


def _definition_is_there(tuning: Node) -> _Found:
    single, several = tuning.has("TrainingJobDefinition"), tuning.has("TrainingJobDefinitions")
    if single and several:
        yield _refused(
            tuning.at("TrainingJobDefinitions"),
            "a tuning job has either TrainingJobDefinition or TrainingJobDefinitions",
        )
    if not single and not several:
        yield _refused(tuning.at("TrainingJobDefinition"), "a TrainingJobDefinition is required")


def _objective_is_a_metric(tuning: Node) -> _Found:
    config = tuning.member("HyperParameterTuningJobConfig")
    definition = tuning.member("TrainingJobDefinition")
    objective = config.member("HyperParameterTuningJobObjective")
    if definition.value is None or config.value is None:
        return
    if objective.value is None:
        yield _refused(
            objective.path, "a HyperParameterTuningJobObjective is required: the metric to maximize or minimize"
        )
    algorithm = definition.member("AlgorithmSpecification")
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


def _limits_are_within_quotas(tuning: Node) -> _Found:
    config = tuning.member("HyperParameterTuningJobConfig")
    limits, strategy = config.member("ResourceLimits"), config.text("Strategy")
    parallel, jobs = limits.integer("MaxParallelTrainingJobs"), limits.integer("MaxNumberOfTrainingJobs")
    if parallel is not None and parallel > MAX_PARALLEL_TRAINING_JOBS:
        yield _refused(
            limits.at("MaxParallelTrainingJobs"),
            f"at most {MAX_PARALLEL_TRAINING_JOBS} training jobs run in parallel, not {parallel}",
        )
    most = MAX_TRAINING_JOBS_RANDOM if strategy == "Random" else MAX_TRAINING_JOBS
    if jobs is not None and jobs > most:
        yield _refused(
            limits.at("MaxNumberOfTrainingJobs"),
            f"a {strategy} tuning job has at most {most} training jobs, not {jobs}",
        )
    open_ended = strategy in {"Bayesian", "Random", "Hyperband"}
    if limits.value is not None and not limits.has("MaxNumberOfTrainingJobs") and open_ended:
        yield _refused(
            limits.at("MaxNumberOfTrainingJobs"), f"MaxNumberOfTrainingJobs is required with Strategy {strategy}"
        )


def _ranges_contain_something(tuning: Node) -> _Found:
    for _, problem, path in _parsed_ranges(tuning):
        if problem is not None:
            yield _refused(path, problem)


def _range_names_differ(tuning: Node) -> _Found:
    names: set[str] = set()
    static = tuning.member("TrainingJobDefinition", "StaticHyperParameters")
    for entry in _range_entries(tuning):
        name = entry.text("Name")
        if name is None:
            continue
        if name in names:
            yield _refused(entry.at("Name"), f"there is another range for {name!r}")
        if static.has(name):
            yield _refused(entry.at("Name"), f"{name!r} is in StaticHyperParameters too: it is either static or tuned")
        names.add(name)
    for name in (*names, *static.names()):
        if name == TUNING_OBJECTIVE_METRIC:
            yield _refused(static.path, f"{TUNING_OBJECTIVE_METRIC} is set by the tuning job itself")


def _hyperparameters_are_not_too_many(tuning: Node) -> _Found:
    ranges = tuning.member("HyperParameterTuningJobConfig", "ParameterRanges")
    tuned = len(list(_range_entries(tuning)))
    auto = len(list(ranges.member("AutoParameters").items()))
    static = len(tuning.member("TrainingJobDefinition", "StaticHyperParameters").names())
    if tuning.has("TrainingJobDefinition") and tuned + auto == 0 and tuning.has("HyperParameterTuningJobConfig"):
        yield _refused(ranges.path, "there is no range: a tuning job searches at least one hyperparameter")
    if tuned > MAX_TUNED_PARAMETERS:
        yield _refused(ranges.path, f"at most {MAX_TUNED_PARAMETERS} hyperparameters can be tuned, not {tuned}")
    if static + tuned + auto + 1 > MAX_HYPERPARAMETERS:
        yield _refused(
            ranges.path,
            f"{static} static and {tuned + auto} tuned hyperparameters and {TUNING_OBJECTIVE_METRIC} are more than"
            f" {MAX_HYPERPARAMETERS}",
        )


def _there_are_enough_combinations(tuning: Node) -> _Found:
    config = tuning.member("HyperParameterTuningJobConfig")
    jobs = config.member("ResourceLimits").integer("MaxNumberOfTrainingJobs")
    parsed = list(_parsed_ranges(tuning))
    ranges = [parameter for parameter, _, _ in parsed if parameter is not None]
    if len(ranges) != len(parsed) or not ranges or config.text("Strategy") == "Grid":
        return
    combinations = number_of_configurations(ranges)
    if combinations is not None and jobs is not None and combinations < jobs:
        yield _refused(
            config.at("ParameterRanges"),
            # The service's text, floating point and all.
            "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter"
            f" combinations for the provided ranges [{combinations}.0] must be equal or greater than the value of"
            f" MaxNumberOfJobs, [{jobs}]. Provide additional ranges.",
        )


def _grid_is_categorical(tuning: Node) -> _Found:
    config = tuning.member("HyperParameterTuningJobConfig")
    if config.text("Strategy") != "Grid":
        return
    parsed = list(_parsed_ranges(tuning))
    for parameter, _, path in parsed:
        if parameter is not None and not isinstance(parameter, CategoricalParameterRange):
            yield _refused(path, f"{parameter.name}: Grid takes categorical ranges only")
    ranges = [parameter for parameter, _, _ in parsed if isinstance(parameter, CategoricalParameterRange)]
    combinations = number_of_configurations(ranges)
    if len(ranges) != len(parsed) or not ranges or combinations is None:
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
            config.at("ParameterRanges"), f"Grid tries at most {MAX_TRAINING_JOBS} combinations, not {combinations}"
        )


def _environments_are_not_too_big(tuning: Node) -> _Found:
    definitions = [tuning.member("TrainingJobDefinition"), *tuning.member("TrainingJobDefinitions").items()]
    total = sum(len(definition.member("Environment").names()) for definition in definitions)
    if total > MAX_ENVIRONMENT_OF_TUNING_JOB and tuning.has("TrainingJobDefinitions"):
        yield _refused(
            tuning.at("TrainingJobDefinitions"),
            f"a tuning job has at most {MAX_ENVIRONMENT_OF_TUNING_JOB} environment variables, not {total}",
        )


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
    static = tuning.member("TrainingJobDefinition", "StaticHyperParameters")
    if most is None and not any(static.has(name) for name in _EPOCH_NAMES):
        yield _refused(
            band.at("MaxResource"),
            "Hyperband needs MaxResource, or one of these static hyperparameters: " + ", ".join(_EPOCH_NAMES),
        )
    if most is not None and most > MAX_HYPERBAND_RESOURCE:
        yield _refused(band.at("MaxResource"), f"MaxResource is at most {MAX_HYPERBAND_RESOURCE}, not {most}")
    if least is not None and most is not None and least > most:
        yield _refused(band.at("MinResource"), f"MinResource {least} is greater than MaxResource {most}")
    if config.text("TrainingJobEarlyStoppingType") == "Auto":
        yield _refused(config.at("TrainingJobEarlyStoppingType"), "with Strategy Hyperband early stopping must be Off")


def _range_entries(tuning: Node) -> Iterator[Node]:
    ranges = tuning.member("HyperParameterTuningJobConfig", "ParameterRanges")
    for kind in _RANGE_LISTS:
        yield from ranges.member(kind).items()


def _parsed_ranges(tuning: Node) -> Iterator[tuple[ParameterRange | None, str | None, RequestPath]]:
    """Each range as a value, or what is wrong with it; neither where the model has refused it already."""
    for entry in _range_entries(tuning):
        kind = str(entry.path[-2])
        try:
            (parameter,) = parameter_ranges_from_request({kind: [entry.value]})
        except InvalidRange as error:
            yield None, str(error), entry.path
        except (KeyError, TypeError, ValueError):  # a member is missing or is no string; no such ScalingType
            yield None, None, entry.path
        else:
            yield parameter, None, entry.path


_JOB_RULES = (
    _image_is_named,
    _metrics_find_numbers,
    *CHANNEL_RULES,
    _resources_are_whole,
    _hosts_are_there,
    _spot_jobs_say_how_long_they_wait,
    _the_kernel_takes_every_text,
)
_TUNING_RULES = (
    _definition_is_there,
    _objective_is_a_metric,
    _limits_are_within_quotas,
    _ranges_contain_something,
    _range_names_differ,
    _hyperparameters_are_not_too_many,
    _there_are_enough_combinations,
    _grid_is_categorical,
    _environments_are_not_too_big,
    _hyperband_has_its_resource,
)
