"""The searches that are compared by the epochs they spend: ours as they ship, and peers in processes of their own."""

import json
import math
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.early_stopping.spending import Asked, Searcher
from benchmarks.early_stopping.tables import Table
from benchmarks.search.peers import ROOT, environment_of_threads, python_of
from benchmarks.search.worker import range_to_json
from contracts.early_stopping import ForecastStopping
from contracts.jobs import ObjectiveStatus
from contracts.tuning import Hyperband
from tuner.search.comparable import Run, forecasts
from tuner.search.early_stopping import Report
from tuner.search.goal import Goal
from tuner.search.learning_curves import Course
from tuner.search.stopping_report import Rule, forecast_rule, hyperband_rule, median_rule
from tuner.search.strategy import make_strategy, trial_generator
from tuner.search.trials import Trial


def _never(_: Mapping[int, Course], __: int, ___: int) -> bool:
    return False


class OurSearcher:
    """A strategy with a rule that stops; with `forecasts`, stopped trials have what they would have come to."""

    def __init__(self, table: Table, seed: int, strategy: str, rule: Rule, *, with_forecasts: bool = True) -> None:
        self._table, self._seed, self._rule = table, seed, rule
        self._goal = Goal(objective_type=table.type)
        self._strategy = make_strategy(strategy, self._goal)
        self._with_forecasts = with_forecasts
        self._configurations: dict[int, Mapping[str, str]] = {}
        self._courses: dict[int, Course] = {}
        self._curves: dict[int, list[Report]] = {}
        self._stopped: dict[int, bool] = {}

    def ask(self, run: int) -> Asked:
        """A new configuration, to its end."""
        configuration = self._strategy.suggest(self._table.space, self._trials(), trial_generator(self._seed, run))
        assert configuration is not None
        self._configurations[run], self._curves[run] = configuration, []
        self._courses[run] = Course(curve=self._curves[run])
        return Asked(configuration=configuration)

    def report(self, run: int, epoch: int, value: float, now: float) -> bool:  # noqa: ARG002 - an epoch is a printed value
        """What the rule says."""
        self._curves[run].append(Report(now, value))
        return self._rule(self._courses, run, len(self._curves[run]))

    def ended(self, run: int, now: float, *, stopped: bool) -> None:
        """Remembered."""
        self._stopped[run] = stopped
        if not stopped:
            self._courses[run] = Course(curve=self._curves[run], finished=now)

    def _trials(self) -> list[Trial]:
        runs = {
            number: Run(values=[report.value for report in self._curves[number]], is_cut_short=stopped)
            for number, stopped in self._stopped.items()
        }
        expected = forecasts(runs, self._table.type) if self._with_forecasts else {}
        return [
            Trial(
                index=number,
                configuration=configuration,
                status=self._status(number),
                objective=self._curves[number][-1].value if self._curves[number] else None,
                forecast=expected.get(number),
            )
            for number, configuration in self._configurations.items()
        ]

    def _status(self, number: int) -> ObjectiveStatus:
        if number not in self._stopped:
            return ObjectiveStatus.PENDING
        return ObjectiveStatus.SUCCEEDED if self._curves[number] else ObjectiveStatus.FAILED


class PeerSearcher:
    """A library in its own environment; a run without a number is told as the worst value so far."""

    def __init__(self, table: Table, seed: int, name: str, environment: str, parallel: int) -> None:
        worker = Path(__file__).with_name("peer_searcher.py")
        if not python_of(environment).is_file():
            raise FileNotFoundError(environment)
        self._sign = table.type.sign
        self._worst = 1.0
        self._process = subprocess.Popen(
            [str(python_of(environment)), str(worker), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment_of_threads(),
            text=True,
        )
        ranges = [range_to_json(one) for one in table.ranges]
        self._exchange(op="start", ranges=ranges, seed=seed, epochs=table.epochs, parallel=parallel)
        self._last: dict[int, float] = {}

    def ask(self, run: int) -> Asked:
        """The library's."""
        return Asked(**self._exchange(op="ask", run=run))

    def report(self, run: int, epoch: int, value: float, now: float) -> bool:  # noqa: ARG002 - peers have no clock
        """What the library says."""
        self._last[run] = self._sign * value
        self._worst = max(self._worst, self._sign * value)
        return bool(self._exchange(op="report", run=run, epoch=epoch, value=self._sign * value)["stops"])

    def ended(self, run: int, now: float, *, stopped: bool) -> None:  # noqa: ARG002 - peers have no clock
        """Told."""
        value = self._last.get(run, math.nan)
        self._exchange(op="ended", run=run, value=value if math.isfinite(value) else self._worst, stopped=stopped)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _exchange(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError("the peer's process ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _ours(strategy: str, rule: str, *, with_forecasts: bool = True) -> Callable[[Table, int, int], Searcher]:
    def make(table: Table, seed: int, parallel: int) -> Searcher:
        del parallel
        rules: Mapping[str, Rule] = {
            "none": _never,
            "median": median_rule(table.objective),
            "forecast": forecast_rule(ForecastStopping(), table.objective),
            "Hyperband": hyperband_rule(Hyperband(least=1, most=table.epochs), table.objective),
        }
        return OurSearcher(table, seed, strategy, rules[rule], with_forecasts=with_forecasts)

    return make


def _peer(name: str, environment: str) -> Callable[[Table, int, int], Searcher]:
    return lambda table, seed, parallel: PeerSearcher(table, seed, name, environment, parallel)


#: All searches by name; each is made for a table, a seed, and so many runs at a time.
SEARCHERS: Mapping[str, Callable[[Table, int, int], Searcher]] = {
    "Random": _ours("Random", "none"),
    "Bayesian": _ours("Bayesian", "none"),
    "Bayesian, forecast": _ours("Bayesian", "forecast"),
    "Bayesian, Auto": _ours("Bayesian", "median"),
    "Bayesian, Auto, last values": _ours("Bayesian", "median", with_forecasts=False),
    "Hyperband": _ours("Random", "Hyperband"),
    "Hyperband, Bayesian": _ours("Bayesian", "Hyperband"),
    "Hyperband, Bayesian, last values": _ours("Bayesian", "Hyperband", with_forecasts=False),
    "smac-hyperband": _peer("smac-hyperband", "light"),
    "optuna-tpe-hyperband": _peer("optuna-tpe-hyperband", "light"),
    "syne-tune-bohb": _peer("syne-tune-bohb", "torch"),
}
