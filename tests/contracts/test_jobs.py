"""Jobs: the views of requests, and the tables of statuses."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests_for_tests import training_request, tuning_request

from contracts.errors import IllegalTransition
from contracts.jobs import (
    JobStatus,
    SecondaryStatus,
    TrainingJobSpec,
    TuningJobSpec,
    check_training_job_transition,
    check_tuning_job_transition,
)
from contracts.paths import OptMlLayout
from contracts.resources import Host


@given(st.lists(st.sampled_from(SecondaryStatus), max_size=30))
def test_no_sequence_of_events_leaves_the_table_of_a_training_job(events: list[SecondaryStatus]) -> None:
    """Once a training job has ended it stays ended, whatever comes."""
    status, ended = SecondaryStatus.PENDING, False
    for event in events:
        try:
            check_training_job_transition(status, event)
        except IllegalTransition:
            continue
        assert not ended
        status, ended = event, event.primary.is_terminal


@given(st.sampled_from(JobStatus), st.sampled_from(JobStatus))
def test_a_tuning_job_that_has_ended_stays_ended(old: JobStatus, new: JobStatus) -> None:
    """And none goes back to InProgress."""
    try:
        check_tuning_job_transition(old, new)
    except IllegalTransition:
        return
    assert not old.is_terminal
    assert new is not JobStatus.IN_PROGRESS


@pytest.mark.parametrize("path", [["Starting", "Downloading", "Training", "Uploading", "Completed"],
                                  ["Starting", "Training", "Stopping", "Uploading", "MaxRuntimeExceeded"],
                                  ["Starting", "Training", "Stopping", "Stopped"],
                                  ["Failed"]])  # fmt: skip
def test_the_ways_that_training_jobs_go_are_legal(path: list[str]) -> None:
    """Documented orders of secondary statuses."""
    status = SecondaryStatus.PENDING
    for step in path:
        check_training_job_transition(status, SecondaryStatus(step))
        status = SecondaryStatus(step)

    assert status.primary.is_terminal


def test_a_request_is_seen_as_a_training_job() -> None:
    """The members of the request under Python's names."""
    spec = TrainingJobSpec.from_request(training_request())

    assert ("job", "image:latest", 60, (Host(),)) == (
        spec.name,
        spec.image,
        spec.max_runtime_seconds,
        spec.hosts,
    )
    assert ["training"] == [channel.name for channel in spec.channels]
    assert ["accuracy"] == [metric.name for metric in spec.metric_definitions]


def test_a_trial_has_the_static_hyperparameters_the_tuned_ones_and_the_objectives_name() -> None:
    """What the service adds to each child is there, and the shared members are passed on."""
    request = tuning_request()
    request["TrainingJobDefinition"]["StaticHyperParameters"] = {"epochs": "3"}
    spec = TuningJobSpec.from_request(request)

    trial = spec.definitions[0].training_job_request(spec.training_job_name(7, "0e830ada"), {"lr": "0.25"}, [])

    assert "search-007-0e830ada" == trial["TrainingJobName"]
    assert {"epochs": "3", "lr": "0.25", "_tuning_objective_metric": "accuracy"} == trial["HyperParameters"]
    assert request["TrainingJobDefinition"]["InputDataConfig"] == trial["InputDataConfig"]


def test_both_sides_find_the_same_files_under_their_own_roots() -> None:
    """The platform's folder is the container's, elsewhere."""
    inside, outside = OptMlLayout(), OptMlLayout(Path("/home/job"))

    assert Path("/opt/ml/input/config/hyperparameters.json") == inside.hyperparameters
    assert inside.channel("x").relative_to(inside.root) == outside.channel("x").relative_to(outside.root)
