"""How long one more suggestion takes after so many observations, and in how much memory. No quality here."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.search.peers import OptimiserProcess
from benchmarks.search.problem import Problem, trial_noise
from benchmarks.search.simulation import Setting
from tuner.search.space import SearchSpace

#: Suggestions after the observations, of which the first does not count; each is told before the next.
_SUGGESTIONS = 3
#: An optimiser that takes longer is not asked with more observations.
_TOO_LONG = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """Seconds by the clock and of one CPU, and the most memory of the process in MiB."""

    observations: int
    wall: float
    cpu: float
    memory: float


def speeds(name: str, problem: Problem, observations: Sequence[int]) -> Iterator[Speed]:
    """After each number of random observations, in a new process each."""
    space = SearchSpace(problem.ranges)
    for count in observations:
        generator = np.random.default_rng(count)
        with OptimiserProcess(name) as process:
            process.start(problem, 1, Setting(trials=count + _SUGGESTIONS, parallel=1))
            for trial in range(1, count + 1):
                configuration = space.sample(generator)
                outcome = problem.evaluate(configuration, trial_noise(problem.name, 1, trial))
                if outcome.observed is not None:
                    process.add(trial, configuration, outcome.observed)
            answers = []
            for trial in range(count + 1, count + 1 + _SUGGESTIONS):
                answer = process.ask(trial)
                if answer.configuration is None:
                    raise ChildProcessError(answer.error)
                answers.append(answer)
                process.tell(trial, problem.evaluate(answer.configuration, generator).observed)
        # Of the first, what was added before is a part: some libraries do their work when they are told.
        later = answers[1:]
        speed = Speed(
            observations=count,
            wall=statistics.median(one.wall for one in later),
            cpu=statistics.median(one.cpu for one in later),
            memory=max(one.memory for one in answers),
        )
        yield speed
        if speed.wall > _TOO_LONG:
            return
