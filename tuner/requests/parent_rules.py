"""What the parents of a tuning job have to be, and what may change between them and the job.

Texts are AWS's where a public report has one (marked), ours where none is known.
Source: SageMaker developer guide, "Run a Warm Start Hyperparameter Tuning Job", "Warm Start Tuning Restrictions".
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.jobs import JobStatus
from contracts.tuning import WarmStartType
from tuner.errors import RequestPath, Violation, ViolationKind
from tuner.requests.definition_rules import MAX_TRAINING_JOBS
from tuner.requests.node import Node
from tuner.requests.rules import MAX_TRAINING_JOBS_RANDOM
from tuner.requests.service_model import did_you_mean
from tuner.requests.warm_start_rules import parent_names

#: How much may change, see `_changes`.
MAX_CHANGES = 10
#: What one static hyperparameter with another value counts: its old value and its new one.
_OF_A_STATIC_VALUE = 2

#: In the service's spelling and order, for its own text. Source: issue sagemaker-python-sdk#3693.
_CHANGEABLE = (
    "algorithmSpecification",
    "inputDataConfig",
    "outputDataConfig",
    "staticHyperParameters",
    "roleArn",
    "resourceConfig",
    "stoppingCondition",
    "vpcConfig",
    "enableManagedSpotTraining",
    "checkpointConfig",
)
_KINDS = {
    "ContinuousParameterRanges": "continuous",
    "IntegerParameterRanges": "integer",
    "CategoricalParameterRanges": "categorical",
}

_CONFIG = "HyperParameterTuningJobConfig"
_DEFINITION = "TrainingJobDefinition"
_Found = Iterator[Violation]


@dataclass(frozen=True, kw_only=True, slots=True)
class ParentJob:
    """A tuning job that another one is to start from: its request, and how many training jobs it has launched."""

    name: str
    request: Mapping[str, Any]
    status: JobStatus
    training_jobs: int


def check_parents(request: Mapping[str, Any], parents: Mapping[str, ParentJob]) -> list[Violation]:
    """All that keeps a (valid) tuning request from starting from its parents, of those that were found.

    `parents` are by their names in lower case, which is how the service compares them.
    """
    root = Node(request)
    found = [(parents[name.lower()], path) for name, path in parent_names(root) if name.lower() in parents]
    return [
        *(violation for parent, path in found for violation in _of_one(root, parent, path)),
        *_jobs_are_not_too_many(root, [parent for parent, _ in found]),
    ]


def unknown_parents(request: Mapping[str, Any], known: Collection[str]) -> list[Violation]:
    """The parents that are none of the tuning jobs called `known`."""
    lower = {name.lower() for name in known}
    return [
        _refused(
            path,
            # The service's text: issue amazon-sagemaker-examples#1540.
            f"Amazon SageMaker can't find a tuning job called {name}. Type another name.",
            did_you_mean(name, known),
        )
        for name, path in parent_names(Node(request))
        if name.lower() not in lower
    ]


def _of_one(root: Node, parent: ParentJob, path: RequestPath) -> _Found:
    yield from _parent_has_ended(parent, path)
    if "TrainingJobDefinitions" in parent.request:
        yield _refused(
            path, f"{parent.name} has TrainingJobDefinitions: warm start is for jobs with one TrainingJobDefinition"
        )
        return
    other = Node(parent.request)
    yield from _objective_is_the_same(root, other, parent.name)
    yield from _names_are_the_same(root, other, parent.name, path)
    yield from _kinds_are_the_same(root, other, parent.name)
    yield from _changes_are_few(root, other, parent.name)
    yield from _other_members_are_the_same(root, other, parent.name)
    if root.member("WarmStartConfig").text("WarmStartType") == WarmStartType.IDENTICAL_DATA_AND_ALGORITHM:
        yield from _image_is_the_same(root, other, parent.name)
        yield from _channels_are_the_same(root, other, parent.name)


def _parent_has_ended(parent: ParentJob, path: RequestPath) -> _Found:
    if not parent.status.is_terminal:
        yield _refused(
            path,
            f"{parent.name} is {parent.status}: a parent must be Completed, Stopped or Failed",
            f"wait for it, or end it with `algodock stop {parent.name}`",
        )


def _objective_is_the_same(root: Node, other: Node, name: str) -> _Found:
    mine, its = (job.member(_CONFIG, "HyperParameterTuningJobObjective") for job in (root, other))
    wanted = (its.text("Type"), its.text("MetricName"))
    if (mine.text("Type"), mine.text("MetricName")) != wanted:
        yield _refused(mine.path, f"the objective must be that of {name}: {wanted[0]} {wanted[1]}")


def _names_are_the_same(root: Node, other: Node, name: str, path: RequestPath) -> _Found:
    mine, its = (set(_kinds(job)) | set(_static(job)) for job in (root, other))
    if mine == its:
        return
    differences = [
        f"{place}: {', '.join(sorted(names))}"
        for place, names in ((f"only in {name}", its - mine), ("only here", mine - its))
        if names
    ]
    yield _refused(
        path,
        # The service's text: issue amazon-sagemaker-examples#861.
        "The set of tunable plus static HyperParameter names is not the same across current and parent tuning jobs."
        " Please ensure this set is constant when warm starting. Note that previously static HyperParameters can be"
        " tuned in warm start jobs and vice versa.",
        "; ".join(differences),
    )


def _kinds_are_the_same(root: Node, other: Node, name: str) -> _Found:
    before = _kinds(other)
    for parameter, (kind, entry) in _kinds(root).items():
        if parameter in before and before[parameter][0] != kind:
            yield _refused(entry.path, f"{parameter} is {kind} here and {before[parameter][0]} in {name}")


def _changes_are_few(root: Node, other: Node, name: str) -> _Found:
    changes = _changes(root, other)
    total = sum(changes.values())
    if total > MAX_CHANGES:
        counted = ", ".join(f"{parameter} {count}" for parameter, count in sorted(changes.items()))
        yield _refused(
            root.member(_DEFINITION).at("StaticHyperParameters"),
            f"there are {total} changes of static hyperparameters since {name}, of at most {MAX_CHANGES}: {counted}",
            "a hyperparameter that becomes static counts once, or once for each of its categories; a static value that"
            " changes counts twice",
        )


def _changes(root: Node, other: Node) -> dict[str, int]:
    """What each static hyperparameter counts that was tuned before, or had another value."""
    before, static = _kinds(other), _static(other)
    changes: dict[str, int] = {}
    for parameter, value in _static(root).items():
        if parameter in before:
            kind, entry = before[parameter]
            changes[parameter] = len(list(entry.member("Values").items())) if kind == "categorical" else 1
        elif parameter in static and static[parameter] != value:
            changes[parameter] = _OF_A_STATIC_VALUE
    return changes


def _other_members_are_the_same(root: Node, other: Node, name: str) -> _Found:
    mine, its = root.member(_DEFINITION), other.member(_DEFINITION)
    members = dict.fromkeys([*mine.names(), *its.names()])
    changed = [
        member
        for member in members
        if member[:1].lower() + member[1:] not in _CHANGEABLE
        and (mine.member(member).value or None) != (its.member(member).value or None)  # {} and False are not there
    ]
    if changed:
        yield _refused(
            mine.at(changed[0]),
            f"Only the following fields in TrainingJobDefinition are allowed to change: [{', '.join(_CHANGEABLE)}].",
            f"what differs from {name}: {', '.join(changed)}",
        )


def _image_is_the_same(root: Node, other: Node, name: str) -> _Found:
    """Another version of the image is taken: the guide allows one that does not change the algorithm."""
    mine, its = (job.member(_DEFINITION, "AlgorithmSpecification") for job in (root, other))
    before = its.text("TrainingImage")
    if _repository(mine.text("TrainingImage")) != _repository(before):
        yield _refused(
            mine.at("TrainingImage"),
            f"IdenticalDataAndAlgorithm wants the training image of {name}: {before}",
            "with another algorithm it is TransferLearning",
        )


def _channels_are_the_same(root: Node, other: Node, name: str) -> _Found:
    mine, its = (_sources(job) for job in (root, other))
    if mine != its:
        differing = sorted(channel for channel in {*mine, *its} if mine.get(channel) != its.get(channel))
        yield _refused(
            root.member(_DEFINITION).at("InputDataConfig"),
            f"IdenticalDataAndAlgorithm wants the input data of {name}, and differs in: {', '.join(differing)}",
            "with other data it is TransferLearning",
        )


def _jobs_are_not_too_many(root: Node, parents: list[ParentJob]) -> _Found:
    config = root.member(_CONFIG)
    limits, strategy = config.member("ResourceLimits"), config.text("Strategy")
    jobs = limits.integer("MaxNumberOfTrainingJobs")
    if jobs is None and strategy == "Grid":
        jobs = math.prod(len(list(entry.member("Values").items())) for _, entry in _kinds(root).values())
    most = MAX_TRAINING_JOBS_RANDOM if strategy == "Random" else MAX_TRAINING_JOBS
    before = sum(parent.training_jobs for parent in parents)
    if before and jobs is not None and before + jobs > most:
        yield _refused(
            limits.at("MaxNumberOfTrainingJobs"),
            f"the {before} training jobs of the parents count too: with {jobs} they are more than the {most} of a"
            f" {strategy} tuning job",
        )


def _kinds(job: Node) -> dict[str, tuple[str, Node]]:
    """The kind and the range of each tuned hyperparameter."""
    ranges = job.member(_CONFIG, "ParameterRanges")
    return {
        name: (kind, entry)
        for member, kind in _KINDS.items()
        for entry in ranges.member(member).items()
        if (name := entry.text("Name")) is not None
    }


def _static(job: Node) -> Mapping[str, str]:
    static = job.member(_DEFINITION, "StaticHyperParameters")
    return {name: str(static.member(name).value) for name in static.names()}


def _sources(job: Node) -> Mapping[str, object]:
    """Where the data of each channel are, whatever the form in which they are delivered."""
    channels = job.member(_DEFINITION, "InputDataConfig")
    return {channel.text("ChannelName") or "": channel.member("DataSource").value for channel in channels.items()}


def _repository(image: str | None) -> str | None:
    """An image's name without tag and digest."""
    if image is None:
        return None
    folder, slash, name = image.partition("@")[0].rpartition("/")
    return folder + slash + name.partition(":")[0]


def _refused(path: RequestPath, message: str, hint: str | None = None) -> Violation:
    return Violation(path=path, message=message, kind=ViolationKind.RULE, hint=hint)
