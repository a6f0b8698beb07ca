"""Beliefs: densities over the unit cube."""

import numpy as np
import pytest

from contracts.ranges import CategoricalParameterRange, ContinuousParameterRange, ScalingType
from contracts.search_extension import Condition, Constraint, NumberBelief, TextBelief
from tuner.search.belief import Belief
from tuner.search.random_search import BELIEVED, RandomSearch
from tuner.search.space import SearchSpace
from tuner.search.strategy import trial_generator

RATE = ContinuousParameterRange(name="rate", min_value=1e-4, max_value=1.0, scaling_type=ScalingType.LOGARITHMIC)
OPTIMIZER = CategoricalParameterRange(name="optimizer", values=("adam", "sgd", "lion"))
SPACE = SearchSpace([RATE, OPTIMIZER])
BELIEF = Belief(
    SPACE, {"rate": NumberBelief(around="0.01", spread=0.1), "optimizer": TextBelief(weights={"adam": 2.0})}
)


def at(*coordinates: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """One point."""
    return np.array([coordinates])


def test_a_belief_is_greatest_where_it_was_put() -> None:
    """In the scale of the range: 0.01 is the middle between 0.0001 and 1."""
    grid = np.linspace(0, 1, 101)
    density = BELIEF.log_density(np.column_stack([grid, np.full(101, 0.1)]))

    assert 0.5 == pytest.approx(grid[int(np.argmax(density))])


@pytest.mark.parametrize(("around", "spread"), [("0.01", 0.1), ("1.0", 0.3), ("0.0001", 1.0)])
def test_the_mean_of_a_density_over_its_axis_is_one(around: str, spread: float) -> None:
    """Also where the range ends before the belief does."""
    belief = Belief(SPACE, {"rate": NumberBelief(around=around, spread=spread)})
    middles = (np.arange(2000) + 0.5) / 2000

    assert 1.0 == pytest.approx(float(np.exp(belief.log_density(np.column_stack([middles, middles]))).mean()), rel=1e-3)


def test_texts_have_shares_by_their_weights() -> None:
    """One that is not named weighs 1."""
    adam, sgd, lion = np.exp(BELIEF.log_density(np.array([[0.5, 0.1], [0.5, 0.5], [0.5, 0.9]])))

    assert pytest.approx([2.0, 1.0]) == [adam / sgd, lion / sgd]


def test_the_gradient_agrees_with_differences() -> None:
    """Along numbers; along texts there is none."""
    step = 1e-6
    change = BELIEF.log_density(at(0.42 + step, 0.1)) - BELIEF.log_density(at(0.42 - step, 0.1))

    gradient = BELIEF.gradient(at(0.42, 0.1))[0]
    assert float(change[0]) / (2 * step) == pytest.approx(gradient[0], rel=1e-5)
    assert 0.0 == gradient[1]


def test_nothing_is_believed_of_what_is_not_there() -> None:
    """A hyperparameter that depends on another is judged only with it."""
    space = SearchSpace([RATE, OPTIMIZER], [Condition(name="rate", depends_on="optimizer", values=("sgd",))])
    belief = Belief(space, {"rate": NumberBelief(around="0.01", spread=0.1)})

    assert 0.0 == belief.log_density(at(0.1, 0.1))[0]
    assert belief.log_density(at(0.1, 0.5))[0] < -1
    assert [0.0, 0.0] == belief.gradient(at(0.1, 0.1))[0].tolist()


def test_draws_follow_the_density() -> None:
    """Numbers around their mean, within the cube; texts in their shares."""
    points = BELIEF.draw(4000, np.random.default_rng(3))

    assert bool(np.all((points >= 0) & (points <= 1)))
    assert pytest.approx(0.5, abs=0.01) == points[:, 0].mean()
    assert pytest.approx(0.1, abs=0.01) == points[:, 0].std()
    assert pytest.approx(0.5, abs=0.03) == (points[:, 1] < 1 / 3).mean()


def test_a_random_search_draws_a_share_from_the_belief_and_the_rest_from_everywhere() -> None:
    """Half, as is documented."""
    search = RandomSearch(Belief(SPACE, {"rate": NumberBelief(around="0.01", spread=0.001)}))
    drawn = [search.suggest(SPACE, [], trial_generator(5, index)) for index in range(1, 401)]
    close = [suggestion is not None and 0.0095 < float(suggestion["rate"]) < 0.0105 for suggestion in drawn]

    assert pytest.approx(BELIEVED, abs=0.08) == np.mean(close)


def test_a_belief_does_not_lead_out_of_the_constraints() -> None:
    """Where it lies outside of them altogether, the whole space is drawn from."""
    space = SearchSpace([RATE, OPTIMIZER], constraints=[Constraint.parse("rate > 0.5")])
    search = RandomSearch(Belief(space, {"rate": NumberBelief(around="0.0001", spread=0.01)}))

    for index in range(1, 20):
        suggestion = search.suggest(space, [], trial_generator(1, index))
        assert suggestion is not None
        assert space.contains(suggestion)
