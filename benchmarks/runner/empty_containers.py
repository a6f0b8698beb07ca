"""What running through Algodock costs: a tuning job of empty containers against the tightest loop over docker-py.

    .venv/bin/python benchmarks/runner/empty_containers.py [--containers 60] [--at-once 4] [--rounds 5]

Both are processes of their own, timed from their start to their end: the loop imports docker-py, `algodock tune` reads
and validates a job file, writes a store, a log, a report. Rounds alternate, so that a change of the machine's load
meets both alike. `algodock tune` runs twice a round: as it comes, and with the network isolation off, which the loop
does not have either and which is the engine's work, not the runner's.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import docker

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from command_line import write_job  # noqa: E402
from job_requests import tuning_request  # noqa: E402
from shell_image import import_shell_image  # noqa: E402

LOOP = Path(__file__).with_name("bare_loop.py")


def seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """How long a command takes from its start to its end; a failure of it ends the benchmark."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment})
    return time.perf_counter() - began


def tuned(image: str, containers: int, at_once: int, folder: Path, profile: str) -> float:
    """The same containers as the trials of one tuning job, in a new home with `profile`."""
    (folder / "home").mkdir()
    (folder / "home" / "algodock.toml").write_text(profile)
    job = write_job(folder / "job.yaml", tuning_request(image=image, jobs=containers, parallel=at_once))
    environment = {"ALGODOCK_HOME": str(folder / "home"), "ALGODOCK_GPUS": ""}
    return seconds([sys.executable, "-m", "tuner", "tune", job], environment)


def main() -> None:
    """Run all rounds and print a row for each way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--containers", type=int, default=60)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    api = docker.APIClient()
    image = import_shell_image(api, "algodock-benchmark/empty", "1", 'echo "validation: accuracy=0.5"', labels={})
    loop = [sys.executable, str(LOOP), image, str(options.containers), str(options.at_once)]
    ways: dict[str, list[float]] = {"algodock tune": [], "algodock tune, no network isolation": []}
    bare: list[float] = []
    profiles = ["", 'isolation_off = ["network"]\n']
    try:
        for _ in range(options.rounds):
            bare.append(seconds(loop, {}))
            for times, profile in zip(ways.values(), profiles, strict=True):
                with tempfile.TemporaryDirectory() as folder:
                    times.append(tuned(image, options.containers, options.at_once, Path(folder), profile))
    finally:
        api.remove_image(image, force=True)
    version = api.version()
    print(
        f"{options.containers} containers, {options.at_once} at once, {options.rounds} rounds; {os.cpu_count()} CPUs,"
    )
    print(f"engine {version['Version']}, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")
    print(f"{'way':<38} {'median s':>9} {'ratio':>6} {'spread':>13}")
    print(f"{'docker-py loop':<38} {statistics.median(bare):>9.2f} {1:>6.2f}")
    for way, times in ways.items():
        ratios = [mine / theirs for mine, theirs in zip(times, bare, strict=True)]
        print(
            f"{way:<38} {statistics.median(times):>9.2f} {statistics.median(ratios):>6.2f}"
            f" {min(ratios):>6.2f}-{max(ratios):.2f}"
        )


if __name__ == "__main__":
    main()
