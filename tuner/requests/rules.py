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

from contracts.jobs import DEFAULT_MAX_RUNTIME_SECONDS
from tuner.errors import RequestPath, Violation, ViolationKind
from tuner.requests.channel_rules import CHANNEL_RULES
from tuner.requests.completion import CREATE_PROCESSING_JOB, CREATE_TRANSFORM_JOB, CREATE_TUNING_JOB
from tuner.requests.definition_rules import DEFINITION_RULES, MAX_TRAINING_JOBS, definition_parts
from tuner.requests.node import Node
from tuner.requests.processing_rules import PROCESSING_RULES
from tuner.requests.transform_rules import TRANSFORM_RULES
from tuner.requests.warm_start_rules import WARM_START_RULES

MAX_PARALLEL_TRAINING_JOBS = 100
MAX_TRAINING_JOBS_RANDOM = 10_000

_Found = Iterator[Violation]


def check_rules(operation: str, request: Mapping[str, Any]) -> list[Violation]:
    """All rules that `request` breaks as the input of `operation`."""
    root = Node(request)
    if operation == CREATE_TUNING_JOB:
        of_jobs = [violation for part in definition_parts(root) for violation in _run(_JOB_RULES, part.definition)]
        return [*_run(_TUNING_RULES, root), *of_jobs]
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
    *DEFINITION_RULES,
    _limits_are_within_quotas,
    *WARM_START_RULES,
)
