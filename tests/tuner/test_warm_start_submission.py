"""A tuning job that starts from others is submitted, works, and ends."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import channel, tuning_request
from parent_jobs import TRANSFER, ParentJob, warm_request

from contracts.jobs import JobStatus, SecondaryStatus, StopReason
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.errors import ResourceNotFound, ValidationError
from tuner.profile import HostProfile
from tuner.store.records import TuningJobRecord
from tuner.store.sqlite_store import Store
from tuner.submission import submit_tuning_job, warm_start_in_words

Submit = Callable[[dict[str, Any]], TuningJobRecord]


@pytest.fixture
def store() -> Iterator[Store]:
    """A store in memory."""
    with Store(":memory:") as opened:
        yield opened


@pytest.fixture
def submit(store: Store) -> Submit:
    """Submits a request to a machine that has its image."""
    return lambda request: submit_tuning_job(
        request,
        store=store,
        engine=FakeEngine({"image": lambda _: 0, "image:2": lambda _: 0}),
        profile=HostProfile(home=Path("/home")),
        gpus=(),
        now=200.0,
        say=lambda _: None,
    )


@pytest.fixture
def first(store: Store) -> ParentJob:
    """A parent with two trials, still in progress."""
    job = ParentJob(store)
    job.add(0.5)
    job.add(0.25)
    return job


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.STOPPED, JobStatus.FAILED])
def test_a_job_starts_from_one_that_has_ended_however_it_did(
    submit: Submit, first: ParentJob, status: JobStatus
) -> None:
    """A job that was stopped early is gone on with in this way."""
    first.end(status)

    assert JobStatus.IN_PROGRESS is submit(warm_request()).status


def test_an_unknown_parent_is_refused_in_the_services_words(submit: Submit, store: Store) -> None:
    """Nothing is recorded."""
    with pytest.raises(ResourceNotFound, match=r"can't find a tuning job called first\. Type another name\."):
        submit(warm_request())

    assert [] == store.tuning_jobs()


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (warm_request(), "first is InProgress"),
        (warm_request(StaticHyperParameters={}), "The set of tunable plus static HyperParameter names is not the same"),
        (warm_request(Environment={"A": "1"}), "Only the following fields in TrainingJobDefinition are allowed"),
        (warm_request(image="other"), "wants the training image of first: image"),
        (warm_request(InputDataConfig=[channel("training", Path("/data"))]), "differs in: training"),
    ],
)
def test_a_job_that_cannot_start_from_its_parent_is_refused(
    submit: Submit, store: Store, first: ParentJob, request_: dict[str, Any], words: str
) -> None:
    """With all that is wrong, and nothing recorded."""
    with pytest.raises(ValidationError, match=words) as caught:
        submit(request_)

    assert "ValidationException" == caught.value.code
    assert ["first"] == [job.name for job in store.tuning_jobs()]


def test_the_same_request_again_goes_on_though_the_parent_is_gone(submit: Submit, store: Store) -> None:
    """What was true when the job was made need not be proven again."""
    store.create_tuning_job(warm_request(), random_seed=7, now=1.0)

    assert "next" == submit(warm_request()).name


def test_the_parents_trials_count_toward_the_limit(submit: Submit, store: Store, first: ParentJob) -> None:
    """They are counted in the store."""
    first.end()
    request = warm_request()
    request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] = 749

    with pytest.raises(ValidationError, match="the 2 training jobs of the parents count too: with 749"):
        submit(request)


@pytest.mark.parametrize(
    ("kind", "strategy", "words"),
    [
        ("IdenticalDataAndAlgorithm", "Bayesian", "Starts from 2 of 3 trials of first."),
        (TRANSFER, "Bayesian", "Starts from 2 of 3 trials of first."),
        (
            "IdenticalDataAndAlgorithm",
            "Random",
            "what they tried is not tried again, and their trials count for the best of all.",
        ),
        ("IdenticalDataAndAlgorithm", "Grid", "(first): their trials count for the best of all."),
        (TRANSFER, "Random", "Random learns nothing from its parents (first): they change nothing about this job."),
    ],
)
def test_what_a_job_has_of_its_parents_is_said(
    store: Store, first: ParentJob, kind: str, strategy: str, words: str
) -> None:
    """Nobody has to guess whether it is of any use."""
    first.add(None, SecondaryStatus.STOPPED, stopped_by=StopReason.TUNING_JOB)
    first.end()
    store.create_tuning_job(warm_request(kind=kind, strategy=strategy), random_seed=7, now=200.0)

    assert words in (warm_start_in_words(store, store.tuning_job("next")) or "")


def test_nothing_is_said_of_a_cold_start(submit: Submit, store: Store) -> None:
    """There is nothing to say."""
    job = submit(tuning_request())

    assert warm_start_in_words(store, job) is None


def learn(run: FakeContainer) -> None:
    """Print an accuracy that is best at a learning rate of 0.2."""
    run.print(f"validation: accuracy={1 - abs(float(run.hyperparameters['learning_rate']) - 0.2):.6f}")


def run_job(home: HomeOfFakes, name: str) -> list[str]:
    """Step until the job has ended; return what its trials tried."""
    home.step_until(lambda: home.store.tuning_job(name).status.is_terminal)
    return [trial.tuned["learning_rate"] for trial in home.store.trials(name)]


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_a_second_job_goes_on_where_the_first_ended(tmp_path: Path, strategy: str) -> None:
    """With the same seed it tries nothing again, and does the same after a restart."""
    tried = []
    for restarts in (False, True):
        home = HomeOfFakes(tmp_path / f"home{restarts}", {"image": learn})
        home.engine.auto_advance = True
        home.store.create_tuning_job(tuning_request("first", strategy=strategy, jobs=5), random_seed=7, now=1.0)
        before = run_job(home, "first")
        home.store.create_tuning_job(warm_request(strategy=strategy), random_seed=7, now=2.0)
        for _ in range(6 if restarts else 0):
            home.controller.step()
            home.clock.now += 3
            home.restart()
        tried.append(run_job(home, "next"))
        home.close()
        assert set(before).isdisjoint(tried[-1])

    assert 4 == len(tried[0])
    assert tried[0] == tried[1]


def test_a_parent_that_vanishes_meanwhile_does_not_end_the_job(tmp_path: Path) -> None:
    """The job goes on without it."""
    home = HomeOfFakes(tmp_path, {"image": learn})
    home.engine.auto_advance = True
    home.store.create_tuning_job(warm_request("next", "gone"), random_seed=7, now=1.0)
    tried = run_job(home, "next")
    home.close()

    assert 4 == len(tried)
