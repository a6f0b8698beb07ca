"""The process of one peer's stopping rule: reads one request a line from stdin, writes one answer a line to stdout.

    python peer_worker.py NAME

    {"op": "start", "type": "Minimize", "epochs": 30, "seed": 1}       a new job
    {"op": "report", "index": 1, "epoch": 1, "value": 0.5}             -> {"stops": false}
    {"op": "finished", "index": 1, "value": 0.2}                       a trial has ended by itself

It runs in the peer's own environment, and imports nothing of ours. All rules have their libraries' defaults.
"""

import importlib
import json
import os
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol


class Peer(Protocol):
    """A library's stopping rule."""

    def start(self, kind: str, epochs: int, seed: int) -> None:
        """A new job."""

    def stops(self, index: int, epoch: int, value: float) -> bool:
        """Whether a trial ends at this value."""

    def finished(self, index: int, value: float) -> None:
        """A trial has ended by itself."""


class OptunaPruner:
    """One of Optuna's pruners."""

    def __init__(self, make: Callable[[Any, int], Any]) -> None:
        self._make = make

    def start(self, kind: str, epochs: int, seed: int) -> None:
        optuna = importlib.import_module("optuna")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        pruner = self._make(optuna.pruners, epochs)
        sampler = optuna.samplers.RandomSampler(seed=seed)
        self._study = optuna.create_study(direction=kind.lower(), pruner=pruner, sampler=sampler)
        self._trials: list[Any] = []
        self._pruned = optuna.trial.TrialState.PRUNED

    def stops(self, index: int, epoch: int, value: float) -> bool:
        trial = self._trial(index)
        trial.report(value, epoch)
        if trial.should_prune():
            self._study.tell(trial, state=self._pruned)
            return True
        return False

    def finished(self, index: int, value: float) -> None:
        self._study.tell(self._trial(index), value)

    def _trial(self, index: int) -> Any:
        while len(self._trials) < index:
            self._trials.append(self._study.ask())
        return self._trials[index - 1]


class SyneTuneAsha:
    """Syne Tune's ASHA, of which only the decisions to stop are taken."""

    def start(self, kind: str, epochs: int, seed: int) -> None:
        space = importlib.import_module("syne_tune.config_space")
        asha = importlib.import_module("syne_tune.optimizer.schedulers.asha")
        self._scheduler = asha.AsynchronousSuccessiveHalving(
            {"x": space.uniform(0, 1)},
            metric="value",
            do_minimize=kind == "Minimize",
            time_attr="epoch",
            max_t=epochs,
            random_seed=seed,
        )
        self._trials: dict[int, Any] = {}

    def stops(self, index: int, epoch: int, value: float) -> bool:
        answer = self._scheduler.on_trial_result(self._trial(index), {"value": value, "epoch": epoch})
        return bool(answer == "STOP")

    def finished(self, index: int, value: float) -> None:
        """Nothing that decides over others."""

    def _trial(self, index: int) -> Any:
        if index not in self._trials:
            make = importlib.import_module("syne_tune.backend.trial_status").Trial
            began = datetime.fromtimestamp(0, tz=UTC)
            self._trials[index] = make(trial_id=index, config={"x": 0.5}, creation_time=began)
            self._scheduler.on_trial_add(self._trials[index])
        return self._trials[index]


PEERS: dict[str, Callable[[], Peer]] = {
    "optuna-median": lambda: OptunaPruner(lambda pruners, _: pruners.MedianPruner()),
    "optuna-asha": lambda: OptunaPruner(lambda pruners, _: pruners.SuccessiveHalvingPruner()),
    "optuna-hyperband": lambda: OptunaPruner(lambda pruners, epochs: pruners.HyperbandPruner(max_resource=epochs)),
    "syne-tune-asha": SyneTuneAsha,
}


def main() -> None:
    """Answer until stdin ends."""
    warnings.simplefilter("ignore")
    peer = PEERS[sys.argv[1]]()
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what a library prints is no answer
        for line in sys.stdin:
            request = json.loads(line)
            answer = {}
            if request["op"] == "start":
                peer.start(request["type"], request["epochs"], request["seed"])
            elif request["op"] == "report":
                answer["stops"] = peer.stops(request["index"], request["epoch"], request["value"])
            else:
                peer.finished(request["index"], request["value"])
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
