"""The search benchmark's tuning job in simulated time is the same for every optimiser."""

from collections.abc import Mapping

import pytest

from benchmarks.search import synthetic
from benchmarks.search.problem import Outcome, Problem, Split, real
from benchmarks.search.simulation import Setting, Suggestion, simulate
from benchmarks.search.worker import range_from_json, range_to_json

_PROBLEM = Problem(
    name="line",
    split=Split.TUNING,
    ranges=(real("x", 0, 1),),
    evaluate=lambda configuration, _: Outcome(observed=float(configuration["x"]), true=float(configuration["x"])),
)


class _Constant:
    """Suggests one value, and remembers what it was asked and told."""

    def __init__(self, value: str = "0.5") -> None:
        self.value = value
        self.calls: list[tuple[str, int]] = []

    def start(self, problem: Problem, seed: int, setting: Setting) -> None:
        self.calls.clear()

    def ask(self, trial: int) -> Suggestion:
        self.calls.append(("ask", trial))
        return Suggestion(configuration={"x": self.value}, error=None, wall=0.0, cpu=0.0)

    def tell(self, trial: int, value: float | None) -> None:
        self.calls.append(("tell", trial))


def test_trials_end_in_the_same_order_whatever_is_suggested() -> None:
    """Or one optimiser would know sooner than another."""
    one, other = _Constant("0.1"), _Constant("0.9")
    setting = Setting(trials=30, parallel=4)

    simulate(one, _PROBLEM, 1, setting)
    simulate(other, _PROBLEM, 1, setting)

    assert one.calls == other.calls
    assert sorted(call for call in one.calls if call[0] == "tell") != [call for call in one.calls if call[0] == "tell"]


@pytest.mark.parametrize("parallel", [1, 2, 8])
def test_so_many_trials_run_at_a_time_as_were_asked_for(parallel: int) -> None:
    """Neither fewer nor more, until the last are asked for."""
    client = _Constant()

    simulate(client, _PROBLEM, 1, Setting(trials=20, parallel=parallel))

    running, most = 0, 0
    for what, _ in client.calls:
        running += 1 if what == "ask" else -1
        most = max(most, running)
    assert (parallel, 0) == (most, running)


def test_a_suggestion_outside_the_space_is_replaced_and_told_of() -> None:
    """The benchmark goes on, and the report counts it."""
    steps = simulate(_Constant("7"), _PROBLEM, 1, Setting(trials=3, parallel=1))

    assert all("not in the space" in str(step.suggestion.error) for step in steps)
    assert all(0 <= step.outcome.true <= 1 for step in steps)


def test_ranges_reach_the_optimiser_as_they_are() -> None:
    """Kinds, bounds, scales and order."""
    for problem in (*synthetic.TUNING, *synthetic.HELD_OUT):
        assert problem.ranges == tuple(range_from_json(range_to_json(one)) for one in problem.ranges)


def test_noise_belongs_to_the_trial_and_not_to_the_optimiser() -> None:
    """The same configuration at the same trial gives the same value."""
    problem = next(one for one in synthetic.HELD_OUT if one.name == "camel-2")
    seen: list[list[float | None]] = []

    for _ in range(2):
        client = _Fixed({"x1": "0.1", "x2": "0.2"})
        seen.append([step.outcome.observed for step in simulate(client, problem, 3, Setting(trials=5, parallel=2))])

    assert seen[0] == seen[1]
    assert len(set(seen[0])) == len(seen[0])


class _Fixed(_Constant):
    def __init__(self, configuration: Mapping[str, str]) -> None:
        super().__init__()
        self.configuration = configuration

    def ask(self, trial: int) -> Suggestion:
        return Suggestion(configuration=self.configuration, error=None, wall=0.0, cpu=0.0)
