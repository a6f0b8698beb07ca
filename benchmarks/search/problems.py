"""All problems, and how random search does on them."""

from pathlib import Path

import numpy as np

from benchmarks.search import synthetic, tables, training
from benchmarks.search.analysis import RandomPool
from benchmarks.search.peers import BUILD, digest
from benchmarks.search.problem import Problem, Split, trial_noise
from tuner.search.space import SearchSpace

_HERE = Path(__file__).parent

PROBLEMS: dict[str, Problem] = {
    problem.name: problem for module in (synthetic, training, tables) for problem in (*module.TUNING, *module.HELD_OUT)
}


def of_split(split: Split) -> list[Problem]:
    """The problems of one half of the split."""
    return [problem for problem in PROBLEMS.values() if problem.split is split]


def version_of(problem: Problem) -> str:
    """Changes with the sources that say what a problem is."""
    for module in (synthetic, training, tables):
        if problem in (*module.TUNING, *module.HELD_OUT):
            return digest([Path(str(module.__file__)), _HERE / "problem.py"])
    raise KeyError(problem.name)


def random_pool(problem: Problem) -> RandomPool:
    """So many random trials of a problem as it asks for; made once, and kept."""
    path = BUILD / "pools" / f"{problem.name}-{problem.pool}-{version_of(problem)}.npz"
    if not path.is_file():
        space = SearchSpace(problem.ranges)
        generator = np.random.default_rng(2**20)
        outcomes = [
            problem.evaluate(space.sample(generator), trial_noise(problem.name, 2**20, number))
            for number in range(problem.pool)
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            observed=[np.inf if one.observed is None else one.observed for one in outcomes],
            true=[one.true for one in outcomes],
        )
    with np.load(path) as kept:
        return RandomPool(observed=kept["observed"], true=kept["true"])
