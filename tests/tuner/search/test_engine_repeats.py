"""What a search suggests depends on its history and seed alone: not on the process, nor on how many threads it has."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numpy.random import default_rng

from contracts.jobs import ObjectiveStatus
from contracts.metrics import ObjectiveType
from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ScalingType,
)
from tuner.search.goal import Goal
from tuner.search.space import SearchSpace
from tuner.search.strategy import make_strategy, trial_generator
from tuner.search.trials import Trial

_ROOT = Path(__file__).parents[3]
#: By number of trials: the first, some, and enough for a library of linear algebra to share the work among threads.
_COUNTS = (0, 12, 40, 300)

SPACE = SearchSpace(
    (
        *(ContinuousParameterRange(name=f"x{number}", min_value=-1.0, max_value=1.0) for number in range(4)),
        ContinuousParameterRange(name="rate", min_value=1e-5, max_value=1.0, scaling_type=ScalingType.LOGARITHMIC),
        IntegerParameterRange(name="depth", min_value=1, max_value=9),
        CategoricalParameterRange(name="optimizer", values=("sgd", "adam", "rms")),
    )
)


def history(count: int) -> list[Trial]:
    """Trials with values, two of the last still running, and a failure now and then."""
    generator = default_rng(count)
    trials = []
    for index in range(1, count + 1):
        configuration = SPACE.sample(generator)
        value = sum(float(configuration[f"x{number}"]) ** 2 for number in range(4)) + math.sin(index) / 20
        status = ObjectiveStatus.FAILED if index % 9 == 0 else ObjectiveStatus.SUCCEEDED
        if index > count - 2:
            status = ObjectiveStatus.PENDING
        objective = value if status is ObjectiveStatus.SUCCEEDED else None
        trials.append(Trial(index=index, configuration=configuration, status=status, objective=objective))
    return trials


def suggestions() -> list[dict[str, str]]:
    """The next configuration after each of the histories."""
    strategy = make_strategy("Bayesian", Goal(objective_type=ObjectiveType.MINIMIZE))
    found = [strategy.suggest(SPACE, history(count), trial_generator(7, count + 1)) for count in _COUNTS]
    return [dict(one or {}) for one in found]


@pytest.fixture(scope="module")
def here() -> list[dict[str, str]]:
    """What this process suggests."""
    return suggestions()


@pytest.mark.parametrize("threads", [1, 4])
def test_another_process_with_so_many_threads_suggests_the_same(threads: int, here: list[dict[str, str]]) -> None:
    """A job goes on after a restart, on whatever machine, as if there had been none; hashes of texts are new, too."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads)), "PYTHONHASHSEED": str(threads)}
    environment["PYTHONPATH"] = str(_ROOT)
    program = subprocess.run(
        [sys.executable, __file__], env=environment, cwd=_ROOT, capture_output=True, text=True, check=True, timeout=240
    )

    assert here == json.loads(program.stdout)


def test_a_strategy_remembers_nothing_from_one_call_to_the_next(here: list[dict[str, str]]) -> None:
    """One object, asked for other jobs in between, suggests what a new one does."""
    strategy = make_strategy("Bayesian", Goal(objective_type=ObjectiveType.MINIMIZE))
    for count, expected in reversed(list(zip(_COUNTS, here, strict=True))):
        assert expected == strategy.suggest(SPACE, history(count), trial_generator(7, count + 1))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(suggestions()))
