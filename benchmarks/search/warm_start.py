"""What a search gains from an earlier one: trials until it is where a search without a parent is after 30.

A parent is a search by ours, 30 trials, 2 at a time, on another problem with the same ranges:

related     another data set of the same benchmark; or the formula itself with its optimum moved by 8 % of each range
            of numbers and its values in another unit, where there is only one
misleading  the same problem with the objective's sign turned, so that the best of the parent is the worst; or mirrored
            in the middle of every range

All are told as transfer learning, not as identical. Problems keep to their half of the split: no parent of a tuning
task is a held-out problem.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search import analysis, problems, results
from benchmarks.search.analysis import Array
from benchmarks.search.problem import Problem, Split
from benchmarks.search.relatives import inverted, mirrored, shifted
from benchmarks.search.simulation import Setting, Step, Suggestion, simulate
from contracts.jobs import ObjectiveStatus
from contracts.metrics import ObjectiveType
from tuner.search.goal import Goal
from tuner.search.space import SearchSpace
from tuner.search.strategy import make_strategy, trial_generator
from tuner.search.trials import Parent, Trial

#: The trials of a parent and of a cold run; a misled run gets ten more, to see what it costs.
TRIALS, MISLED_TRIALS = 30, 40
_PARALLEL = 2
#: So far are the seeds of a parent from those of the search that learns from it: they share no first trials.
_OTHER_SEEDS = 1000


class Relation(StrEnum):
    """What a parent is to a task."""

    RELATED = "related"
    MISLEADING = "misleading"


@dataclass(frozen=True, kw_only=True)
class Task:
    """A problem, and the problem that its parent searched; `kind` says how that was made."""

    target: Problem
    parent: Problem
    relation: Relation
    kind: str

    @property
    def name(self) -> str:
        """As results are found by it."""
        return f"{self.target.name}<-{self.parent.name}"


#: Target and parent, by half of the split.
_PAIRS = {
    Split.TUNING: (
        ("hpobench-car", "hpobench-kc1"),
        ("hpobench-vehicle-linear", "hpobench-credit_g-linear"),
        ("hpolib-protein", "hpolib-naval"),
    ),
    Split.HELD_OUT: (
        ("hpobench-segment", "hpobench-australian"),
        ("hpobench-phoneme-linear", "hpobench-blood_transfusion-linear"),
        ("hpolib-slice", "hpolib-parkinsons"),
        ("nasbench-imagenet", "nasbench-cifar100"),
        ("sgd-digits", "sgd-wine"),
        ("svm-digits", "svm-cancer"),
    ),
}
_SHIFTED = {Split.TUNING: ("rosenbrock-4", "mixed-6"), Split.HELD_OUT: ("hartmann-6", "mixed-8")}
_INVERTED = {
    Split.TUNING: ("hpobench-car", "mixed-6", "rosenbrock-4"),
    Split.HELD_OUT: ("hpobench-segment", "hpolib-slice", "hartmann-6", "mixed-8"),
}
_MIRRORED = {
    Split.TUNING: ("hpobench-vehicle-linear", "training-like", "ackley-10"),
    Split.HELD_OUT: ("hpobench-phoneme-linear", "svm-digits", "hartmann-6", "edge-5"),
}


def tasks_of(split: Split) -> list[Task]:
    """The tasks of one half of the split."""
    known = problems.PROBLEMS
    related = [
        Task(target=known[one], parent=known[other], relation=Relation.RELATED, kind="other data")
        for one, other in _PAIRS[split]
    ]
    related += [
        Task(target=known[one], parent=shifted(known[one]), relation=Relation.RELATED, kind="moved")
        for one in _SHIFTED[split]
    ]
    misleading = [
        Task(target=known[one], parent=made(known[one]), relation=Relation.MISLEADING, kind=kind)
        for kind, names, made in (("sign turned", _INVERTED, inverted), ("mirrored", _MIRRORED, mirrored))
        for one in names[split]
    ]
    return [*related, *misleading]


class BayesianClient:
    """Our Bayesian strategy with parents, asked and told in this process."""

    def __init__(self, parents: Sequence[Parent] = ()) -> None:
        self._strategy = make_strategy("Bayesian", Goal(objective_type=ObjectiveType.MINIMIZE), parents=tuple(parents))
        self.trials: dict[int, Trial] = {}
        self._seed = 0
        self._space = SearchSpace(())

    def start(self, problem: Problem, seed: int, setting: Setting) -> None:  # noqa: ARG002 - as the protocol has it
        """A new study."""
        self._space, self._seed, self.trials = SearchSpace(problem.ranges), seed, {}

    def ask(self, trial: int) -> Suggestion:
        """The strategy's suggestion."""
        history = [self.trials[number] for number in sorted(self.trials)]
        begin, begin_cpu = time.perf_counter(), time.process_time()
        configuration = self._strategy.suggest(self._space, history, trial_generator(self._seed, trial))
        wall, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
        if configuration is None:
            return Suggestion(configuration=None, error="the space is exhausted", wall=wall, cpu=cpu)
        self.trials[trial] = Trial(index=trial, configuration=configuration)
        return Suggestion(configuration=configuration, error=None, wall=wall, cpu=cpu)

    def tell(self, trial: int, value: float | None) -> None:
        """Failed, or succeeded with a value."""
        status = ObjectiveStatus.FAILED if value is None else ObjectiveStatus.SUCCEEDED
        self.trials[trial] = replace(self.trials[trial], status=status, objective=value)


def search(problem: Problem, seed: int, trials: int, parents: Sequence[Parent] = ()) -> tuple[list[Step], Parent]:
    """A run, and what it is to a later one."""
    client = BayesianClient(parents)
    steps = simulate(client, problem, seed, Setting(trials=trials, parallel=_PARALLEL))
    ended = tuple(client.trials[number] for number in sorted(client.trials))
    return steps, Parent(name=problem.name, trials=ended, is_identical=False)


def run(path: Path, split: Split, version: str, seeds: Sequence[int]) -> Iterator[str]:
    """Run what is not in the file yet: each target without a parent, and each task; says what is done."""
    there = {_key(entry) for entry in results.entries(path)}
    tasks = tasks_of(split)
    whose = {"split": split.value, "version": version}
    for seed in seeds:
        for target in {task.target.name: task.target for task in tasks}.values():
            entry = whose | _entry(target, "cold", "", seed)
            if _key(entry) not in there:
                steps, _ = search(target, seed, TRIALS)
                results.append(path, entry | _outcomes(steps))
                yield f"{target.name} seed {seed}, cold"
        for task in tasks:
            entry = whose | _entry(task.target, task.name, task.relation.value, seed)
            if _key(entry) not in there:
                _, parent = search(task.parent, seed + _OTHER_SEEDS, TRIALS)
                trials = TRIALS if task.relation is Relation.RELATED else MISLED_TRIALS
                steps, _ = search(task.target, seed, trials, [parent])
                results.append(path, entry | _outcomes(steps))
                yield f"{task.name} seed {seed}, {task.relation.value}"


def _entry(target: Problem, name: str, relation: str, seed: int) -> dict[str, Any]:
    return {
        "problem_version": problems.version_of(target),
        "target": target.name,
        "name": name,
        "relation": relation,
        "seed": seed,
    }


def _key(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(entry[name] for name in ("split", "version", "problem_version", "target", "name", "seed"))


def _outcomes(steps: Sequence[Step]) -> dict[str, Any]:
    return {
        "observed": [step.outcome.observed for step in steps],
        "true": [step.outcome.true if np.isfinite(step.outcome.true) else None for step in steps],
        "cpu": round(sum(step.suggestion.cpu for step in steps), 3),
    }


@dataclass(frozen=True, kw_only=True)
class TaskFigures:
    """Of one task, or of all of a relation: mean regrets by trial, and the first trial that reaches the cold run's.

    `until` is None where it is never reached; its interval counts that as one more trial than there are.
    """

    name: str
    kind: str
    seeds: int
    cold: Array
    with_parent: Array
    until: int | None
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class WarmStartFigures:
    """By relation: all tasks together, and each."""

    versions: tuple[str, ...]
    together: dict[Relation, TaskFigures]
    tasks: dict[Relation, list[TaskFigures]]


def figures(path: Path, split: Split, versions: Sequence[str]) -> WarmStartFigures | None:
    """The figures of the first of these versions that has results; None where none has."""
    for version in versions:
        found = [
            one
            for one in results.entries(path)
            if one["version"] == version and one["split"] == split.value and _is_of_today(one)
        ]
        if found:
            return _figures(found, tasks_of(split), version)
    return None


def _is_of_today(entry: Mapping[str, Any]) -> bool:
    problem = problems.PROBLEMS.get(entry["target"])
    return problem is not None and entry["problem_version"] == problems.version_of(problem)


def _figures(found: Sequence[Mapping[str, Any]], tasks: Sequence[Task], version: str) -> WarmStartFigures | None:
    best = {task.target.name: problems.random_pool(task.target).best for task in tasks}
    for entry in found:
        known = [value for value in entry["true"] if value is not None]
        best[entry["target"]] = min(best[entry["target"]], *known)
    curves = {
        (entry["target"], entry["name"], entry["seed"]): analysis.regret(
            analysis.values_taken_home(
                entry["observed"], [np.inf if value is None else value for value in entry["true"]]
            ),
            best[entry["target"]],
            problems.random_pool(problems.PROBLEMS[entry["target"]]).median,
        )
        for entry in found
    }
    pairs: dict[Relation, dict[str, Array]] = {relation: {} for relation in Relation}
    kinds = {task.name: task.kind for task in tasks}
    for task in tasks:
        target = task.target.name
        rows = [
            _beside(curves[target, "cold", seed], curve)
            for (_, name, seed), curve in curves.items()
            if name == task.name and (target, "cold", seed) in curves
        ]
        if rows:
            pairs[task.relation][task.name] = np.array(rows)
    together = {relation: _task_figures("all", "", by_task) for relation, by_task in pairs.items() if by_task}
    single = {
        relation: [_task_figures(name, kinds[name], {name: rows}) for name, rows in by_task.items()]
        for relation, by_task in pairs.items()
    }
    return WarmStartFigures(versions=(version,), together=together, tasks=single) if together else None


def _beside(cold: Array, other: Array) -> Array:
    """(2, trials): the cold run, which may be shorter, goes on with what it has at its end."""
    longer = np.concatenate([cold, np.full(max(len(other) - len(cold), 0), cold[-1])])
    return np.array([longer[: len(other)], other])


def _task_figures(name: str, kind: str, by_task: Mapping[str, Array]) -> TaskFigures:
    def statistic(sample: analysis.Regrets, weights: analysis.Weights) -> Array:
        cold, other = analysis.mean_regret(sample, weights)
        until = analysis.trials_until(other, float(cold[TRIALS - 1]))
        return np.array([len(other) + 1 if until is None else until], dtype=float)

    _, low, high = analysis.bootstrap(by_task, statistic)
    cold, other = np.mean([rows.mean(0) for rows in by_task.values()], axis=0)
    return TaskFigures(
        name=name,
        kind=kind,
        seeds=min(len(rows) for rows in by_task.values()),
        cold=cold[:TRIALS],
        with_parent=other,
        until=analysis.trials_until(other, float(cold[TRIALS - 1])),
        interval=(float(low[0]), float(high[0])),
    )
