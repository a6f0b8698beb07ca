"""How fast the log of a container comes from the engine into the store, beside `docker logs` of the same container.

    .venv/bin/python benchmarks/logs/benchmark.py reading [--lines 5000000] [--rounds 3]
    .venv/bin/python benchmarks/logs/benchmark.py latency [--containers 32] [--seconds 20]

`reading`: a container has printed so many lines; three regular expressions, a line in a thousand has their numbers, the
ledger is written. Each round reads the log with `docker logs CONTAINER > file` and through the product, in turns. The
product reads it twice, for the second reading is the proof that nothing is missing: both rates are told.

`latency`: containers that print 1,000 lines a second each, a number in each fiftieth; from the engine's timestamp of a
line to the commit of the transaction that has its number, while all of them print.
"""

import argparse
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from docker import APIClient  # noqa: E402
from shell_image import import_shell_image  # noqa: E402

from contracts.jobs import JobKind  # noqa: E402
from contracts.metrics import MetricDefinition  # noqa: E402
from tuner.engine.docker_engine import DockerEngine  # noqa: E402
from tuner.engine.protocol import ContainerSpec, ContainerStatus  # noqa: E402
from tuner.jobs.activity import Activity  # noqa: E402
from tuner.jobs.background import EngineThreads  # noqa: E402
from tuner.jobs.hosts import RunningHost, RunningHosts, take_in_logs  # noqa: E402
from tuner.jobs.log_intake import LogIntake  # noqa: E402
from tuner.jobs.log_record import LogRecord  # noqa: E402
from tuner.store.ledger_table import LedgerEntry  # noqa: E402
from tuner.store.records import Observation  # noqa: E402
from tuner.store.sqlite_store import Store  # noqa: E402

DEFINITIONS = [MetricDefinition(name=name, regex=rf"{name}=([0-9.]+)") for name in ("accuracy", "loss", "rate")]
PRINTS = """
exec awk 'BEGIN { for (i = 1; i <= LINES; i++)
  if (i % 1000 == 0)
    printf "[epoch %d] validation: accuracy=%.4f loss=%.4f rate=0.001\\n", i / 1000, i / LINES, 1 - i / LINES
  else printf "2026-11-24 05:41:17 INFO step %d of the training loop did something\\n", i }'
"""
#: Waits until it is told to begin, so that all print at the same time.
CHATS = """
go=; trap 'go=yes' USR1
while [ -z "$go" ]; do usleep 50000; done
i=0
while [ $i -lt LINES ]; do
  awk -v i=$i 'BEGIN { for (j = 1; j <= 50; j++) print "step", i + j, "of the loop"; print "accuracy=0.5" }'
  i=$((i + 50)); usleep 50000
done
"""


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["reading", "latency"])
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--containers", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, DockerEngine() as engine:
        if asked.what == "reading":
            reading(engine, Path(folder), asked.lines, asked.rounds)
        else:
            latency(engine, Path(folder), asked.containers, asked.seconds)


def container_of(engine: DockerEngine, script: str, name: str) -> str:
    """A container that runs `script`, created."""
    image = import_shell_image(APIClient(), "algodock-benchmark/logs", "1", script, labels={})
    return engine.create(ContainerSpec(name=name, image=image, arguments=("train",), environment={}, labels={}))


def intake_of(engine: DockerEngine, store: Store, log_file: Path, container: str, activity: Activity) -> LogIntake:
    """The intake of a training job's only container; the job is called as its log file is."""
    job = log_file.name
    store.create_training_job({"TrainingJobName": job}, now=time.time())
    record = LogRecord(
        store, kind=JobKind.TRAINING, job=job, host="algo-1", container=container, definitions=DEFINITIONS
    )
    return LogIntake(engine=engine, container_id=container, log_file=log_file, activity=activity, record=record)


def reading(engine: DockerEngine, folder: Path, lines: int, rounds: int) -> None:
    """Time both ways of reading one log, in turns."""
    container = container_of(engine, PRINTS.replace("LINES", str(lines)), "algodock-benchmark-logs")
    try:
        engine.start(container)
        while engine.state(container).status is not ContainerStatus.EXITED:
            time.sleep(0.5)
        store = Store(folder / "db")
        rows = []
        for number in range(rounds):
            begin = time.monotonic()
            with (folder / "docker").open("wb") as file:
                subprocess.run(["docker", "logs", container], stdout=file, check=True)
            theirs = time.monotonic() - begin
            once, twice = read_through(engine, store, folder, f"job-{number}", container)
            rows.append((theirs / once, theirs / twice, theirs))
            size = (folder / "docker").stat().st_size
            speed = size / theirs / 1e6
            print(f"round {number + 1}: docker logs {speed:.2f} MB/s, once {once:.1f} s, twice {twice:.1f} s")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print("| what | median of its rate / rate of `docker logs` | least to greatest |\n| --- | --- | --- |")
        for name, ratios in (("read once", [row[0] for row in rows]), ("read and proven", [row[1] for row in rows])):
            print(f"| {name} | {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |")
        print(f"memory of the process at most: {memory:.0f} MiB")
    finally:
        engine.remove(container)


def read_through(engine: DockerEngine, store: Store, folder: Path, job: str, container: str) -> tuple[float, float]:
    """How long the product takes to have all of a log in the store, and to have proven it, in seconds."""
    begin = time.monotonic()
    intake = intake_of(engine, store, folder / job, container, Activity())
    while not intake.stream_has_ended:
        time.sleep(0.05)
        intake.take_in()
    intake.take_in()
    once = time.monotonic() - begin
    while not intake.finish():
        pass
    twice = time.monotonic() - begin
    intake.close()
    (entry,) = store.ledger(JobKind.TRAINING, job)
    assert entry.is_read_back
    assert entry.gaps == 0
    return once, twice


class TimedStore(Store):
    """Tells of each number that it remembers: when the engine had it, and how long ago that was after the commit."""

    def __init__(self, path: Path) -> None:
        self._found: list[Observation] = []
        self.delays: list[tuple[float, float]] = []
        super().__init__(path)

    def record_log(self, entry: LedgerEntry, observations: Iterable[Observation]) -> None:
        """As the store does."""
        found = list(observations)
        self._found += found
        super().record_log(entry, found)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        is_outermost = not self._db.in_transaction
        with super()._transaction() as db:
            yield db
        if is_outermost:
            found, self._found, now = self._found, [], time.time()
            self.delays += [(one.time, now - one.time) for one in found]


def latency(engine: DockerEngine, folder: Path, number: int, seconds: int) -> None:
    """Time each number from the engine's clock to the store, as the controller follows containers."""
    script = CHATS.replace("LINES", str(1000 * seconds))
    containers = [container_of(engine, script, f"algodock-benchmark-logs-{index}") for index in range(number)]
    store, activity = TimedStore(folder / "db"), Activity()
    try:
        with ThreadPoolExecutor(16) as executor:
            threads = EngineThreads(executor=executor, activity=activity)
            jobs: dict[str, RunningHosts] = {}
            for index, container in enumerate(containers):
                engine.start(container)
                intake = intake_of(engine, store, folder / f"job-{index}", container, activity)
                member = RunningHost(name="algo-1", container_id=container, intake=intake)
                jobs[f"job-{index}"] = RunningHosts(engine, [member], threads)
            for container in containers:
                engine.signal(container, "SIGUSR1")
            begin = time.time()
            while not all(hosts.have_ended for hosts in jobs.values()):
                take_in_logs(store, jobs.values())
                for hosts in jobs.values():
                    hosts.follow(time.time())
                activity.pause(0.4)
            ends = [member.exit.finished_at for hosts in jobs.values() for member in hosts.members if member.exit]
            end = min(one for one in ends if one is not None)
        delays = sorted(delay for moment, delay in store.delays if begin < moment < end)
        entries = [entry for job in jobs for entry in store.ledger(JobKind.TRAINING, job)]
        lines = sum(entry.lines for entry in entries)
        print(f"{number} containers, {lines:,} lines; all printed for {end - begin:.0f} s: {len(delays):,} numbers")
        print("| median | p99 | greatest | gaps |\n| --- | --- | --- | --- |")
        p99 = delays[int(len(delays) * 0.99)]
        print(
            f"| {statistics.median(delays):.2f} s | {p99:.2f} s | {delays[-1]:.2f} s | {sum(e.gaps for e in entries)} |"
        )
    finally:
        for container in containers:
            engine.remove(container)


if __name__ == "__main__":
    main()
