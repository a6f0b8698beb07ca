"""The Bayesian engine never raises and never leaves the space, whatever was measured before."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from contracts.jobs import ObjectiveStatus
from contracts.metrics import ObjectiveType
from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    ScalingType,
)
from tuner.search.bayesian_search import BayesianSearch
from tuner.search.goal import Goal
from tuner.search.space import Configuration, SearchSpace
from tuner.search.strategy import make_strategy, trial_generator
from tuner.search.trials import Parent, Trial

_TYPES = tuple(ObjectiveType)

PLAIN = SearchSpace(
    (
        ContinuousParameterRange(name="x", min_value=-5.0, max_value=5.0),
        ContinuousParameterRange(name="rate", min_value=1e-6, max_value=1.0, scaling_type=ScalingType.LOGARITHMIC),
        IntegerParameterRange(name="n", min_value=1, max_value=64),
        CategoricalParameterRange(name="c", values=("a", "b", "c")),
    )
)


def drawn(space: SearchSpace, values: Sequence[float | None]) -> list[Trial]:
    """Random trials with these values; None is a failure."""
    generator = np.random.default_rng(len(values))
    return [
        Trial(
            index=index,
            configuration=space.sample(generator),
            status=ObjectiveStatus.FAILED if value is None else ObjectiveStatus.SUCCEEDED,
            objective=value,
        )
        for index, value in enumerate(values, start=1)
    ]


def suggested(space: SearchSpace, trials: Sequence[Trial], objective_type: ObjectiveType = _TYPES[0]) -> Configuration:
    """The next configuration, which is in the space."""
    strategy = make_strategy("Bayesian", Goal(objective_type=objective_type))
    found = strategy.suggest(space, trials, trial_generator(1, len(trials) + 1))
    assert found is not None
    assert space.contains(found)
    return dict(found)


_VALUES: dict[str, Callable[[int], float | None]] = {
    "constant": lambda _: 7.0,
    "all failed": lambda _: None,
    "one succeeded": lambda place: 1.0 if place == 3 else None,
    "two values": lambda place: float(place % 2),
    "the greatest numbers": lambda place: 1e300 * (-1) ** place * (1 + place / 10),
    "one at the end of what a computer has": lambda place: 1.7976931348623157e308 if place == 4 else float(place),
    "both ends of what a computer has": lambda place: 1.7976931348623157e308 * (-1) ** place,
    "the least numbers": lambda place: 5e-324 * place,
    "tiny differences": lambda place: 1.0 + 1e-15 * place,
    "tiny differences of great numbers": lambda place: 1e15 + place,
    "one diverged": lambda place: 1e30 if place == 2 else math.sin(place),
    "many orders of magnitude": lambda place: 10.0 ** (25 * (place % 13) - 150),
    "minus zero": lambda place: -0.0 if place % 2 else 0.0,
}


@pytest.mark.parametrize("name", list(_VALUES))
def test_any_values_give_a_suggestion(name: str) -> None:
    """With few trials and with more, good and bad; warnings are errors here."""
    for count, objective_type in ((4, _TYPES[0]), (12, _TYPES[0]), (12, _TYPES[1])):
        suggested(PLAIN, drawn(PLAIN, [_VALUES[name](place) for place in range(1, count + 1)]), objective_type)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_value(value: float) -> None:
    """A store never has one that succeeded with it; here it is a failure with its last words."""
    trials = [
        Trial(index=trial.index, configuration=trial.configuration, status=ObjectiveStatus.FAILED, objective=value)
        if trial.index % 3 == 0
        else trial
        for trial in drawn(PLAIN, [math.sin(place) for place in range(12)])
    ]

    suggested(PLAIN, trials)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_first_trials_are_enough(count: int) -> None:
    """One value, two, three; all in one place."""
    trials = [
        Trial(index=index, configuration=PLAIN.decode([0.3] * 4), status=ObjectiveStatus.SUCCEEDED, objective=index / 3)
        for index in range(1, count + 1)
    ]

    suggested(PLAIN, trials)


def test_one_configuration_measured_often_with_different_values() -> None:
    """Equal points make a kernel matrix that only noise keeps invertible."""
    configurations = [PLAIN.decode([0.3] * 4), PLAIN.decode([0.3000001, 0.3, 0.3, 0.3]), PLAIN.decode([0.9] * 4)]
    trials = [
        Trial(
            index=index,
            configuration=configurations[index % 3],
            status=ObjectiveStatus.SUCCEEDED,
            objective=math.sin(7 * index),
        )
        for index in range(1, 40)
    ]

    suggested(PLAIN, trials)


def test_many_running_trials_in_one_place() -> None:
    """Believed values of equal points must agree."""
    trials = drawn(PLAIN, [math.sin(place) for place in range(9)])
    running = [Trial(index=index, configuration=PLAIN.decode([0.5] * 4)) for index in range(10, 30)]

    suggested(PLAIN, [*trials, *running])


def test_ranges_of_one_value_beside_one_that_can_move() -> None:
    """Fixed numbers, integers and texts take no part, and keep their value."""
    space = SearchSpace(
        (
            ContinuousParameterRange(name="fixed", min_value=2.5, max_value=2.5),
            IntegerParameterRange(name="one", min_value=3, max_value=3),
            CategoricalParameterRange(name="only", values=("x",)),
            ContinuousParameterRange(name="free", min_value=0.0, max_value=1.0),
        )
    )
    found = suggested(space, drawn(space, [math.sin(place) for place in range(9)]))

    assert {"fixed": "2.5", "one": "3", "only": "x"} == {name: found[name] for name in ("fixed", "one", "only")}


def test_thirty_ranges_of_every_kind() -> None:
    """The most that the service takes; a category of 30 values among them."""
    kinds: list[ParameterRange] = [
        CategoricalParameterRange(name="thirty", values=tuple(f"v{number}" for number in range(30))),
        CategoricalParameterRange(name="also", values=tuple(f"w{number}" for number in range(30))),
    ]
    for number in range(14):
        kinds += [
            ContinuousParameterRange(name=f"x{number}", min_value=-1.0, max_value=1.0),
            IntegerParameterRange(name=f"n{number}", min_value=0, max_value=number + 1),
        ]
    space = SearchSpace(kinds)

    for count in (3, 30):
        suggested(space, drawn(space, [math.sin(place) for place in range(count)]))


@pytest.mark.parametrize(
    "parameter",
    [
        ContinuousParameterRange(name="p", min_value=-1.7976931348623157e308, max_value=1.7976931348623157e308),
        ContinuousParameterRange(name="p", min_value=0.0, max_value=5e-324),
        ContinuousParameterRange(name="p", min_value=1e-9, max_value=1.7e308),
        ContinuousParameterRange(name="p", min_value=5e-324, max_value=1e308, scaling_type=ScalingType.LOGARITHMIC),
        ContinuousParameterRange(
            name="p", min_value=0.0, max_value=math.nextafter(1.0, 0.0), scaling_type=ScalingType.REVERSE_LOGARITHMIC
        ),
        IntegerParameterRange(name="p", min_value=-(2**31), max_value=2**31 - 1),
        IntegerParameterRange(name="p", min_value=1, max_value=10**9, scaling_type=ScalingType.LOGARITHMIC),
        ContinuousParameterRange(name="p", min_value=1.0, max_value=math.nextafter(1.0, 2.0)),
    ],
)
def test_ranges_at_the_ends_of_what_a_computer_has(parameter: ParameterRange) -> None:
    """Beside an ordinary one."""
    space = SearchSpace((parameter, ContinuousParameterRange(name="x", min_value=0.0, max_value=1.0)))

    suggested(space, drawn(space, [math.sin(place) for place in range(12)]))


@pytest.mark.parametrize("corner", [0.0, 1.0])
def test_all_trials_in_one_corner(corner: float) -> None:
    """Where a climb begins at the edge of the cube."""
    trials = [
        Trial(index=index, configuration=PLAIN.decode([corner] * 4), status=ObjectiveStatus.SUCCEEDED, objective=1.0)
        for index in range(1, 12)
    ]

    assert PLAIN.decode([corner] * 4) != suggested(PLAIN, trials)


def test_two_thousand_trials() -> None:
    """With failures and outliers among them."""
    trials = drawn(
        PLAIN, [None if place % 7 == 0 else 1e30 if place % 11 == 0 else math.sin(place) for place in range(2000)]
    )

    suggested(PLAIN, trials)


def test_the_rest_of_a_small_space_is_suggested_whatever_was_measured() -> None:
    """Huge, failed and equal values: every configuration once, then nothing."""
    space = SearchSpace(
        (
            IntegerParameterRange(name="n", min_value=1, max_value=5),
            CategoricalParameterRange(name="c", values=("a", "b", "c")),
        )
    )
    values = [1e300, None, 0.0, 0.0, -1e300, 5e-324]
    trials: list[Trial] = []
    for index in range(1, 16):
        value = values[index % 6]
        status = ObjectiveStatus.FAILED if value is None else ObjectiveStatus.SUCCEEDED
        trials.append(Trial(index=index, configuration=suggested(space, trials), status=status, objective=value))

    assert 15 == len({space.key(trial.configuration) for trial in trials})
    assert (
        make_strategy("Bayesian", Goal(objective_type=_TYPES[0])).suggest(space, trials, trial_generator(1, 16)) is None
    )


def test_a_search_that_only_meets_failures_and_equal_values_goes_on() -> None:
    """The first trials of many a job, before somebody has found the mistake: no two are the same."""
    trials: list[Trial] = []
    for index in range(1, 13):
        status = ObjectiveStatus.SUCCEEDED if index % 4 == 0 else ObjectiveStatus.FAILED
        trials.append(Trial(index=index, configuration=suggested(PLAIN, trials), status=status, objective=0.0))

    assert 12 == len({PLAIN.key(trial.configuration) for trial in trials})


_PARENTS: dict[str, tuple[Sequence[float | None], ...]] = {
    "of which all trials failed": ([None] * 5,),
    "that never began": ([],),
    "with equal values": ([2.0] * 6, [3.0] * 4),
    "with values of other sizes": ([1e300 * place for place in range(9)], [1e-300 * place for place in range(9)]),
    "at both ends of what a computer has": ([1.7e308 * (-1) ** place for place in range(8)],),
    "of one trial each": ([1.0], [2.0], [None], [3.0], [1e30]),
    "of very many trials": ([math.sin(place) for place in range(400)], [math.cos(place) for place in range(400)]),
}


@pytest.mark.parametrize("own", [[], [None, None], [1.0, None], [math.sin(place) for place in range(12)]])
@pytest.mark.parametrize("name", list(_PARENTS))
def test_any_parents_give_a_suggestion(name: str, own: Sequence[float | None]) -> None:
    """Related and identical ones, before the first own trial and after some; and what is said of it are numbers."""
    parents = [
        Parent(name=f"{place}", trials=tuple(drawn(PLAIN, values)), is_identical=place == 1)
        for place, values in enumerate(_PARENTS[name])
    ]
    search = BayesianSearch(Goal(objective_type=_TYPES[0]), parents)
    trials = drawn(PLAIN, own)
    found = search.suggest(PLAIN, trials, trial_generator(1, len(trials) + 1))
    surrogate = search.surrogate(PLAIN, trials, trial_generator(1, len(trials) + 1))

    assert found is not None
    assert PLAIN.contains(found)
    if surrogate is not None:
        assert not np.isnan(surrogate.predict([found]).mean).any()
        assert not np.isnan(surrogate.log_expected_improvement([found])).any()
