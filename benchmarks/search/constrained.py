"""How good a configuration is found that keeps bounds on other metrics: ours and peers, on problems with constraints.

    PYTHON -m benchmarks.search.constrained run NAME RESULTS --seeds 10 [--split tuning] [--label old]
    PYTHON -m benchmarks.search.constrained report RESULTS

`NAME` is algodock, random or optuna-gp; PYTHON that of the environment in which it is at home (see `catalogue`).
30 trials, 2 at a time, ending in turn. What counts is the noiseless objective of the best trial whose printed metrics
keep their bounds: regret is 0 for the best that anybody found, 1 for the median of random configurations that do, and
for whoever has found none.
"""

import argparse
import importlib
import json
import math
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

import numpy as np

from benchmarks.search.problem import LOGARITHMIC, Configuration, Split, numbered, real, reals, text, whole
from contracts.ranges import ParameterRange
from contracts.search_extension import MetricConstraint, total_violation
from tuner.search.space import SearchSpace

TRIALS, PARALLEL = 30, 2
_AFTER = (10, 20, 30)
#: Random configurations by which a regret of 1 is found.
_POOL = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What a configuration gives: the objective, to be made small, and the metrics that have bounds."""

    objective: float
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConstrainedProblem:
    """A problem with bounds. `noise` are the standard deviations of the objective and of the metrics' logarithms."""

    name: str
    split: Split
    ranges: tuple[ParameterRange, ...]
    constraints: tuple[MetricConstraint, ...]
    evaluate: Callable[[Configuration], Measured]
    noise: tuple[float, float] = (0.0, 0.0)

    def observe(self, configuration: Configuration, seed: int, trial: int) -> Measured:
        """What trial number `trial` of a seed prints: the same noise whoever suggested it."""
        true, generator = (
            self.evaluate(configuration),
            np.random.default_rng([zlib.crc32(self.name.encode()), seed, trial]),
        )
        objective = true.objective + self.noise[0] * float(generator.standard_normal())
        factors = np.exp(self.noise[1] * generator.standard_normal(len(true.metrics)))
        metrics = {
            name: value * float(factor) for (name, value), factor in zip(true.metrics.items(), factors, strict=True)
        }
        return Measured(objective=objective, metrics=metrics)

    def keeps(self, metrics: Mapping[str, float]) -> bool:
        """Whether metrics keep the bounds."""
        return total_violation(self.constraints, metrics) == 0


def _numbers(configuration: Configuration) -> Any:
    return np.array([float(configuration[name]) for name in sorted(configuration, key=lambda one: (len(one), one))])


def _most(name: str, maximum: float) -> MetricConstraint:
    return MetricConstraint(metric_name=name, maximum=maximum)


def _cut(configuration: Configuration) -> Measured:
    """A bowl whose middle is too slow: latency grows by orders of magnitude."""
    x = _numbers(configuration)
    away = x - np.array([0.8, 0.75, 0.3, 0.6])
    latency = math.exp(1.2 + 3 * x[0] + 2.2 * x[1] - 0.8 * x[2] + 0.4 * math.sin(6 * x[3]))
    return Measured(objective=float(away**2 @ np.array([2.0, 1.5, 1.0, 0.5])), metrics={"latency": latency})


def _rare(configuration: Configuration) -> Measured:
    """Twenty-one of twenty-two configurations break the bound."""
    x = _numbers(configuration)
    away = x - np.array([0.75, 0.2, 0.7, 0.35])
    objective = float(x @ np.array([1.0, -0.6, 0.8, 0.3])) + 0.2 * math.sin(7 * x[0] * x[1])
    return Measured(objective=objective, metrics={"error": float((away**2).sum())})


def _net(configuration: Configuration) -> Measured:
    """Error of a network that has to be small and fast: texts, integers, orders of magnitude."""
    layers, width, batch = (int(configuration[name]) for name in ("layers", "width", "batch"))
    rate, kind = math.log10(float(configuration["learning_rate"])), configuration["block"]
    capacity = math.log2(layers * width) / 12 + {"plain": 0.0, "residual": 0.15, "dense": 0.25}[kind]
    best_rate = -2.6 - 0.05 * layers + 0.3 * math.log10(batch / 32)
    error = 0.6 * math.exp(-2 * capacity) + 0.05 * (rate - best_rate) ** 2 + 0.02 * abs(math.log2(batch / 64))
    cost = {"plain": 1.0, "residual": 1.25, "dense": 2.2}[kind] * layers * width**1.5
    return Measured(
        objective=error,
        metrics={"latency": cost * 2e-3 / batch**0.3 + 0.5, "memory": 0.1 * layers * width + 2.0 * batch},
    )


def _gramacy(configuration: Configuration) -> Measured:
    """Gramacy et al., "Modeling an augmented Lagrangian for blackbox constrained optimization" (2016), figure 1."""
    x, y = _numbers(configuration)
    first = 1.5 - x - 2 * y - 0.5 * math.sin(2 * math.pi * (x**2 - 2 * y))
    return Measured(objective=float(x + y), metrics={"first": first, "second": float(x**2 + y**2 - 1.5)})


def _vessel(configuration: Configuration) -> Measured:
    """The cost of a pressure vessel: Sandgren, "Nonlinear integer and discrete programming" (1990)."""
    shell, head = int(configuration["shell"]) * 0.0625, int(configuration["head"]) * 0.0625
    radius, length = float(configuration["radius"]), float(configuration["length"])
    cost = 0.6224 * shell * radius * length + 1.7781 * head * radius**2
    cost += 3.1661 * shell**2 * length + 19.84 * shell**2 * radius
    volume = math.pi * radius**2 * length + 4 / 3 * math.pi * radius**3
    return Measured(
        objective=math.log(cost),
        metrics={"strain": 0.0193 * radius / shell, "bulge": 0.00954 * radius / head, "volume": volume},
    )


def _hartmann(configuration: Configuration) -> Measured:
    """Hartmann's six dimensions, the vector no longer than 1: Letham et al., Bayesian Analysis 14 (2019)."""
    synthetic = importlib.import_module("benchmarks.search.synthetic")
    x = _numbers(configuration)
    objective = synthetic.hartmann(configuration, np.random.default_rng(0)).true
    return Measured(objective=objective, metrics={"length": float(np.sqrt((x**2).sum()))})


def _forest(configuration: Configuration) -> Measured:
    """A model that must not be worse than a recall, nor larger than what fits: the larger, the better its recall."""
    trees, depth = int(configuration["trees"]), int(configuration["depth"])
    share, rate = float(configuration["share"]), math.log10(float(configuration["rate"]))
    recall = 1 - 0.5 * math.exp(-depth / 5) - 0.3 / math.sqrt(trees / 10) - 0.1 * (share - 0.4) ** 2
    size = trees * 2 ** min(depth, 14) * 1e-3
    loss = 0.2 + 0.4 * math.exp(-depth / 4) + 0.002 * depth + 0.05 * (rate + 1.5 + 0.3 * math.log10(trees)) ** 2
    return Measured(objective=loss + 0.1 * (share - 0.7) ** 2, metrics={"recall": recall, "size": size})


_UNIT = reals(numbered("x", 4), 0, 1)
_NET = (
    whole("layers", 1, 24),
    whole("width", 8, 512, LOGARITHMIC),
    whole("batch", 8, 512, LOGARITHMIC),
    real("learning_rate", 1e-5, 1, LOGARITHMIC),
    text("block", "plain", "residual", "dense"),
)
_FOREST = (
    whole("trees", 10, 1000, LOGARITHMIC),
    whole("depth", 2, 20),
    real("share", 0.1, 1),
    real("rate", 1e-3, 1, LOGARITHMIC),
)
PROBLEMS = (
    ConstrainedProblem(
        name="cut-4", split=Split.TUNING, ranges=_UNIT, constraints=(_most("latency", 20),), evaluate=_cut
    ),
    ConstrainedProblem(
        name="rare-4", split=Split.TUNING, ranges=_UNIT, constraints=(_most("error", 0.105),), evaluate=_rare
    ),
    ConstrainedProblem(
        name="net-5",
        split=Split.TUNING,
        ranges=_NET,
        constraints=(_most("latency", 12), _most("memory", 200)),
        evaluate=_net,
    ),
    ConstrainedProblem(
        name="noisy-cut-4",
        split=Split.TUNING,
        ranges=_UNIT,
        constraints=(_most("latency", 20),),
        evaluate=_cut,
        noise=(0.02, 0.1),
    ),
    ConstrainedProblem(
        name="gramacy-2",
        split=Split.HELD_OUT,
        ranges=reals(numbered("x", 2), 0, 1),
        constraints=(_most("first", 0), _most("second", 0)),
        evaluate=_gramacy,
    ),
    ConstrainedProblem(
        name="vessel-4",
        split=Split.HELD_OUT,
        ranges=(whole("shell", 1, 99), whole("head", 1, 99), real("radius", 10, 200), real("length", 10, 240)),
        constraints=(_most("strain", 1), _most("bulge", 1), MetricConstraint(metric_name="volume", minimum=1_296_000)),
        evaluate=_vessel,
    ),
    ConstrainedProblem(
        name="hartmann-6",
        split=Split.HELD_OUT,
        ranges=reals(numbered("x", 6), 0, 1),
        constraints=(_most("length", 1),),
        evaluate=_hartmann,
    ),
    ConstrainedProblem(
        name="noisy-forest-4",
        split=Split.HELD_OUT,
        ranges=_FOREST,
        constraints=(MetricConstraint(metric_name="recall", minimum=0.84), _most("size", 400)),
        evaluate=_forest,
        noise=(0.01, 0.02),
    ),
)


class Peer(Protocol):
    """Asked for a configuration, and told what came of it."""

    def ask(self, trial: int) -> Mapping[str, str]:
        """The configuration of trial number `trial`."""
        ...

    def tell(self, trial: int, measured: Measured) -> None:
        """What it printed."""
        ...


def run(problem: ConstrainedProblem, peer: Peer, seed: int) -> list[dict[str, Any]]:
    """The trials in the order in which they ended: each ends when the next but one is to begin."""
    running: list[tuple[int, Mapping[str, str]]] = []
    steps: list[dict[str, Any]] = []
    for trial in range(1, TRIALS + PARALLEL + 1):
        if len(running) == PARALLEL or trial > TRIALS:
            ended, configuration = running.pop(0)
            seen, true = problem.observe(configuration, seed, ended), problem.evaluate(configuration).objective
            peer.tell(ended, seen)
            steps.append({"observed": seen.objective, "keeps": bool(problem.keeps(seen.metrics)), "true": true})
        if trial <= TRIALS:
            running.append((trial, dict(peer.ask(trial))))
    return steps


def taken_home(steps: Sequence[Mapping[str, Any]]) -> float:
    """The noiseless objective of what looks best of those that keep the bounds; infinite where none does."""
    kept = [step for step in steps if step["keeps"]]
    return min(kept, key=lambda step: float(step["observed"]))["true"] if kept else math.inf


def _pool(problem: ConstrainedProblem) -> list[float]:
    space = SearchSpace(problem.ranges)
    generator = np.random.default_rng(1)
    drawn = [problem.evaluate(space.decode(point)) for point in space.draw(_POOL, generator)]
    return sorted(one.objective for one in drawn if problem.keeps(one.metrics))


def _report(path: Path) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    names = sorted({line["name"] for line in lines})
    for split in Split:
        totals: dict[str, dict[int, list[float]]] = {}
        for problem in [one for one in PROBLEMS if one.split is split]:
            runs = {
                name: [one for one in lines if (one["name"], one["problem"]) == (name, problem.name)] for name in names
            }
            pool = _pool(problem)
            best = min(
                [
                    pool[0],
                    *(step["true"] for some in runs.values() for one in some for step in one["steps"] if step["keeps"]),
                ]
            )
            middle = pool[len(pool) // 2]
            print(f"{problem.name}: {len(pool) / _POOL:.1%} keep the bounds, best {best:.4f}, median {middle:.4f}")
            for name, some in runs.items():
                if not some:
                    continue
                cells = []
                for after in _AFTER:
                    found = [taken_home(one["steps"][:after]) for one in some]
                    regrets = [min(1.0, (value - best) / (middle - best)) for value in found]
                    totals.setdefault(name, {}).setdefault(after, []).append(fmean(regrets))
                    missing = sum(map(math.isinf, found))
                    error = float(np.std(regrets)) / math.sqrt(len(regrets))
                    cells.append(f"{fmean(regrets):.3f} ±{error:.3f}" + (f" ({missing} none)" if missing else ""))
                seconds = fmean(one["seconds"] for one in some)
                print(f"  {name:<12} {len(some):>3} seeds  " + "   ".join(cells) + f"   {seconds:.2f} s")
        for name, by_trials in totals.items():
            print(f"{split} mean  {name:<12} " + "  ".join(f"{fmean(by_trials[after]):.4f}" for after in _AFTER))


def _make(name: str, problem: ConstrainedProblem, seed: int) -> Peer:
    library = "optuna" if name == "optuna-gp" else "algodock"
    module = importlib.import_module(f"benchmarks.search.optimisers.{library}_constrained")
    made: Peer = module.make(name, problem, seed)
    return made


def main() -> None:
    """Run one optimiser, or print what the runs found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("name")
    running.add_argument("results", type=Path)
    running.add_argument("--seeds", type=int, default=10)
    running.add_argument("--split", type=Split)
    running.add_argument("--label")
    commands.add_parser("report").add_argument("results", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "report":
        _report(arguments.results)
        return
    warnings.simplefilter("ignore")
    label = arguments.label or arguments.name
    there = arguments.results.read_text().splitlines() if arguments.results.exists() else []
    done = {(line["name"], line["problem"], line["seed"]) for line in map(json.loads, there)}
    for seed in range(1, arguments.seeds + 1):
        for problem in PROBLEMS:
            if arguments.split not in (None, problem.split) or (label, problem.name, seed) in done:
                continue
            begin = time.process_time()
            steps = run(problem, _make(arguments.name, problem, seed), seed)
            seconds = (time.process_time() - begin) / TRIALS
            line = {"name": label, "problem": problem.name, "seed": seed, "seconds": seconds, "steps": steps}
            with arguments.results.open("a") as results:
                results.write(json.dumps(line) + "\n")
            print(label, problem.name, seed, f"{seconds:.2f} s", taken_home(steps), file=sys.stderr)


if __name__ == "__main__":
    main()
