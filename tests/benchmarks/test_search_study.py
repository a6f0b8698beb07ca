"""How the search benchmark puts a space, failures and running trials into the words of other libraries."""

import math

import pytest

from benchmarks.search import synthetic
from benchmarks.search.optimisers.algodock import make
from benchmarks.search.optimisers.study import Points, Study, axes
from benchmarks.search.problem import LOGARITHMIC, REVERSE, real, trial_noise, whole
from tuner.search.space import SearchSpace

_STUDIES = [
    Study(ranges=problem.ranges, seed=1, trials=9, parallel=2) for problem in (*synthetic.TUNING, *synthetic.HELD_OUT)
]


@pytest.mark.parametrize("study", _STUDIES)
def test_what_a_peer_can_say_is_in_the_space(study: Study) -> None:
    """Its lowest and highest values too, and reals for integers."""
    space = SearchSpace(study.ranges)
    for end in ("low", "high"):
        said = {axis.name: axis.text(axis.texts[0] if axis.texts else getattr(axis, end)) for axis in axes(study)}

        assert space.contains(said)


def test_texts_become_the_values_that_gave_them() -> None:
    """In every kind of range, one that peers do not have included."""
    study = Study(
        ranges=(whole("n", 1, 9, LOGARITHMIC), real("m", 0, 0.999, REVERSE), real("x", 0, 2)),
        seed=1,
        trials=1,
        parallel=1,
    )

    assert [3, 0.25, 1.5] == [axis.value(text) for axis, text in zip(axes(study), ["3", "0.75", "1.5"], strict=True)]
    assert [True, True, False] == [axis.is_logarithmic for axis in axes(study)]


def test_failures_are_the_worst_so_far_and_running_trials_the_best() -> None:
    """The numbers are in the order of asking."""
    points = Points()
    points.points = {1: "a", 2: "b", 3: "c", 4: "d"}
    points.given = {4: 7.0, 2: None, 1: 3.0}

    assert (["a", "b", "d", "c"], [3.0, 7.0, 7.0, 3.0]) == points.with_liars()


def test_nothing_is_told_while_all_have_failed() -> None:
    """There is no worst value then."""
    assert ([], []) == Points(points={1: "a"}, given={1: None}).with_liars()


@pytest.mark.parametrize("name", ["algodock", "random"])
def test_ours_gives_what_the_strategy_gives(name: str) -> None:
    """Every suggestion is in the space, with running and failed trials before it."""
    study = _STUDIES[0]
    optimiser = make(name, study)
    for trial in range(1, 6):
        assert SearchSpace(study.ranges).contains(optimiser.ask(trial))
        if trial != 3:
            optimiser.tell(trial, None if trial == 2 else math.sin(trial))


def test_noise_is_drawn_anew_for_every_trial_and_seed() -> None:
    """And is the same when it is drawn again."""
    drawn = [trial_noise("p", seed, trial).random() for seed in (1, 2) for trial in (1, 2)]

    assert 4 == len(set(drawn))
    assert drawn[0] == trial_noise("p", 1, 1).random()
