"""The stopping rules that are compared: ours as they ship, and other libraries' in processes of their own."""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.search.peers import environment_of_threads, python_of
from contracts.early_stopping import ForecastStopping
from contracts.metrics import Objective, ObjectiveType
from contracts.tuning import Hyperband
from tuner.search.learning_curves import Course
from tuner.search.stopping_report import Rule, forecast_rule, hyperband_rule, median_rule


class OurRule:
    """A rule that ships; `make` gets the objective and the most epochs of a trial."""

    def __init__(self, make: Callable[[Objective, int], Rule]) -> None:
        self._make = make

    def start(self, objective_type: str, epochs: int, seed: int) -> None:
        """A new tuning job."""
        del seed
        self._rule = self._make(Objective(type=ObjectiveType(objective_type), metric_name="objective"), epochs)

    def stops(self, courses: dict[int, Course], index: int, epoch: int) -> bool:
        """Whether trial `index` ends at its value number `epoch`."""
        return self._rule(courses, index, epoch)

    def finished(self, courses: dict[int, Course], index: int) -> None:
        """Nothing: the courses tell."""


class PeerRule:
    """A library's rule in its own environment."""

    def __init__(self, name: str, environment: str) -> None:
        worker = Path(__file__).with_name("peer_worker.py")
        self._process = subprocess.Popen(
            [str(python_of(environment)), str(worker), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment_of_threads(),
            text=True,
        )

    def start(self, objective_type: str, epochs: int, seed: int) -> None:
        """A new tuning job."""
        self._ask({"op": "start", "type": objective_type, "epochs": epochs, "seed": seed})

    def stops(self, courses: dict[int, Course], index: int, epoch: int) -> bool:
        """Whether trial `index` ends at its value number `epoch`."""
        value = courses[index].curve[epoch - 1].value
        return bool(self._ask({"op": "report", "index": index, "epoch": epoch, "value": value})["stops"])

    def finished(self, courses: dict[int, Course], index: int) -> None:
        """A trial has ended by itself; one that never printed a number is not told of."""
        if courses[index].curve:
            self._ask({"op": "finished", "index": index, "value": courses[index].curve[-1].value})

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def _forecast(rate: float) -> Callable[[], OurRule]:
    stopping = ForecastStopping(false_stop_rate=rate)
    return lambda: OurRule(lambda objective, _: forecast_rule(stopping, objective))


#: All rules by name.
STOPPERS: Mapping[str, Callable[[], OurRule | PeerRule]] = {
    "none": lambda: OurRule(lambda *_: lambda *_: False),
    "median (Auto)": lambda: OurRule(lambda objective, _: median_rule(objective)),
    "Hyperband": lambda: OurRule(lambda objective, epochs: hyperband_rule(Hyperband(least=1, most=epochs), objective)),
    "forecast, 5 %": _forecast(0.05),
    "forecast, 15 %": _forecast(0.15),
    "forecast, 30 %": _forecast(0.3),
    "optuna-median": lambda: PeerRule("optuna-median", "light"),
    "optuna-asha": lambda: PeerRule("optuna-asha", "light"),
    "optuna-hyperband": lambda: PeerRule("optuna-hyperband", "light"),
    "syne-tune-asha": lambda: PeerRule("syne-tune-asha", "torch"),
}
