"""Why trials were suggested, worked out again from a store that real controllers have filled."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import tuning_request
from several_definitions import definition, several_request

from tuner.engine.fake_container import FakeContainer, Program
from tuner.errors import EngineRejected
from tuner.hindsight import Hindsight, known_when_suggested
from tuner.search.explanation import Origin
from tuner.suggestions import NextTrials

Work = Callable[..., HomeOfFakes]


@pytest.fixture
def worked(tmp_path: Path) -> Iterator[Work]:
    """Works one tuning job to its end, whose image runs a program.

    Interrupted now and then by a kill where asked for; one container in each of the steps in `refused_in` is refused by
    the engine, so that its trial has failed before the next one of the same step is suggested.
    """
    opened: list[HomeOfFakes] = []

    def work(
        program: Program,
        *,
        interrupted: bool = False,
        refused_in: Sequence[int] = (),
        asked: Any = None,
        **request: Any,
    ) -> HomeOfFakes:
        home = HomeOfFakes(tmp_path / f"home{len(opened)}", {"image": program})
        opened.append(home)
        home.engine.auto_advance = True
        home.store.create_tuning_job(asked or tuning_request(**request), random_seed=7, now=home.clock())
        steps = 0
        while not home.store.tuning_job("tune").status.is_terminal:
            if steps in refused_in:
                home.engine.refuse_next("create", EngineRejected("no space left on device"))
            home.controller.step()
            home.controller.wait(0.005)
            home.clock.now += steps % 3 + 1
            steps += 1
            if interrupted and steps % 5 == 0:
                home.restart()
        return home

    yield work
    for one in opened:
        one.close()


def learn(run: FakeContainer) -> Iterator[None]:
    """Takes the longer the greater the learning rate is, so that trials overlap; some fail, and some print nothing."""
    rate = float(run.hyperparameters["learning_rate"])
    for epoch in range(1, 2 + int(rate * 10)):
        run.print(f"[Epoch {epoch}] validation: accuracy={1 - abs(rate - 0.2) - 1 / (epoch + 3):.6f}")
        yield
    if 0.12 < rate < 0.15:
        run.fail("diverged")


def given_again(home: HomeOfFakes) -> list[tuple[dict[str, str], dict[str, str]]]:
    """By trial, what it was given and what is suggested anew for what was known then."""
    job, trials = home.store.tuning_job("tune"), home.store.trials("tune")
    pairs = []
    for trial in trials:
        again = NextTrials.of(home.store, job).next(known_when_suggested(trial, trials))
        assert again is not None
        pairs.append((dict(trial.tuned), dict(again.tuned)))
    return pairs


@pytest.mark.parametrize(
    ("parallel", "refused_in", "interrupted"), [(1, (), False), (3, (), True), (3, (0, 6, 8), False)]
)
def test_what_was_known_gives_what_was_suggested(
    worked: Work, parallel: int, refused_in: Sequence[int], interrupted: bool
) -> None:
    """The same history and seed: every trial of a real controller, whatever overlapped, failed, or was interrupted."""
    home = worked(
        learn, jobs=10, parallel=parallel, strategy="Bayesian", refused_in=refused_in, interrupted=interrupted
    )
    pairs = given_again(home)

    assert 10 == len(pairs)
    assert [given for given, _ in pairs] == [again for _, again in pairs]


def test_of_several_definitions_both_choices_are_made_again(worked: Work) -> None:
    """Which definition, then which configuration of it: the explanation is within the trial's own."""
    request = several_request(definition("one"), definition("other"), strategy="Bayesian", jobs=10, parallel=2)
    home = worked(learn, asked=request)
    told = list(Hindsight.of(home.store, home.store.tuning_job("tune")).explanations())
    definitions = {trial.trial_index: trial.definition_name for trial in home.store.trials("tune")}

    assert [] == [one.trial for one in told if one.origin not in {Origin.START, Origin.MODEL}]
    assert [] == [
        (one.trial, influence.trial)
        for one in told
        for influence in one.influences
        if definitions[one.trial] != definitions[influence.trial]
    ]


def test_a_trial_that_is_refused_was_pending_to_the_next_of_the_same_step(worked: Work) -> None:
    """The engine refuses it in the background, while the second one is suggested."""
    home = worked(learn, jobs=3, parallel=3, refused_in=(0,))
    first, second, third = home.store.trials("tune")

    assert [(first.name, False)] == [
        (one.name, one.is_finished) for one in known_when_suggested(second, [first, third])
    ]


def test_a_trial_that_ended_later_was_pending(worked: Work) -> None:
    """Whatever is known of it now: the second one began when nothing of the first was there."""
    home = worked(learn, jobs=4, parallel=2)
    trials = home.store.trials("tune")
    (known,) = known_when_suggested(trials[1], trials)

    assert trials[0].is_finished
    assert (trials[0].name, False, {}) == (known.name, known.is_finished, known.metrics)


def test_each_trial_is_explained_with_what_was_known_then(worked: Work) -> None:
    """The model chose from the moment on when enough values were there; the others were pending."""
    home = worked(learn, jobs=7, parallel=2, strategy="Bayesian")
    told = list(Hindsight.of(home.store, home.store.tuning_job("tune")).explanations())

    assert [Origin.START] * 3 == [one.origin for one in told[:3]]
    assert Origin.MODEL is told[-1].origin
    assert [(one.ended, len(one.pending)) for one in told] == [
        (one.trial - 1 - len(one.pending), len(one.pending)) for one in told
    ]
    assert all(len(one.pending) < 2 for one in told)
    assert all((one.expectation is not None) == (one.origin is Origin.MODEL) for one in told)


def test_a_trial_that_another_version_suggested_is_not_explained(worked: Work) -> None:
    """What is suggested anew is something else: that would be explained, and not the trial."""
    home = worked(learn, jobs=5, parallel=1, strategy="Bayesian")
    job, trials = home.store.tuning_job("tune"), home.store.trials("tune")
    other = replace(trials[-1], tuned={"learning_rate": "0.33"})
    hindsight = Hindsight(
        job=job, trials=[*trials[:-1], other], next_trials=NextTrials.of(home.store, job), forecasts={}
    )

    assert Origin.UNKNOWN is hindsight.explanation(other).origin
    assert hindsight.explanation(other).expectation is None
    assert Origin.UNKNOWN is not hindsight.explanation(trials[-1]).origin
