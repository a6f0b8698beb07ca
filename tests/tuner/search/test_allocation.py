"""Which of several definitions gets the next trial."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.search.allocation import History, preferences

#: Draws a value of one definition, to be made small.
Draw = Callable[[np.random.Generator], float]


def of(*values: float, pending: int = 0) -> History:
    """What is known of a definition."""
    return History(values=values, pending=pending)


def play(draws: Sequence[Draw], *, trials: int, seed: int, evenly: bool = False) -> tuple[float, list[int]]:
    """The best value after so many trials, two at a time, and how many each definition got."""
    generator = np.random.default_rng(seed)
    values: list[list[float]] = [[] for _ in draws]
    running: list[tuple[int, float]] = []
    for number in range(trials):
        if len(running) == 2:
            place, value = running.pop(0)
            values[place].append(value)
        pending = [sum(at == place for at, _ in running) for place in range(len(draws))]
        histories = [of(*known, pending=waiting) for known, waiting in zip(values, pending, strict=True)]
        place = number % len(draws) if evenly else preferences(histories, trials)[0]
        running.append((place, draws[place](generator)))
    for place, value in running:
        values[place].append(value)
    return min(value for known in values for value in known), [len(known) for known in values]


def squared(best: float) -> Draw:
    """Values from `best` on whose chance grows with their distance from it, as that of two hyperparameters does."""
    return lambda generator: best + math.sqrt(generator.random())


@pytest.mark.parametrize("seed", range(20))
def test_a_definition_that_is_clearly_best_gets_most_of_thirty_trials(seed: int) -> None:
    """Each of the others keeps its first four."""
    _, counts = play([squared(1.2), squared(0.0), squared(1.0)], trials=30, seed=seed)

    assert counts[1] >= 20
    assert min(counts) >= 4


def test_a_definition_that_is_clearly_best_is_searched_better_than_with_an_even_share() -> None:
    """What the trials that the others did not get are good for."""
    draws = [squared(1.2), squared(0.0), squared(1.0)]
    ours, even = ([play(draws, trials=30, seed=s, evenly=e)[0] for s in range(200)] for e in (False, True))

    assert np.mean(ours) < 0.75 * np.mean(even)


def test_among_equals_nothing_is_lost_against_an_even_share() -> None:
    """The worst that can be: there is nothing to find out."""
    draws = [squared(0.0)] * 3
    ours, even = ([play(draws, trials=30, seed=s, evenly=e)[0] for s in range(300)] for e in (False, True))

    assert np.mean(ours) < 1.05 * np.mean(even)


def test_a_definition_that_lags_is_asked_again_after_a_while() -> None:
    """The bound grows with all trials: none is given up for good."""
    leading = of(*([0.0] + [0.5] * 59))

    assert 0 == preferences([leading, of(0.3, 0.6, 0.6, 0.6)], None)[0]
    assert 1 == preferences([of(*([0.0] + [0.5] * 999)), of(0.3, 0.6, 0.6, 0.6)], None)[0]


def test_the_first_trials_come_in_turn() -> None:
    """Running trials count: two at a time are of two definitions."""
    assert [0, 1, 2] == preferences([of(), of(), of()], 30)
    assert [1, 2, 0] == preferences([of(pending=1), of(), of()], 30)
    assert 2 == preferences([of(0.1, 0.1), of(0.5, pending=1), of(0.9)], 30)[0]


def test_first_trials_take_at_most_half_of_all() -> None:
    """With two trials a definition there is one for each before the best is preferred."""
    assert 1 == preferences([of(0.9), of(0.1), of(0.8)], 6)[0]


def test_failed_trials_count_and_bring_no_reward() -> None:
    """An image that fails always is tried no more often than one that is never good."""
    failing, good = of(*[math.inf] * 8), of(*[0.5] * 8)

    assert 1 == preferences([failing, good], 30)[0]
    assert [0, 1] == preferences([of(math.inf), of(math.inf)], 30)


def test_runs_that_diverge_do_not_hide_who_is_better() -> None:
    """The scale is that of the better half."""
    diverging = of(1e300, -1e300, 0.9, 0.8)
    better = of(0.1, 1e300, 0.2, 1e308)

    assert 0 == preferences([of(-1e308, 1.0, 1.0, 1.0), of(1e308, 2.0, 2.0, 2.0)], 30)[0]
    assert {0, 1} == set(preferences([diverging, better], 30))


@given(
    st.lists(
        st.builds(
            History,
            values=st.lists(st.floats(allow_nan=False), max_size=8).map(
                lambda values: [math.inf if value == -math.inf else value for value in values]
            ),
            pending=st.integers(0, 3),
        ),
        min_size=1,
        max_size=10,
    ),
    st.none() | st.integers(1, 750),
)
def test_every_history_gives_an_order_of_all(histories: list[History], most: int | None) -> None:
    """Nothing raises, and asked twice it is the same."""
    order = preferences(histories, most)

    assert list(range(len(histories))) == sorted(order)
    assert order == preferences(histories, most)
