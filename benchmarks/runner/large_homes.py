"""What a large study, and a large home, cost: `list`, `show` and a step of the controller beside those of 100 trials.

    .venv/bin/python benchmarks/runner/large_homes.py [--rounds 5]

Three homes are written straight into the store: one study of 100 finished trials, one of 10,000, and ten of 10,000
each. Commands are processes, timed from start to end. The step is one in which a trial has ended, so that the next is
suggested (by Random: the search itself is measured elsewhere), recorded and started on the fake engine, in this
process, after one step that was not timed. Rounds alternate.
"""

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from home_of_fakes import HomeOfFakes  # noqa: E402
from job_requests import ACCURACY, training_request, tuning_request  # noqa: E402

from tuner.engine.fake_container import FakeContainer  # noqa: E402
from tuner.store.sqlite_store import Store  # noqa: E402

STUDY = "study-000"


def train(run: FakeContainer) -> Iterator[None]:
    """One value, then whatever the test says."""
    run.print("validation: accuracy=0.5")
    yield


def value_of(index: int) -> float:
    """What a trial ended with."""
    return (index * 7919 % 9973) / 9973


def fill(home: Path, studies: int, trials: int) -> None:
    """Write a home whose first study goes on, and whose others have ended."""
    database = home / "algodock.db"
    now = 1_700_000_000.0
    with Store(database) as store:
        for study in range(studies):
            request = tuning_request(f"study-{study:03d}", jobs=trials + 1000, parallel=1)
            store.create_tuning_job(request, random_seed=study, now=now)
    with sqlite3.connect(database) as db:
        for study in range(studies):
            names = [f"study-{study:03d}-{index:05d}-abcdefgh" for index in range(1, trials + 1)]
            db.executemany(
                "INSERT INTO training_job (name, request, tuning_job, trial_index, place, tuned, status, exit_code,"
                " creation_time, training_start_time, training_end_time, end_time, objective_status, violation,"
                " minimized) VALUES (?, ?, ?, ?, ?, ?, 'Completed', 0, ?, ?, ?, ?, 'Succeeded', 0, ?)",
                (
                    (
                        name,
                        json.dumps(training_request(name)),
                        f"study-{study:03d}",
                        index,
                        index,
                        json.dumps({"learning_rate": repr(0.001 + index * 4e-5)}),
                        *(now - 1000 + index / 100 + part for part in (0, 0.1, 0.2, 0.3)),
                        -value_of(index),
                    )
                    for index, name in enumerate(names, start=1)
                ),
            )
            db.executemany(
                "INSERT INTO observation (training_job, host, metric, line, match, value, time)"
                " VALUES (?, 'algo-1', ?, 1, 1, ?, ?)",
                ((name, ACCURACY["Name"], value_of(index), now) for index, name in enumerate(names, start=1)),
            )
        db.execute("UPDATE tuning_job SET status = 'Completed', end_time = ? WHERE name <> ?", (now, STUDY))


def command(home: Path, *words: str) -> float:
    """How long a command takes from its start to its end, in seconds."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "tuner", *words],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "ALGODOCK_HOME": str(home), "ALGODOCK_GPUS": ""},
    )
    return time.perf_counter() - began


class Stepped:
    """A home on a fake engine, whose steps are timed."""

    def __init__(self, root: Path) -> None:
        self._home = HomeOfFakes(root, {"image": train})
        self._home.controller.step()

    def step(self) -> float:
        """End the trial that runs, and time the step that starts the next one."""
        home = self._home
        (before,) = (job.name for job in home.store.unfinished_training_jobs())
        home.engine.advance()
        while True:
            home.clock.now += 3
            began = time.perf_counter()
            home.controller.step()
            took = time.perf_counter() - began
            if [job.name for job in home.store.unfinished_training_jobs()] != [before]:
                return took

    def close(self) -> None:
        """End its threads."""
        self._home.close()


def main() -> None:
    """Run all rounds and print a row for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    sizes = {"100 trials": (1, 100), "10,000 in a study": (1, 10_000), "100,000 in a home": (10, 10_000)}
    times: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        homes = {name: Path(folder) / str(number) for number, name in enumerate(sizes)}
        for name, home in homes.items():
            fill(home, *sizes[name])
        stepped = {name: Stepped(home) for name, home in homes.items()}
        for _ in range(rounds):
            for name, home in homes.items():
                row = times.setdefault(name, {"list": [], "show": [], "a step": []})
                row["list"].append(command(home, "list"))
                row["show"].append(command(home, "show", STUDY))
                row["a step"].append(stepped[name].step())
        for one in stepped.values():
            one.close()
    print(f"{rounds} rounds; {os.cpu_count()} CPUs, Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}")
    print(f"{'':<8} {'home':<20} {'median s':>9} {'ratio':>6} {'spread':>12}")
    for what in ("list", "show", "a step"):
        base = times["100 trials"][what]
        for name in sizes:
            ratios = [mine / theirs for mine, theirs in zip(times[name][what], base, strict=True)]
            print(
                f"{what:<8} {name:<20} {statistics.median(times[name][what]):>9.3f} {statistics.median(ratios):>6.2f}"
                f" {min(ratios):>6.2f}-{max(ratios):.2f}"
            )


if __name__ == "__main__":
    main()
