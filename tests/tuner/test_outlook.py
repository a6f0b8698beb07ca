"""Convergence as real controllers find it: when it is recorded, what it ends, what an interruption changes."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import tuning_request

from contracts.jobs import JobStatus
from tuner.controller import completion_reason
from tuner.engine.fake_container import FakeContainer, Program
from tuner.outlook import has_converged
from tuner.store.records import in_order_of_ending
from tuner.suggestions import NextTrials

Work = Callable[..., HomeOfFakes]


def flat(run: FakeContainer) -> None:
    """All learning rates are the same to a thousandth: a gain of 1 % is nowhere."""
    run.print(f"validation: accuracy={0.9 + float(run.hyperparameters['learning_rate']) / 1000:.6f}")


def hill(run: FakeContainer) -> None:
    """One learning rate is the best."""
    run.print(f"validation: accuracy={0.9 - 3 * (float(run.hyperparameters['learning_rate']) - 0.2) ** 2:.6f}")


def steep(run: FakeContainer) -> None:
    """Half of the range is better by far than the other, and the last bit the best: gains go on."""
    run.print(f"validation: accuracy={float(run.hyperparameters['learning_rate']) ** 2:.6f}")


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """Works a search of `jobs` trials to its end; `restarted` by a new process now and then."""
    opened: list[HomeOfFakes] = []

    def make(
        program: Program,
        *,
        jobs: int,
        strategy: str = "Random",
        restarted: bool = False,
        completes: str = "Disabled",
    ) -> HomeOfFakes:
        home = HomeOfFakes(tmp_path / f"home{len(opened)}", {"image": program})
        opened.append(home)
        home.engine.auto_advance = True
        request: dict[str, Any] = tuning_request(jobs=jobs, parallel=2, strategy=strategy)
        criteria = {"ConvergenceDetected": {"CompleteOnConvergence": completes}}
        request["HyperParameterTuningJobConfig"]["TuningJobCompletionCriteria"] = criteria
        home.store.create_tuning_job(request, random_seed=7, now=home.clock())
        for step in itertools.count():
            if home.store.tuning_job("tune").status.is_terminal:
                break
            home.controller.step()
            home.controller.wait(0.005)
            home.clock.now += 1
            if restarted and step % 4 == 0:
                home.restart()
        return home

    yield make
    for one in opened:
        one.close()


def test_a_job_completes_when_it_has_converged(work: Work) -> None:
    """Where that was asked for: before its limit, and it says why."""
    home = work(flat, jobs=40, completes="Enabled")
    job, trials = home.store.tuning_job("tune"), home.store.trials("tune")

    assert JobStatus.COMPLETED is job.status
    assert 40 > len(trials)
    assert "a gain of more than 1 % over the best value has become unlikely" == completion_reason(job, trials)


def test_convergence_is_recorded_whether_or_not_it_ends_the_job(work: Work) -> None:
    """At the same time; the job that it does not end has all its trials."""
    ended, went_on = work(flat, jobs=40, completes="Enabled"), work(flat, jobs=40)

    assert 40 == len(went_on.store.trials("tune"))
    assert ended.store.tuning_job("tune").convergence_detected_time is not None
    assert (
        ended.store.tuning_job("tune").convergence_detected_time
        == went_on.store.tuning_job("tune").convergence_detected_time
    )
    assert completion_reason(went_on.store.tuning_job("tune"), went_on.store.trials("tune")) is None


def test_a_bayesian_job_asks_its_surrogate(work: Work) -> None:
    """Where the best has been found and nothing is hoped for, it is recorded."""
    home = work(hill, jobs=24, strategy="Bayesian", completes="Enabled")

    assert 24 > len(home.store.trials("tune"))
    assert home.store.tuning_job("tune").convergence_detected_time is not None


def test_a_job_whose_gains_go_on_has_not_converged(work: Work) -> None:
    """Nothing is recorded."""
    assert work(steep, jobs=24).store.tuning_job("tune").convergence_detected_time is None


def test_convergence_is_found_at_the_first_ending_that_shows_it(work: Work) -> None:
    """Also where another process went on now and then: the record is what the rule says of the trials alone."""
    for home in (work(flat, jobs=40), work(flat, jobs=40, restarted=True)):
        job = home.store.tuning_job("tune")
        ended = in_order_of_ending(job, home.store.trials("tune"))
        next_trials = NextTrials.of(home.store, job)
        first = next(count for count in range(1, len(ended) + 1) if has_converged(next_trials, ended[:count]))

        assert ended[first - 1].end_time == job.convergence_detected_time
