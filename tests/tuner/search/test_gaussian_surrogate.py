"""What the processes of a Bayesian search say in the objective's own units."""

import numpy as np
import pytest

from contracts.jobs import ObjectiveStatus
from contracts.metrics import ObjectiveType
from contracts.ranges import ContinuousParameterRange, ScalingType
from tuner.search.bayesian_search import BayesianSearch
from tuner.search.evidence import warped
from tuner.search.gaussian_surrogate import GaussianSurrogate, Scale
from tuner.search.goal import Goal
from tuner.search.space import SearchSpace
from tuner.search.strategy import trial_generator
from tuner.search.trials import Trial

LINE = SearchSpace([ContinuousParameterRange(name="x", min_value=0.0, max_value=1.0, scaling_type=ScalingType.LINEAR)])
PLACES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)


def surrogate(values: list[float | None], kind: ObjectiveType = ObjectiveType.MAXIMIZE) -> GaussianSurrogate | None:
    """After trials along a line that ended with `values`; None failed."""
    trials = [
        Trial(
            index=index,
            configuration={"x": str(place)},
            status=ObjectiveStatus.FAILED if value is None else ObjectiveStatus.SUCCEEDED,
            objective=value,
        )
        for index, (place, value) in enumerate(zip(PLACES, values, strict=False), start=1)
    ]
    return BayesianSearch(Goal(objective_type=kind)).surrogate(LINE, trials, trial_generator(1, len(values) + 1))


def hill(height: float = 1.0) -> list[float | None]:
    """Values with their greatest in the middle."""
    return [height * (1 - (place - 0.5) ** 2) for place in PLACES]


def test_there_is_none_while_there_are_too_few_values() -> None:
    """Failures are no values."""
    assert surrogate([0.5, 0.6]) is None
    assert surrogate([0.5, None, 0.6]) is None


@pytest.mark.parametrize("height", [1.0, 1000.0, -1e-3])
@pytest.mark.parametrize("kind", ObjectiveType)
def test_it_predicts_what_it_has_seen_in_the_units_of_the_objective(height: float, kind: ObjectiveType) -> None:
    """Whatever their size and sign, and whether great or small is good."""
    model = surrogate(hill(height), kind)
    assert model is not None
    predicted = model.predict([{"x": str(place)} for place in PLACES])

    assert np.array(hill(height)) == pytest.approx(predicted.mean, abs=0.1 * abs(height))
    assert (predicted.low < predicted.mean).all()
    assert (predicted.mean < predicted.high).all()


def test_the_interval_is_wider_where_no_trial_has_been() -> None:
    """Between two trials, and beside one."""
    model = surrogate(hill()[:4])
    assert model is not None
    predicted = model.predict([{"x": "0.3"}, {"x": "0.9"}])

    assert predicted.high[0] - predicted.low[0] < predicted.high[1] - predicted.low[1]


def test_the_nearest_trials_have_the_greatest_influence() -> None:
    """Shares of one, also of trials that failed."""
    model = surrogate([*hill()[:6], None])
    assert model is not None
    shares = model.influence({"x": "0.31"})

    assert len(shares) == 7
    assert pytest.approx(1.0) == shares.sum()
    assert 2 == int(shares.argmax())
    assert (shares >= 0).all()


def test_the_expected_improvement_is_in_the_units_of_the_objective() -> None:
    """A thousand times the values, a thousand times the improvement."""
    small, large = surrogate(hill()), surrogate(hill(1000.0))
    assert small is not None
    assert large is not None
    at = [{"x": "0.52"}]

    assert np.log(1000) == pytest.approx(large.log_expected_improvement(at)[0] - small.log_expected_improvement(at)[0])


@pytest.mark.parametrize("kind", ObjectiveType)
def test_the_chance_to_be_beyond_the_interval_is_what_the_interval_leaves(kind: ObjectiveType) -> None:
    """One in twenty on the better side of it, and nineteen of twenty on that of the other end."""
    model = surrogate(hill(), kind)
    assert model is not None
    at = [{"x": "0.52"}]
    predicted = model.predict(at)
    better, worse = predicted.low[0], predicted.high[0]
    if kind is ObjectiveType.MAXIMIZE:
        better, worse = worse, better

    assert pytest.approx(0.05, abs=1e-3) == model.chance_beyond(at, better)[0]
    assert pytest.approx(0.95, abs=1e-3) == model.chance_beyond(at, worse)[0]


def test_what_was_warped_comes_back() -> None:
    """Every known value, and in order beyond them."""
    values = np.array([0.1, 0.3, np.inf, 0.2, 5.0, 1e30])
    scale = Scale.of(values, warped(values))
    known = np.isfinite(values)

    assert values[known] == pytest.approx(scale.back(warped(values)[known]))
    assert (np.diff(scale.back(np.linspace(-5, 5, 50))) > 0).all()


@pytest.mark.parametrize("values", [[2.0, 2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [1e308, -1e308, 0.0], [1e-300, 2e-300, 0.0]])
def test_values_without_a_scale_are_no_trouble(values: list[float | None]) -> None:
    """Numbers come out, whatever goes in."""
    model = surrogate(values)
    assert model is not None
    predicted = model.predict([{"x": "0.7"}])

    assert np.isfinite([predicted.mean, predicted.low, predicted.high]).all()
    assert np.isfinite(model.log_expected_improvement([{"x": "0.7"}])).all()
