"""The process of one peer's multi-fidelity search: reads one request a line from stdin, writes one answer to stdout.

    python peer_searcher.py NAME

    {"op": "start", "ranges": [...], "seed": 1, "epochs": 30, "parallel": 4}   a search; values are to be made small
    {"op": "ask", "run": 1}                     -> {"configuration": {...}, "on_with": null, "until": 3}
    {"op": "report", "run": 1, "epoch": 1, "value": 0.5}                       -> {"stops": false}
    {"op": "ended", "run": 1, "value": 0.2, "stopped": true}

It runs in the peer's own environment. All have their libraries' defaults, with one epoch at least and all at most.
"""

import importlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.search.optimisers.study import Axis, Study, axes
from benchmarks.search.worker import range_from_json

Answer = dict[str, Any]


class Peer(Protocol):
    """A library's search."""

    def ask(self, run: int) -> Answer:
        """What is run."""

    def report(self, run: int, epoch: int, value: float) -> bool:
        """Whether a run is stopped at a value."""

    def ended(self, run: int, value: float, *, stopped: bool) -> None:
        """A run has ended."""


class SmacHyperband:
    """SMAC3's multi-fidelity facade: Hyperband's intensifier, and a random forest that suggests."""

    def __init__(self, study: Study, epochs: int) -> None:
        smac = importlib.import_module("smac")
        smac_forest = importlib.import_module("benchmarks.search.optimisers.smac_forest")
        self._told = importlib.import_module("smac.runhistory.dataclasses").TrialValue
        self._axes = axes(study)
        self._folder = tempfile.TemporaryDirectory()
        space = importlib.import_module("ConfigSpace").ConfigurationSpace(seed=study.seed)
        space.add([smac_forest.hyperparameter(axis) for axis in self._axes])
        scenario = smac.Scenario(
            space,
            n_trials=100_000,
            deterministic=True,
            seed=study.seed,
            min_budget=1,
            max_budget=epochs,
            output_directory=Path(self._folder.name),
        )
        self._facade = smac.MultiFidelityFacade(scenario, _never_called, overwrite=True, logging_level=False)
        self._asked: dict[int, Any] = {}

    def ask(self, run: int) -> Answer:
        self._asked[run] = asked = self._facade.ask()
        configuration = dict(asked.config)
        earlier = [number for number, other in self._asked.items() if number != run and other.config == asked.config]
        return {
            "configuration": {axis.name: axis.text(configuration[axis.name]) for axis in self._axes},
            "on_with": max(earlier, default=None),
            "until": round(asked.budget),
        }

    def report(self, run: int, epoch: int, value: float) -> bool:
        del run, epoch, value
        return False

    def ended(self, run: int, value: float, *, stopped: bool) -> None:
        del stopped
        self._facade.tell(self._asked[run], self._told(cost=value))


def _never_called(configuration: object, seed: int = 0, budget: float = 0) -> float:
    raise NotImplementedError(f"runs are asked for and told: {configuration}, {seed}, {budget}")


class OptunaHyperband:
    """Optuna's TPESampler with its HyperbandPruner; it is told of every epoch."""

    def __init__(self, study: Study, epochs: int) -> None:
        optuna = importlib.import_module("optuna")
        samplers = importlib.import_module("benchmarks.search.optimisers.optuna_samplers")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=study.seed),
            pruner=optuna.pruners.HyperbandPruner(max_resource=epochs),
        )
        self._axes = axes(study)
        self._distributions = {axis.name: samplers.distribution(axis) for axis in self._axes}
        self._trials: dict[int, Any] = {}
        self._pruned = optuna.trial.TrialState.PRUNED

    def ask(self, run: int) -> Answer:
        self._trials[run] = trial = self._study.ask(self._distributions)
        return {"configuration": {axis.name: axis.text(trial.params[axis.name]) for axis in self._axes}}

    def report(self, run: int, epoch: int, value: float) -> bool:
        self._trials[run].report(value, epoch)
        return bool(self._trials[run].should_prune())

    def ended(self, run: int, value: float, *, stopped: bool) -> None:
        if stopped:
            self._study.tell(self._trials[run], state=self._pruned)
        else:
            self._study.tell(self._trials[run], value)


class SyneTuneBohb:
    """Syne Tune's BOHB: asynchronous successive halving, and kernel densities that suggest."""

    def __init__(self, study: Study, epochs: int) -> None:
        baselines = importlib.import_module("syne_tune.optimizer.baselines")
        spaces = importlib.import_module("syne_tune.config_space")
        self._axes = axes(study)
        self._make_trial = importlib.import_module("syne_tune.backend.trial_status").Trial
        self._scheduler = baselines.BOHB(
            {axis.name: _domain(spaces, axis) for axis in self._axes},
            metric="value",
            time_attr="epoch",
            max_t=epochs,
            random_seed=study.seed,
        )
        self._trials: dict[int, Any] = {}
        self._epochs: dict[int, int] = {}

    def ask(self, run: int) -> Answer:
        configuration = self._scheduler.suggest().config
        began = datetime.fromtimestamp(0, tz=UTC)
        self._trials[run] = self._make_trial(trial_id=run, config=configuration, creation_time=began)
        self._scheduler.on_trial_add(self._trials[run])
        return {"configuration": {axis.name: axis.text(configuration[axis.name]) for axis in self._axes}}

    def report(self, run: int, epoch: int, value: float) -> bool:
        self._epochs[run] = epoch
        answer = self._scheduler.on_trial_result(self._trials[run], {"value": value, "epoch": epoch})
        return bool(answer == "STOP")

    def ended(self, run: int, value: float, *, stopped: bool) -> None:
        if not stopped:
            epoch = self._epochs.get(run, 1)
            self._scheduler.on_trial_complete(self._trials[run], {"value": value, "epoch": epoch})


def _domain(spaces: Any, axis: Axis) -> Any:
    if axis.texts:
        return spaces.choice(list(axis.texts))
    if axis.is_integer:
        make = spaces.lograndint if axis.is_logarithmic else spaces.randint
        return make(int(axis.low), int(axis.high))
    return (spaces.loguniform if axis.is_logarithmic else spaces.uniform)(axis.low, axis.high)


PEERS: dict[str, Callable[[Study, int], Peer]] = {
    "smac-hyperband": SmacHyperband,
    "optuna-tpe-hyperband": OptunaHyperband,
    "syne-tune-bohb": SyneTuneBohb,
}


def main() -> None:
    """Answer until stdin ends."""
    warnings.simplefilter("ignore")
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what a library prints is no answer
        for line in sys.stdin:
            request = json.loads(line)
            answer: Answer = {}
            match request["op"]:
                case "start":
                    ranges = tuple(range_from_json(one) for one in request["ranges"])
                    study = Study(ranges=ranges, seed=request["seed"], trials=1000, parallel=request["parallel"])
                    peer = PEERS[sys.argv[1]](study, request["epochs"])
                case "ask":
                    answer = peer.ask(request["run"])
                case "report":
                    answer = {"stops": peer.report(request["run"], request["epoch"], request["value"])}
                case _:
                    peer.ended(request["run"], request["value"], stopped=request["stopped"])
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
