"""Bounds on other metrics: how likely a trial is to keep them, and where the search goes because of it."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp  # type: ignore[import-untyped]

from contracts.jobs import ObjectiveStatus
from contracts.metrics import Objective, ObjectiveType
from contracts.ranges import CategoricalParameterRange, ContinuousParameterRange
from contracts.search_extension import MetricConstraint
from tuner.search.bayesian_search import BayesianSearch
from tuner.search.embedding import Embedding
from tuner.search.evidence import gathered
from tuner.search.gaussian_process import Observations
from tuner.search.gaussian_surrogate import GaussianSurrogate
from tuner.search.goal import Goal
from tuner.search.keeping import BoundedMetric, ConstrainedImprovement, Keeping, _log_between
from tuner.search.prior import Model
from tuner.search.space import SearchSpace
from tuner.search.strategy import trial_generator
from tuner.search.trials import Trial

SPACE = SearchSpace(
    (
        ContinuousParameterRange(name="x", min_value=0.0, max_value=1.0),
        ContinuousParameterRange(name="y", min_value=0.0, max_value=1.0),
        CategoricalParameterRange(name="c", values=("a", "b")),
    )
)
LATENCY = MetricConstraint(metric_name="latency", maximum=20.0)
GOAL = Goal(objective_type=ObjectiveType.MINIMIZE, metric_constraints=(LATENCY,))
COUNT = 14


def seen() -> Observations:
    """The objective is better the greater x is."""
    points = np.random.default_rng(0).random((COUNT, 3))
    return Observations(
        model=Model(coordinates=Embedding(SPACE).coordinates),
        X=Embedding(SPACE).embed(points),
        y=-points[:, 0],
        tasks=np.zeros(COUNT, dtype=int),
    )


def latencies(observations: Observations) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """They grow by orders of magnitude with x: 20 is where x is 0.5."""
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = 2 * 10.0 ** (2 * observations.X[:, 0])
    return found


def keeping(*constraints: MetricConstraint, draws: int = 2) -> list[Keeping]:
    """What is believed of latencies that have `constraints`."""
    observations = seen()
    thetas = np.tile(observations.model.mean, (draws, 1)) + 0.2 * np.arange(draws)[:, None] / draws
    metrics = [BoundedMetric.of(observations, latencies(observations), one) for one in constraints]
    return [metric.kept_by(metric.observations.condition(thetas)) for metric in metrics]


def embedded(*xs: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Points at these x."""
    return Embedding(SPACE).embed(np.array([[x, 0.5, 0.2] for x in xs]))


def ended(index: int, x: float, y: float, **metrics: float) -> Trial:
    """One that has succeeded, the better the greater x is; one without metrics has failed."""
    status = ObjectiveStatus.SUCCEEDED if metrics else ObjectiveStatus.FAILED
    objective = 1 - x + 0.1 * (y - 0.5) ** 2 if metrics else None
    configuration = {"x": str(x), "y": str(y), "c": "a"}
    return Trial(index=index, configuration=configuration, status=status, objective=objective, metrics=metrics)


def search(trials: list[Trial], count: int, goal: Goal = GOAL, edge: float = 0.5) -> list[Trial]:
    """So many suggestions after `trials`; a latency is 20 where x is `edge`."""
    begin = len(trials)
    for index in range(begin + 1, begin + count + 1):
        suggested = BayesianSearch(goal).suggest(SPACE, trials, trial_generator(3, index))
        assert suggested is not None
        x, y = float(suggested["x"]), float(suggested["y"])
        trials.append(ended(index, x, y, latency=20 * 10.0 ** (2 * (x - edge)), size=x))
    return trials[begin:]


def test_a_bound_is_likely_to_be_kept_where_the_metric_keeps_it() -> None:
    """A probability, by each process, with an even chance where the edge is."""
    low, edge, high = np.exp(keeping(LATENCY)[0].logarithm(embedded(0.2, 0.5, 0.8))).mean(0)

    assert 0.95 < low <= 1
    assert 0.2 < edge < 0.8
    assert high < 0.05


def test_two_bounds_of_a_metric_leave_what_is_between() -> None:
    """As many probabilities as there are points."""
    between = keeping(MetricConstraint(metric_name="latency", minimum=10.0, maximum=40.0))[0]
    below, inside, above = np.exp(between.logarithm(embedded(0.05, 0.5, 0.95))).mean(0)

    assert max(below, above) < 0.1
    assert inside > 0.8


@pytest.mark.parametrize(
    "constraints",
    [
        pytest.param([LATENCY], id="a maximum"),
        pytest.param([MetricConstraint(metric_name="latency", minimum=15.0)], id="a minimum"),
        pytest.param([MetricConstraint(metric_name="latency", minimum=10.0, maximum=40.0)], id="both"),
        pytest.param([LATENCY, MetricConstraint(metric_name="latency", minimum=5.0)], id="two"),
    ],
)
def test_the_constrained_improvements_gradient_is_its_own(constraints: Sequence[MetricConstraint]) -> None:
    """Along both numbers, compared with differences."""
    thetas = keeping(LATENCY)[0].processes.thetas
    kept = latencies(seen()) <= 20
    found = ConstrainedImprovement.over_the_best(seen().condition(thetas), keeping(*constraints), kept)
    x = Embedding(SPACE).embed(np.random.default_rng(1).uniform(0.05, 0.95, (6, 3)))
    values, gradients = found.with_gradient(x)

    assert np.allclose(found(x), values)
    for column in (0, 1):
        step = 1e-6 * np.eye(x.shape[1])[column]
        assert np.allclose((found(x + step) - found(x - step)) / 2e-6, gradients[:, column], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("low", "high"), [(-math.inf, -30.0), (-math.inf, 3.0), (30.0, math.inf), (-1.0, 1.0), (8.0, 9.0), (-9.0, -8.0)]
)
def test_the_probability_between_two_bounds_is_right_in_both_tails(low: float, high: float) -> None:
    """Compared with five hundred digits."""
    with mp.workdps(500):
        expected = float(mp.log(mp.ncdf(high) - mp.ncdf(low)))

    assert pytest.approx(expected, rel=1e-9) == float(_log_between(np.array([low]), np.array([high]))[0])


def test_the_incumbent_is_the_best_that_keeps_the_bounds() -> None:
    """Better ones that break them are nothing to improve on; without any, all is an improvement."""
    processes = seen().condition(keeping(LATENCY)[0].processes.thetas)
    kept = latencies(seen()) <= 20
    some = ConstrainedImprovement.over_the_best(processes, keeping(LATENCY), kept).improvement.incumbents
    none = ConstrainedImprovement.over_the_best(processes, keeping(LATENCY), kept & False).improvement.incumbents

    assert pytest.approx(seen().y[kept].min(), abs=0.1) == some[0]
    assert none[0] > seen().y.max() + 1


def test_a_pending_trial_keeps_what_was_drawn_for_it() -> None:
    """Where latencies are short nearly all draws do, where they are long nearly none."""
    (one,) = keeping(LATENCY, draws=40)
    kept = one.with_fantasies(embedded(0.1, 0.9), np.random.default_rng(5)).kept(2)

    assert (40, 2) == kept.shape
    assert kept[:, 0].mean() > 0.9
    assert kept[:, 1].mean() < 0.1


def test_a_metric_that_is_counted_keeps_its_bound_up_to_the_next_number() -> None:
    """A bound that values lie at is between them and the first that breaks it."""
    observations = seen()
    layers = 1 + np.arange(COUNT) % 4
    metric = BoundedMetric.of(observations, layers.astype(float), MetricConstraint(metric_name="layers", maximum=3))
    y = metric.observations.y

    assert y[layers == 3].max() < metric.high < y[layers == 4].min()


@given(
    values=st.lists(st.floats(-1e308, 1e308), min_size=COUNT, max_size=COUNT),
    minimum=st.floats(-1e308, 1e308) | st.just(-math.inf),
    maximum=st.floats(-1e308, 1e308),
)
@settings(max_examples=200)
def test_any_values_of_a_metric_can_be_learned_from(values: list[float], minimum: float, maximum: float) -> None:
    """Huge, equal and tiny ones: all are finite, and (but for rounding) where they are beside the bounds."""
    constraint = MetricConstraint(metric_name="latency", minimum=min(minimum, maximum), maximum=maximum)
    metric = BoundedMetric.of(seen(), np.array(values), constraint)
    y = metric.observations.y

    assert np.isfinite(y).all()
    assert not math.isnan(metric.low)
    assert not math.isnan(metric.high)
    size = max(map(abs, [*values, constraint.maximum]))
    for value, place in zip(values, y, strict=True):
        if value / 2 - constraint.maximum / 2 > 1e-6 * size:
            assert place >= metric.high - 1e-9
        elif value <= constraint.maximum:
            assert place <= metric.high + 1e-9


def test_the_best_is_found_at_the_edge_of_a_bound() -> None:
    """The objective falls towards what breaks it: the search goes near to the edge, and seldom over it."""
    generator = np.random.default_rng(2)
    first = [ended(i, x, y, latency=20 * 10.0 ** (2 * x - 1)) for i, (x, y) in enumerate(generator.random((6, 2)), 1)]
    found = search(first, 6)

    assert 0.45 < max(float(one.configuration["x"]) for one in found if one.metrics["latency"] <= 20) <= 0.5


def test_while_no_trial_keeps_a_bound_one_is_looked_for_that_does() -> None:
    """Against what the objective would say."""
    generator = np.random.default_rng(2)
    first = [
        ended(i, x, y, latency=20 * 10.0 ** (2 * (x - 0.05)))
        for i, (x, y) in enumerate(generator.uniform(0.3, 1, (5, 2)), 1)
    ]

    assert min(one.metrics["latency"] for one in search(first, 2, edge=0.05)) <= 20


def test_trials_that_fail_are_avoided_besides() -> None:
    """They printed no metric, and are no trials that break its bound."""
    trials = [ended(i, x, 0.5, latency=5.0) for i, x in enumerate((0.1, 0.2, 0.3, 0.4, 0.5), 1)]
    trials += [ended(i, x, y) for i, (x, y) in enumerate(((0.9, 0.5), (0.8, 0.2), (0.75, 0.9), (0.95, 0.7)), 6)]
    found = search(trials, 2, edge=3.0)

    assert all(float(one.configuration["x"]) < 0.9 for one in found)


def test_bounds_go_with_two_objectives() -> None:
    """Nothing is raised, and what breaks the bound is avoided."""
    goal = Goal(
        objective_type=ObjectiveType.MINIMIZE,
        metric_constraints=(LATENCY,),
        second=Objective(type=ObjectiveType.MAXIMIZE, metric_name="size"),
    )
    generator = np.random.default_rng(2)
    first = [
        ended(i, x, y, latency=20 * 10.0 ** (2 * x - 1), size=x) for i, (x, y) in enumerate(generator.random((6, 2)), 1)
    ]

    assert min(one.metrics["latency"] for one in search(first, 3, goal)) <= 20


def test_it_is_told_how_likely_a_trial_is_to_keep_the_bounds() -> None:
    """And being better counts only as often."""
    generator = np.random.default_rng(2)
    trials = [ended(i, x, y, latency=20 * 10.0 ** (2 * x - 1)) for i, (x, y) in enumerate(generator.random((9, 2)), 1)]
    found = BayesianSearch(GOAL).surrogate(SPACE, trials, trial_generator(3, 10))
    assert isinstance(found, GaussianSurrogate)
    asked = [{"x": "0.2", "y": "0.5", "c": "a"}, {"x": "0.9", "y": "0.5", "c": "a"}]
    chances, better = found.chance_of_keeping(asked), found.chance_beyond(asked, 5.0)

    assert chances[0] > 0.9
    assert chances[1] < 0.1
    assert better[1] <= chances[1]


def test_those_that_keep_the_bounds_come_first() -> None:
    """Then the others, by how much they break them; last what failed. Around the first the search looks closer."""
    trials = [ended(1, 0.9, 0.5, latency=40), ended(2, 0.1, 0.5, latency=5), ended(3, 0.8, 0.5, latency=21)]
    trials += [ended(4, 0.3, 0.5, latency=9), ended(5, 0.5, 0.5)]
    evidence = gathered(Embedding(SPACE), GOAL, trials, (), np.random.default_rng(0), fewest=3)

    assert [4, 2, 3, 1, 5] == [trial.index for trial in evidence.best_first]
