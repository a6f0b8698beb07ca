"""The search benchmark's comparisons where not everybody has run the same, and what is said of goals."""

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.search.analysis import (
    RandomPool,
    bootstrap,
    equally,
    gain_lost,
    losses,
    mean_rank,
    mean_regret,
    random_equivalents,
    ranks,
    regret_ratio,
    trials_until,
)
from benchmarks.search.figures import Figures, figures_of
from benchmarks.search.goals import (
    ParallelFigures,
    SpeedFigures,
    Verdict,
    WarmStartSummary,
    equivalents_findings,
    parallel_findings,
    rank_finding,
    regret_finding,
    speed_findings,
    warm_start_findings,
)
from benchmarks.search.problem import REVERSE, Outcome, Problem, Split, real, text, trial_noise, whole
from benchmarks.search.relatives import SHIFT, inverted, mirrored, shifted
from benchmarks.search.results import Run, RunKey, version_of_most_runs
from benchmarks.search.simulation import Setting

_NAN = float("nan")
_POOL = RandomPool(observed=np.arange(400.0), true=np.arange(400.0))


def run(optimiser: str, problem: str, seed: int, values: Sequence[float], version: str = "1") -> Run:
    """A run without noise."""
    key = RunKey(
        optimiser=optimiser,
        version=version,
        problem=problem,
        problem_version="1",
        setting=f"{len(values)}x2",
        seed=seed,
    )
    times = [0.1] * len(values)
    return Run(key=key, observed=list(values), true=list(values), cpu=times, errors=[])


def figures(*runs: Run) -> Figures | None:
    """The figures of runs of three trials, over the problems p and q."""
    by_key = {(one.key.optimiser, one.key.problem, one.key.seed): one for one in runs}
    return figures_of(by_key, {"p": _POOL, "q": _POOL}, {"p": 0.0, "q": 0.0}, Setting(trials=3, parallel=2), (3,))


def test_with_equal_seeds_the_mean_rank_is_the_mean_of_ranks() -> None:
    """Ties included."""
    rows = np.random.default_rng(0).integers(0, 4, (20, 5)).astype(float)
    weights = equally({"p": rows})

    assert ranks(rows).mean(0).tolist() == pytest.approx(mean_rank({"p": rows}, weights).tolist())


def test_two_optimisers_are_compared_on_the_seeds_that_both_have_run() -> None:
    """The first is better in the one seed that they share, though its other seeds were hard."""
    rows = np.array([[0.1, 0.2], [0.9, _NAN], [0.8, _NAN]])
    weights = equally({"p": rows})

    assert [[0.5, 0.0], [1.0, 0.5]] == losses(rows, weights["p"]).tolist()
    assert [1.0, 2.0] == mean_rank({"p": rows}, weights).tolist()
    assert [1.0, 0.5] == pytest.approx(regret_ratio(0)({"p": rows}, weights).tolist())


def test_without_a_seed_in_common_nothing_is_said() -> None:
    """Neither a rank nor a ratio, and no warning that would end a report."""
    rows = np.array([[0.1, _NAN], [_NAN, 0.2]])
    weights = equally({"p": rows})

    assert np.isnan(losses(rows, weights["p"])[0, 1])
    assert np.isnan(regret_ratio(0)({"p": rows}, weights)[1])
    assert [0.1, 0.2] == mean_regret({"p": rows}, weights).tolist()


def test_an_interval_never_draws_away_what_two_have_in_common() -> None:
    """One seed of many is shared: it is in every draw."""
    rows = np.column_stack([np.linspace(0, 1, 20), [0.5, *[_NAN] * 19]])

    _, low, high = bootstrap({"p": rows}, mean_rank, draws=50)

    assert np.isfinite([low, high]).all()


def test_the_gain_is_over_random_search() -> None:
    """From 0.5 to 0.1 is 0.4; to 0.2 is a quarter less."""
    regrets = {"p 0": np.array([[0.1, 0.2]]), "p 1": np.array([[0.1, 0.2]])}
    lost = gain_lost({"p": 0.5})(regrets, equally(regrets))

    assert [0.0, 0.25] == pytest.approx(lost.tolist())


def test_trials_are_counted_until_a_value_is_reached() -> None:
    """From 1, the value itself included; never is None."""
    curve = np.array([0.9, 0.5, 0.5, 0.2])

    assert [2, 4, None] == [trials_until(curve, value) for value in (0.5, 0.3, 0.1)]


def test_the_newest_of_the_versions_with_most_runs_is_reported() -> None:
    """One that is being run just now is not yet."""
    runs = [run("o", "p", seed, [1.0], version) for version, seed in (("a", 1), ("b", 1), ("b", 2), ("a", 2), ("c", 1))]

    assert "a" == version_of_most_runs(runs, "o")
    assert version_of_most_runs(runs, "nobody") is None


def test_who_has_not_run_every_problem_is_left_out() -> None:
    """And said to be; seeds may differ."""
    found = figures(
        *(run("algodock", name, seed, [9.0, 3.0, 1.0]) for name in ("p", "q") for seed in (1, 2)),
        *(run("peer", name, 1, [9.0, 8.0, 4.0]) for name in ("p", "q")),
        run("slow", "p", 1, [0.0, 0.0, 0.0]),
    )

    assert found is not None
    assert ["algodock", "peer"] == [row.optimiser for row in found.rows]
    assert ({"slow": 1}, (2, 2), (1, 1)) == (found.left_out, found.rows[0].seeds, found.rows[1].seeds)
    assert 1.0 == found.rows[0].rank[3][0]


def test_who_is_left_out_is_compared_on_what_it_has_run() -> None:
    """One problem and seed of four."""
    found = figures(
        *(run("algodock", name, seed, [9.0, 3.0, 2.0]) for name in ("p", "q") for seed in (1, 2)),
        run("slow", "p", 1, [9.0, 3.0, 4.0]),
    )

    assert found is not None
    (duel,) = found.duels
    assert ("slow", 1, 1, 1.0) == (duel.optimiser, duel.problems, duel.pairs, duel.wins[0])
    assert 2 / 3 == pytest.approx(duel.ratio[3][0])


def test_random_equivalents_of_missing_seeds_are_those_of_the_others() -> None:
    """NaN is no regret."""
    statistic = random_equivalents({"p": _POOL}, {"p": 0.0}, 10)
    value = _POOL.expected_regret(40, best=0.0)

    regrets = {"p": np.array([[value, value], [value, _NAN]])}

    assert [4.0, 4.0] == pytest.approx(statistic(regrets, equally(regrets)).tolist(), rel=0.01)


def test_a_goal_is_met_only_where_the_figures_say_so() -> None:
    """Best with an interval clear of the next; without peers nothing is said."""
    ours = [run("algodock", name, seed, [9.0, 3.0, 1.0]) for name in ("p", "q") for seed in (1, 2)]
    peer = [run("peer", name, seed, [9.0, 8.0, 4.0]) for name in ("p", "q") for seed in (1, 2)]
    found, alone = figures(*ours, *peer), figures(*ours)

    assert Verdict.MET is rank_finding(found).verdict
    assert {Verdict.UNKNOWN} == {rank_finding(alone).verdict, rank_finding(None).verdict, regret_finding(None).verdict}


def test_a_goal_that_is_missed_says_by_how_much() -> None:
    """A peer is always ahead, and there is no SGD problem."""
    ours = [run("algodock", name, 1, [9.0, 8.0, 40.0]) for name in ("p", "q")]
    peer = [run("peer", name, 1, [9.0, 8.0, 4.0]) for name in ("p", "q")]
    turned = [run("peer", name, 1, [9.0, 8.0, 2.0]) for name in ("p", "q")]
    rank = rank_finding(figures(*ours, *turned))
    equivalents, sgd = equivalents_findings(figures(*ours, *peer))

    assert (Verdict.MISSED, "1.00 ranks behind peer") == (rank.verdict, rank.missed_by)
    assert (Verdict.MISSED, Verdict.UNKNOWN) == (equivalents.verdict, sgd.verdict)
    assert equivalents.missed_by.startswith("a factor of")


@pytest.mark.parametrize(("seconds", "verdict"), [(0.1, Verdict.MET), (0.2, Verdict.MISSED)])
def test_seconds_are_compared_with_their_goal(seconds: float, verdict: Verdict) -> None:
    """What was not measured is neither met nor missed."""
    found = list(speed_findings(SpeedFigures(cpu={30: seconds}, memory={30: 90.0})))

    assert [verdict, *[Verdict.UNKNOWN] * 3, Verdict.MET] == [one.verdict for one in found]


def test_what_8_at_a_time_lose_and_whether_ours_is_still_first() -> None:
    """Random search is no peer."""
    ranking = [("algodock", (1.5, 1.0, 2.0)), ("peer", (1.2, 1.0, 2.0)), ("random", (3.0, 3.0, 3.0))]
    found = ParallelFigures(lost=(0.25, 0.1, 0.4), against=100, pairs=9, ranking=ranking)
    lost, first = parallel_findings(found)

    assert ["15 points", "0.30 ranks behind peer"] == [lost.missed_by, first.missed_by]
    assert {Verdict.UNKNOWN} == {one.verdict for one in parallel_findings(None)}


def test_a_misleading_parent_costs_what_is_more_than_30_trials() -> None:
    """One that helps costs nothing; a related parent's trials are counted from the first."""
    related, misleading = warm_start_findings(
        WarmStartSummary(until=12, interval=(8, 14), middle=9, most=30),
        WarmStartSummary(until=33, interval=(25, 41), middle=29.5, most=40),
    )

    assert ("12 (8 to 14); the median task 9", "2 trials") == (related.measured, related.missed_by)
    assert ("3 (0 to 11); the median task 0", "1 trials") == (misleading.measured, misleading.missed_by)


@pytest.mark.parametrize("made", [shifted, mirrored, inverted])
def test_a_relative_has_the_ranges_of_its_problem_and_other_values(made: type) -> None:
    """What failed still fails."""
    problem = Problem(
        name="slope",
        split=Split.TUNING,
        ranges=(real("x", 0, 0.99, REVERSE), whole("n", 1, 8), text("t", "a", "b")),
        evaluate=lambda c, _: Outcome(observed=float(c["x"]) + int(c["n"]), true=float(c["x"]) + int(c["n"])),
    )
    relative = made(problem)
    configuration = {"x": "0.5", "n": "3", "t": "b"}

    assert problem.ranges == relative.ranges
    assert 3.5 != relative.evaluate(configuration, trial_noise("slope", 1, 1)).observed


def test_an_optimum_is_moved_by_its_share_of_the_range() -> None:
    """Up or down, and the values are in another unit."""
    problem = Problem(
        name="slope",
        split=Split.TUNING,
        ranges=(real("x", 0, 1),),
        evaluate=lambda c, _: Outcome(observed=float(c["x"]), true=float(c["x"])),
    )
    moved = shifted(problem).evaluate({"x": "0.5"}, trial_noise("slope", 1, 1)).true

    assert SHIFT == pytest.approx(abs((moved - 5) / 3 - 0.5))
