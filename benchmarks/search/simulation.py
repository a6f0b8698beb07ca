"""A tuning job in simulated time: so many trials, so many at a time, each as long as its number says.

Which trial ends when depends on the problem, the seed and the trial's number alone: every optimiser meets the same
order of completion, and a run can be repeated on any machine.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from benchmarks.search.problem import Outcome, Problem, trial_noise, trial_seconds
from tuner.search.space import SearchSpace


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """How many trials a run has, and how many of them run at a time."""

    trials: int
    parallel: int

    @property
    def name(self) -> str:
        """As it is written on the command line, "30x2"."""
        return f"{self.trials}x{self.parallel}"

    @classmethod
    def parse(cls, text: str) -> "Setting":
        """The setting that is called so."""
        trials, parallel = text.split("x")
        return cls(trials=int(trials), parallel=int(parallel))


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """What an optimiser answered; an `error` where it could not; seconds; the most memory so far, in MiB."""

    configuration: Mapping[str, str] | None
    error: str | None
    wall: float
    cpu: float
    memory: float = 0.0


class Client(Protocol):
    """An optimiser, seen from here."""

    def start(self, problem: Problem, seed: int, setting: Setting) -> None:
        """A new study."""
        ...

    def ask(self, trial: int) -> Suggestion:
        """The configuration of a trial."""
        ...

    def tell(self, trial: int, value: float | None) -> None:
        """What came of it."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One trial of a run: when it ended, what it gave, and what its suggestion took."""

    trial: int
    ended: float
    outcome: Outcome
    suggestion: Suggestion


def simulate(
    client: Client,
    problem: Problem,
    seed: int,
    setting: Setting,
    evaluate: Callable[[Problem, int, int, Mapping[str, str]], Outcome] | None = None,
) -> list[Step]:
    """The trials of a run in the order in which they ended.

    Where an optimiser fails, or suggests what is not in the space, the trial is a random one, and says so.
    """
    evaluated = evaluate or measured
    space = SearchSpace(problem.ranges)
    client.start(problem, seed, setting)
    running: list[tuple[float, int, Outcome, Suggestion]] = []
    steps: list[Step] = []
    now, asked = 0.0, 0
    while len(steps) < setting.trials:
        while len(running) < setting.parallel and asked < setting.trials:
            asked += 1
            suggestion = client.ask(asked)
            configuration = suggestion.configuration
            if configuration is None or not space.contains(configuration):
                reason = suggestion.error or f"not in the space: {configuration}"
                configuration = space.sample(trial_noise(problem.name, seed, -asked % 2**31))
                suggestion = Suggestion(
                    configuration=configuration, error=reason, wall=suggestion.wall, cpu=suggestion.cpu
                )
            outcome = evaluated(problem, seed, asked, configuration)
            end = now + trial_seconds(problem.name, seed, asked)
            heapq.heappush(running, (end, asked, outcome, suggestion))
        now, trial, outcome, suggestion = heapq.heappop(running)
        client.tell(trial, outcome.observed)
        steps.append(Step(trial=trial, ended=now, outcome=outcome, suggestion=suggestion))
    return steps


def measured(problem: Problem, seed: int, trial: int, configuration: Mapping[str, str]) -> Outcome:
    """What the trial gives, with the noise that belongs to its number."""
    return problem.evaluate(configuration, trial_noise(problem.name, seed, trial))
