"""Warm start: which parents a tuning job may have, and what may change since."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from requests_for_tests import categorical, channel, training_request, tuning_request

from contracts.jobs import JobStatus
from tuner.requests import CREATE_TUNING_JOB, validate
from tuner.requests.parent_rules import ParentJob, check_parents, unknown_parents

Change = Callable[[dict[str, Any], dict[str, Any]], object]
IDENTICAL, TRANSFER = "IdenticalDataAndAlgorithm", "TransferLearning"


def warm(*parents: str, kind: str = TRANSFER) -> dict[str, Any]:
    """A valid request of the job `search` that starts from `parents`."""
    return {
        **tuning_request(),
        "WarmStartConfig": {
            "WarmStartType": kind,
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": name} for name in parents],
        },
    }


def parent(name: str = "first", *, status: JobStatus = JobStatus.COMPLETED, jobs: int = 4) -> ParentJob:
    """A job that has the request of `warm`, but for its name."""
    return ParentJob(
        name=name,
        request={**tuning_request(), "HyperParameterTuningJobName": name},
        status=status,
        training_jobs=jobs,
    )


def broken(before: Change, after: Change, kind: str = TRANSFER) -> dict[str, str]:
    """What keeps a job from its one parent, by the last step of the path, once both requests were changed."""
    request, first = warm("first", kind=kind), parent()
    before(first.request["HyperParameterTuningJobConfig"], first.request["TrainingJobDefinition"])
    after(request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"])
    return {
        str(violation.path[-1]): f"{violation.message} ({violation.hint})"
        for violation in check_parents(request, {"first": first})
    }


def nothing(_config: dict[str, Any], _definition: dict[str, Any]) -> None:
    """Change nothing."""


def static(**values: str) -> Change:
    """Set the static hyperparameters."""
    return lambda _, definition: definition.update(StaticHyperParameters=values)


@pytest.mark.parametrize("kind", [IDENTICAL, TRANSFER])
def test_a_job_that_starts_from_others_is_valid(kind: str) -> None:
    """Of both types, with as many parents as the service takes."""
    request = warm("a", "b", "c", "d", "e", kind=kind)

    assert [] == validate(CREATE_TUNING_JOB, request)
    assert [] == check_parents(request, {name: parent(name) for name in "abcde"})


@pytest.mark.parametrize(
    ("config", "member", "words"),
    [
        ({"WarmStartType": TRANSFER}, "ParentHyperParameterTuningJobs", "Member must not be null"),
        (warm("a")["WarmStartConfig"] | {"WarmStartType": "Other"}, "WarmStartType", "enum value set"),
        (warm()["WarmStartConfig"], "ParentHyperParameterTuningJobs", "greater than or equal to 1"),
        (warm(*"abcdef")["WarmStartConfig"], "ParentHyperParameterTuningJobs", "less than or equal to 5"),
        (warm("search")["WarmStartConfig"], "HyperParameterTuningJobName", "is this job"),
        (warm("Search")["WarmStartConfig"], "HyperParameterTuningJobName", "is this job"),
        (warm("a", "A")["WarmStartConfig"], "HyperParameterTuningJobName", "A is named twice"),
        (
            {"WarmStartType": TRANSFER, "ParentHyperParameterTuningJobs": [{}]},
            "0",
            "a parent needs its HyperParameterTuningJobName",
        ),
    ],
)
def test_what_the_request_alone_has_wrong_is_told(config: dict[str, Any], member: str, words: str) -> None:
    """At the member that has to change; the model's texts are the service's."""
    (violation,) = validate(CREATE_TUNING_JOB, {**tuning_request(), "WarmStartConfig": config})

    assert member == str(violation.path[-1])
    assert words in violation.message


def test_a_job_with_several_definitions_starts_from_nothing() -> None:
    """Warm start is for a single algorithm."""
    request = warm("first")
    definition = request.pop("TrainingJobDefinition")
    request["TrainingJobDefinitions"] = [definition]
    found = validate(CREATE_TUNING_JOB, request)

    assert [True] == ["with one TrainingJobDefinition" in v.message for v in found if v.path == ("WarmStartConfig",)]


def test_a_parent_with_several_definitions_is_refused() -> None:
    """There would be no single set of hyperparameters to start from."""
    first = parent()
    several = {**first.request, "TrainingJobDefinitions": [first.request["TrainingJobDefinition"]]}
    several.pop("TrainingJobDefinition")
    changed = ParentJob(name="first", request=several, status=first.status, training_jobs=1)
    (violation,) = check_parents(warm("first"), {"first": changed})

    assert "first has TrainingJobDefinitions" in violation.message


def test_an_unknown_parent_is_told_in_the_services_words() -> None:
    """Those that are known are checked all the same; names are the same whatever their case."""
    request = warm("FIRST", "second")
    (violation,) = unknown_parents(request, ["First", "seconds"])

    assert "Amazon SageMaker can't find a tuning job called second. Type another name." == violation.message
    assert "did you mean seconds?" == violation.hint
    assert ("WarmStartConfig", "ParentHyperParameterTuningJobs", 1, "HyperParameterTuningJobName") == violation.path
    assert [] == check_parents(request, {"first": parent()})


@pytest.mark.parametrize("status", JobStatus)
def test_a_parent_has_ended(status: JobStatus) -> None:
    """However it did."""
    found = check_parents(warm("first"), {"first": parent(status=status)})

    assert status.is_terminal == (not found)
    assert status.is_terminal or f"first is {status}" in found[0].message


NAMES = (
    "The set of tunable plus static HyperParameter names is not the same across current and parent tuning jobs. Please"
    " ensure this set is constant when warm starting. Note that previously static HyperParameters can be tuned in warm"
    " start jobs and vice versa."
)
FIELDS = (
    "Only the following fields in TrainingJobDefinition are allowed to change: [algorithmSpecification,"
    " inputDataConfig, outputDataConfig, staticHyperParameters, roleArn, resourceConfig, stoppingCondition, vpcConfig,"
    " enableManagedSpotTraining, checkpointConfig]."
)
ODD = {"ContinuousParameterRanges": [], "IntegerParameterRanges": [{"Name": "lr", "MinValue": "0", "MaxValue": "9"}]}


@pytest.mark.parametrize(
    ("before", "after", "member", "words"),
    [
        (
            nothing,
            lambda c, d: c["HyperParameterTuningJobObjective"].update(Type="Minimize"),
            "HyperParameterTuningJobObjective",
            "the objective must be that of first: Maximize accuracy",
        ),
        (
            lambda c, d: c["HyperParameterTuningJobObjective"].update(MetricName="loss"),
            nothing,
            "HyperParameterTuningJobObjective",
            "the objective must be that of first: Maximize loss",
        ),
        (static(a="1"), static(b="1"), "HyperParameterTuningJobName", f"{NAMES} (only in first: a; only here: b)"),
        (static(a="1"), nothing, "HyperParameterTuningJobName", "(only in first: a)"),
        (nothing, lambda c, d: c["ParameterRanges"].update(ODD), "0", "lr is integer here and continuous in first"),
        (
            nothing,
            lambda c, d: c.update(ParameterRanges=categorical(lr=["1"])),
            "0",
            "lr is categorical here and continuous in first",
        ),
        (nothing, lambda c, d: d.update(Environment={"A": "1"}), "Environment", f"{FIELDS} (what differs from first"),
        (nothing, lambda c, d: d.update(EnableNetworkIsolation=True), "EnableNetworkIsolation", FIELDS),
        (
            lambda c, d: d.update(RetryStrategy={"MaximumRetryAttempts": 1}),
            lambda c, d: d.update(Environment={"A": "1"}),
            "Environment",
            "Environment, RetryStrategy",
        ),
    ],
)
def test_what_may_not_change_is_told_where_it_is(before: Change, after: Change, member: str, words: str) -> None:
    """One violation, with the parent's name; in the service's words where those are known."""
    found = broken(before, after)

    assert [member] == list(found)
    assert words in found[member]


@pytest.mark.parametrize(
    "after",
    [
        lambda c, d: c.update(Strategy="Bayesian", ResourceLimits=limits(9, 9), TrainingJobEarlyStoppingType="Auto"),
        lambda c, d: c["ParameterRanges"]["ContinuousParameterRanges"][0].update(MaxValue="90", ScalingType="Linear"),
        lambda c, d: d.update(Environment={}, EnableNetworkIsolation=False),
        lambda c, d: d["AlgorithmSpecification"].update(TrainingImage="other", TrainingInputMode="Pipe"),
        lambda c, d: d.update(InputDataConfig=[channel("other")]),
        lambda c, d: d.update(
            OutputDataConfig={"S3OutputPath": "file:///elsewhere"},
            RoleArn="arn:aws:iam::123456789012:role/another",
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 9},
            CheckpointConfig={"S3Uri": "file:///c"},
        ),
    ],
)
def test_what_may_change_is_taken(after: Change) -> None:
    """Limits, strategy, ranges, and the fields of the service's list; what is empty is as good as not there."""
    assert {} == broken(nothing, after)


def limits(jobs: int, parallel: int) -> dict[str, int]:
    """ResourceLimits."""
    return {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel}


def tuned(**texts: list[str]) -> Change:
    """Tune texts besides the learning rate."""
    return lambda config, _: config["ParameterRanges"].update(categorical(**texts))


@pytest.mark.parametrize(
    ("before", "after", "total"),
    [
        # The guide's examples: both count 2, so five of them fit.
        (tuned(**{n: ["red", "blue"] for n in "abcde"}), static(**dict.fromkeys("abcde", "red")), 10),
        (tuned(**{n: ["red", "blue"] for n in "abcdef"}), static(**dict.fromkeys("abcdef", "red")), 12),
        (static(**dict.fromkeys("abcde", "red")), static(**dict.fromkeys("abcde", "blue")), 10),
        (static(**dict.fromkeys("abcdef", "red")), static(**dict.fromkeys("abcdef", "blue")), 12),
        (tuned(a=[str(n) for n in range(10)]), static(a="3"), 10),
        (tuned(a=[str(n) for n in range(11)]), static(a="3"), 11),
        # Static values that stay, and those that become tuned, are free.
        (static(**{f"n{n}": "1" for n in range(50)}), static(**{f"n{n}": "1" for n in range(50)}), 0),
        (static(**dict.fromkeys("abcdefghijkl", "1")), tuned(**{n: ["1", "2"] for n in "abcdefghijkl"}), 0),
    ],
)
def test_changes_of_static_hyperparameters_are_counted(before: Change, after: Change, total: int) -> None:
    """At most ten: each category of what becomes static, two for each value that changes."""
    found = broken(before, after)

    assert (["StaticHyperParameters"] if total > 10 else []) == list(found)
    assert total <= 10 or f"there are {total} changes" in found["StaticHyperParameters"]


def test_a_number_that_becomes_static_counts_once() -> None:
    """It has no categories."""

    def numbers(config: dict[str, Any], _: dict[str, Any]) -> None:
        entries = [{"Name": f"n{n}", "MinValue": "1", "MaxValue": "9"} for n in range(11)]
        config["ParameterRanges"].update(IntegerParameterRanges=entries)

    found = broken(numbers, static(**{f"n{n}": "1" for n in range(11)}))

    assert "there are 11 changes" in found["StaticHyperParameters"]


@pytest.mark.parametrize(
    ("image", "same"),
    [
        ("image:latest", True),
        ("image:2", True),
        ("image@sha256:" + "0" * 64, True),
        ("image", True),
        ("other:latest", False),
        ("host:5000/image:latest", False),
    ],
)
def test_an_identical_job_runs_the_same_image_of_whatever_version(image: str, *, same: bool) -> None:
    """The guide takes a version that does not change the algorithm; who names this type says that it is so."""
    found = broken(nothing, lambda _, d: d["AlgorithmSpecification"].update(TrainingImage=image), IDENTICAL)

    assert ([] if same else ["TrainingImage"]) == list(found)


@pytest.mark.parametrize(
    ("channels", "differing"),
    [
        ([channel("training")], None),
        ([channel("training") | {"InputMode": "Pipe", "ContentType": "text/csv"}], None),
        ([channel("training"), channel("validation")], "validation"),
        ([channel("other") | {"ChannelName": "training"}], "training"),
        ([], "training"),
    ],
)
def test_an_identical_job_reads_the_same_data(channels: list[dict[str, Any]], differing: str | None) -> None:
    """Told by their addresses: in which form they are delivered does not matter."""
    found = broken(nothing, lambda _, d: d.update(InputDataConfig=channels), IDENTICAL)

    assert ([] if differing is None else ["InputDataConfig"]) == list(found)
    assert differing is None or f"differs in: {differing}" in found["InputDataConfig"]


@pytest.mark.parametrize(
    ("strategy", "parents", "jobs", "most"),
    [
        ("Bayesian", (400, 340), 10, None),
        ("Bayesian", (400, 341), 10, 750),
        ("Random", (5000, 4990), 10, None),
        ("Random", (5000, 4991), 10, 10_000),
        ("Hyperband", (741,), 10, 750),
    ],
)
def test_the_parents_training_jobs_count(strategy: str, parents: tuple[int, ...], jobs: int, most: int | None) -> None:
    """Toward the limit of the new job's strategy."""
    request = warm(*(f"p{number}" for number, _ in enumerate(parents)))
    request["HyperParameterTuningJobConfig"].update(Strategy=strategy, ResourceLimits=limits(jobs, 1))
    found = check_parents(request, {f"p{number}": parent(f"p{number}", jobs=n) for number, n in enumerate(parents)})

    assert ([] if most is None else ["MaxNumberOfTrainingJobs"]) == [str(violation.path[-1]) for violation in found]
    assert most is None or f"more than the {most} of a {strategy} tuning job" in found[0].message


def test_the_combinations_of_a_grid_count_as_its_jobs() -> None:
    """It need not say how many it has."""
    first, request = parent(jobs=749), warm("first")
    for config in (first.request["HyperParameterTuningJobConfig"], request["HyperParameterTuningJobConfig"]):
        config.update(Strategy="Grid", ParameterRanges=categorical(a=["1", "2"]))
        config["ResourceLimits"] = {"MaxParallelTrainingJobs": 1}

    assert "with 2 they are more than the 750" in check_parents(request, {"first": first})[0].message


def test_nothing_is_changed_by_looking() -> None:
    """Requests are what the store keeps."""
    request, first = warm("first", kind=IDENTICAL), parent()
    copies = copy.deepcopy((request, first.request))
    check_parents(request, {"first": first})

    assert copies == (request, first.request)


def test_warm_start_is_for_tuning_jobs_only() -> None:
    """The service has no such member elsewhere."""
    request = {**training_request(), "WarmStartConfig": warm("a")["WarmStartConfig"]}
    (violation,) = validate("CreateTrainingJob", request)

    assert ("WarmStartConfig",) == violation.path
