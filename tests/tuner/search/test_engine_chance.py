"""Random search is what it says: even on the scale of each range, and every draw on its own. With fixed seeds."""

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import chisquare, kstest, spearmanr

from contracts.metrics import ObjectiveType
from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    ScalingType,
)
from tuner.search.goal import Goal
from tuner.search.space import SearchSpace
from tuner.search.strategy import make_strategy, trial_generator

_DRAWS = 3000
#: A true hypothesis is rejected once in a thousand seeds; these seeds are fixed, so a failure is a change.
_LEVEL = 1e-3


def draws(*ranges: ParameterRange, seed: int = 11) -> list[dict[str, str]]:
    """The first suggestions of a job with this seed, whatever came of the trials before."""
    space = SearchSpace(ranges)
    strategy = make_strategy("Random", Goal(objective_type=ObjectiveType.MAXIMIZE))
    found = [strategy.suggest(space, [], trial_generator(seed, index)) for index in range(1, _DRAWS + 1)]
    return [dict(one) for one in found if one is not None]


@pytest.mark.parametrize(
    ("scaling", "low", "high", "scale"),
    [
        (ScalingType.LINEAR, -3.0, 5.0, float),
        (ScalingType.AUTO, 0.0, 1000.0, float),
        (ScalingType.LOGARITHMIC, 1e-7, 10.0, math.log),
        (ScalingType.REVERSE_LOGARITHMIC, 0.0, 0.9999, lambda x: -math.log1p(-x)),
    ],
)
def test_numbers_are_even_on_their_scale(
    scaling: ScalingType, low: float, high: float, scale: Callable[[float], float]
) -> None:
    """Kolmogorov and Smirnov's test against the definition of the scale, not against our own code."""
    parameter = ContinuousParameterRange(name="p", min_value=low, max_value=high, scaling_type=scaling)
    places = [(scale(float(one["p"])) - scale(low)) / (scale(high) - scale(low)) for one in draws(parameter)]

    assert kstest(places, "uniform").pvalue > _LEVEL


def test_integers_and_texts_are_equally_likely() -> None:
    """Pearson's chi-square over all values, the ends included."""
    found = draws(
        IntegerParameterRange(name="n", min_value=-3, max_value=8),
        CategoricalParameterRange(name="c", values=tuple("abcdefg")),
        ContinuousParameterRange(name="x", min_value=0.0, max_value=1.0),
    )
    for name, size in (("n", 12), ("c", 7)):
        counts = Counter(one[name] for one in found)

        assert size == len(counts)
        assert chisquare(list(counts.values())).pvalue > _LEVEL


def test_integers_on_a_logarithmic_scale_have_the_share_of_their_interval() -> None:
    """From half below to half above, in the logarithm."""
    found = draws(
        IntegerParameterRange(name="n", min_value=1, max_value=8, scaling_type=ScalingType.LOGARITHMIC),
        ContinuousParameterRange(name="x", min_value=0.0, max_value=1.0),
    )
    counts = Counter(int(one["n"]) for one in found)
    shares = np.diff(np.log(np.arange(0.5, 9.0)))

    assert chisquare([counts[n] for n in range(1, 9)], _DRAWS * shares / shares.sum()).pvalue > _LEVEL


def test_ranges_and_trials_do_not_depend_on_each_other() -> None:
    """One range says nothing of another, nor one trial of the next."""
    found = draws(
        ContinuousParameterRange(name="a", min_value=0.0, max_value=1.0),
        ContinuousParameterRange(name="b", min_value=0.0, max_value=1.0),
    )
    a, b = ([float(one[name]) for one in found] for name in ("a", "b"))

    for left, right in ((a, b), (a[:-1], a[1:]), (b[:-1], a[1:])):
        assert spearmanr(left, right).pvalue > _LEVEL


def test_jobs_with_neighbouring_seeds_draw_differently() -> None:
    """As if they knew nothing of each other."""
    parameter = ContinuousParameterRange(name="a", min_value=0.0, max_value=1.0)
    one, other = ([float(draw["a"]) for draw in draws(parameter, seed=seed)] for seed in (1, 2))

    assert spearmanr(one, other).pvalue > _LEVEL
