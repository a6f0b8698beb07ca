"""The search benchmark's figures, on cases that can be computed by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.search import synthetic, tables
from benchmarks.search.analysis import (
    RandomPool,
    bootstrap,
    equally,
    mean_rank,
    random_equivalents,
    ranks,
    values_taken_home,
)
from benchmarks.search.results import Run, RunKey, keep, read, unpack, write

_POOL = RandomPool(observed=np.arange(400.0), true=np.arange(400.0))


def test_what_looks_best_is_taken_home() -> None:
    """With noise that is not what is best; a failed trial is never taken."""
    taken = values_taken_home([None, 3.0, 1.0, 2.0], [math.inf, 2.5, 2.9, 0.0])

    assert [math.inf, 2.5, 2.9, 2.9] == taken.tolist()


def test_random_search_is_computed_exactly() -> None:
    """Of two equally likely values the better is there after n draws with probability 1 - 1/2^n."""
    pool = RandomPool(observed=np.array([0.0, 1.0]), true=np.array([0.0, 2.0]))

    assert [0.5, 0.25, 0.125] == pytest.approx([pool.expected_regret(n, best=0.0) for n in (1, 2, 3)])


def test_random_equivalents_undo_the_curve_of_random_search() -> None:
    """Random search with n trials is worth n trials; what is better than the pool can tell is cut."""
    regrets = [_POOL.expected_regret(n, best=0.0) for n in (2, 30)]

    assert [2.0, 30.0] == pytest.approx([_POOL.equivalent_trials(one, best=0.0) for one in regrets], rel=1e-6)
    assert _POOL.most_trials == _POOL.equivalent_trials(0.0, best=0.0)


def test_the_geometric_mean_of_equivalents_is_per_trial() -> None:
    """An optimiser as good as 40 random trials after 10 has 4."""
    statistic = random_equivalents({"p": _POOL}, {"p": 0.0}, 10)

    regrets = {"p": np.array([[_POOL.expected_regret(40, best=0.0)]])}
    value = statistic(regrets, equally(regrets))

    assert [4.0] == pytest.approx(value.tolist(), rel=0.01)


def test_ties_share_their_ranks() -> None:
    """From 1, by row."""
    assert [[1.5, 1.5, 3.0], [3.0, 2.0, 1.0]] == ranks(np.array([[0.1, 0.1, 0.5], [0.9, 0.5, 0.1]])).tolist()


def test_an_interval_is_around_its_value_and_repeatable() -> None:
    """The same results give the same report."""
    generator = np.random.default_rng(0)
    regrets = {f"p{number}": generator.random((4, 3)) for number in range(6)}

    value, low, high = bootstrap(regrets, mean_rank, draws=200)

    assert np.all((low <= value) & (value <= high))
    assert low.tolist() == bootstrap(regrets, mean_rank, draws=200)[1].tolist()


def test_runs_are_read_back_and_a_torn_line_is_no_run(tmp_path: Path) -> None:
    """Ctrl-C in the middle of writing costs that run, and nothing else."""
    key = RunKey(optimiser="o", version="1", problem="p", problem_version="2", setting="2x1", seed=3)
    run = Run(key=key, observed=[None, 1.0], true=[math.inf, 1.5], cpu=[0.1, 0.2], errors=["no"])
    path = tmp_path / "results.jsonl"
    write(path, run)
    with path.open("a") as file:
        file.write('{"optimiser": "o", "ver')

    assert [run] == list(read(path))


def test_what_is_kept_comes_back_beside_what_was_measured_since(tmp_path: Path) -> None:
    """The same files make the same archive; nothing that is there is written over."""
    measured, later = tmp_path / "measured", tmp_path / "later"
    for path, content in (("results.jsonl", "old"), ("environments/light.json", "{}")):
        (measured / path).parent.mkdir(parents=True, exist_ok=True)
        (measured / path).write_text(content)
    for archive, names in (
        ("a", ["results.jsonl", "environments/light.json"]),
        ("b", ["environments/light.json", "results.jsonl"]),
    ):
        keep(tmp_path / archive, measured, names)
    later.mkdir()
    (later / "results.jsonl").write_text("new")
    unpack(tmp_path / "a", later)
    unpack(tmp_path / "there is none", later)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert "new" == (later / "results.jsonl").read_text()
    assert "{}" == (later / "environments" / "light.json").read_text()


def test_no_problem_is_both_for_choosing_and_for_reporting() -> None:
    """Names are what results are found by, so each is there once."""
    names = [one.name for module in (synthetic, tables) for one in (*module.TUNING, *module.HELD_OUT)]

    assert len(set(names)) == len(names)
    assert {"tuning"} == {one.split.value for module in (synthetic, tables) for one in module.TUNING}
    assert {"held-out"} == {one.split.value for module in (synthetic, tables) for one in module.HELD_OUT}
