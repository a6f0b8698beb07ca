"""Requests a second, times of answer and memory of the reference image, beside the same model in bare flask.

    .venv/bin/python benchmarks/serving/compare.py MODEL_FOLDER [--seconds 5] [--rounds 3]

Both run in the same image, with as many gunicorn workers as this machine has processors and one thread each that
computes; the bare one with gunicorn's own ``sync`` workers. Rounds alternate, so that a change of the machine's load
meets both. The clients run on the same machine and take their share of it from both alike.
"""

import argparse
import http.client
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker.models.containers import Container

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import cifar10_files  # noqa: E402

IMAGE = "algodock/cifar10:cpu"
PORT = 8080
OK = 200
BARE = Path(__file__).with_name("bare_application.py")
READY_SECONDS = 120


@dataclass
class Contender:
    """A container that serves, and the seconds that each of its answers took."""

    name: str
    container: Container
    port: int
    times: list[float] = field(default_factory=list)

    def memory(self) -> float:
        """What its processes hold, in megabytes (10^6 bytes), without the files that the kernel keeps for them."""
        shares = self.container.stats(stream=False)["memory_stats"]["stats"]
        return float(shares.get("anon", shares.get("total_rss", 0))) / 1e6


@contextmanager
def serving(client: docker.DockerClient, model: Path, *, bare: bool) -> Iterator[Contender]:
    """A container that serves `model`, ready and warm."""
    volumes = {str(model): {"bind": "/opt/ml/model", "mode": "ro"}, str(BARE): {"bind": "/bare/bare_application.py"}}
    workers = str(os.cpu_count() or 1)
    command = ["-m", "gunicorn", "--bind", f"0.0.0.0:{PORT}", "--workers", workers, "bare_application:application"]
    container = client.containers.run(
        IMAGE,
        command if bare else ["-m", "container", "serve"],
        entrypoint="python3",
        working_dir="/bare",
        environment={"OMP_NUM_THREADS": "1"},
        volumes=volumes,
        ports={f"{PORT}/tcp": ("127.0.0.1", None)},
        labels={"algodock.benchmark": "serving"},
        detach=True,
    )
    try:
        container.reload()
        port = int(container.ports[f"{PORT}/tcp"][0]["HostPort"])
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready(port):
            if time.monotonic() > deadline:
                raise SystemExit(container.logs().decode())
            time.sleep(0.2)
        measure(port, clients=16, seconds=2)  # all workers have computed once
        yield Contender("bare" if bare else "reference", container, port)
    finally:
        container.remove(force=True)


def is_ready(port: int) -> bool:
    """Whether a ping is answered 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_SECONDS)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def measure(port: int, *, clients: int, seconds: float) -> list[float]:
    """Seconds of each answer, of `clients` that ask one after the other for `seconds`."""
    times: list[float] = []
    end = time.monotonic() + seconds
    body = cifar10_files.png(cifar10_files.made_up_images(1)[0][0])

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_SECONDS)
        while (started := time.monotonic()) < end:
            connection.request("POST", "/invocations", body, {"Content-Type": "image/png"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != OK:
                raise SystemExit(f"{answer.status} {answer.reason}")
            times.append(time.monotonic() - started)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    client = docker.from_env()
    model = asked.model.resolve()
    with serving(client, model, bare=False) as reference, serving(client, model, bare=True) as bare:
        for clients in (1, 16):
            before = {contender.name: contender.memory() for contender in (reference, bare)}
            for contender in (reference, bare) * asked.rounds:
                contender.times += measure(contender.port, clients=clients, seconds=asked.seconds)
            for contender in (reference, bare):
                report(contender, clients, asked.seconds * asked.rounds, before[contender.name])
                contender.times.clear()


def report(contender: Contender, clients: int, seconds: float, memory_before: float) -> None:
    """Print a line about what was measured with so many clients."""
    times = contender.times
    print(
        f"{clients:2} clients  {contender.name:9}  {len(times):6} requests  {len(times) / seconds:6.1f} a second  "
        f"median {statistics.median(times) * 1e3:5.1f} ms  p99 {statistics.quantiles(times, n=100)[98] * 1e3:5.1f} ms  "
        f"memory {memory_before:.0f} MB before, {contender.memory():.0f} MB after"
    )


if __name__ == "__main__":
    main()
