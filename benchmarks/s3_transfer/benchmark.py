"""How fast a channel in S3 comes to this host, beside ``aws s3 cp --recursive`` on the same machine in the same run.

    .venv/bin/python benchmarks/s3_transfer/benchmark.py [--objects 2000] [--large-mib 1024] [--rounds 5]

S3 is a small server of files on the loopback, in a process of its own. Both sides are new processes each time, as
commands are, and take turns. The memory is the most that the fetching process used.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Prints its largest memory in KiB.
FETCH = """
import resource, sys, threading
from pathlib import Path
from contracts.channels import Channel
from tuner.channels.fetching import fetch
fetch(Channel(name="c", uri=sys.argv[1]), cache=Path(sys.argv[2]), progress=lambda d, t: None,
      called_off=threading.Event())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
ACCOUNT = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark", "AWS_DEFAULT_REGION": "us-east-1"}
SMALL_BYTES = 10_000


def main() -> None:
    """Measure, and print a table in Markdown."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--objects", type=int, default=2000)
    options.add_argument("--large-mib", type=int, default=1024)
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"\n| channel, {asked.rounds} rounds | fetch, s | `aws s3 cp`, s | fetch / aws | again, s | memory, MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "objects", asked.objects, asked.large_mib)
        command = [sys.executable, str(Path(__file__).with_name("file_server.py")), f"{folder}/objects"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            environment = {**os.environ, **ACCOUNT, "AWS_ENDPOINT_URL_S3": server.stdout.readline().strip()}
            for title, name in (
                (f"{asked.objects} objects of {SMALL_BYTES // 1000} kB", "small"),
                (f"one object of {asked.large_mib} MiB", "large"),
            ):
                row = measure(f"s3://benchmark/{name}/", Path(folder) / "target", environment, asked.rounds)
                print(f"| {title} | {row} |", flush=True)
            server.kill()


def write(folder: Path, count: int, large_mib: int) -> None:
    """Small objects and a large one."""
    for name in ("small", "large"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        (folder / "small" / f"{number:06}").write_bytes(os.urandom(SMALL_BYTES))
    with (folder / "large" / "one").open("wb") as file:
        for _ in range(large_mib):
            file.write(os.urandom(1 << 20))


def measure(uri: str, target: Path, environment: dict[str, str], rounds: int) -> str:
    """The medians of both, taking turns."""
    fetch = [sys.executable, "-c", FETCH, uri, str(target)]
    copy = ["aws", "s3", "cp", "--recursive", "--only-show-errors", uri, str(target)]
    ours, theirs, again, memory = [], [], [], []
    for _ in range(rounds):
        shutil.rmtree(target, ignore_errors=True)
        took, kibibytes = seconds(fetch, environment)
        ours.append(took)
        again.append(seconds(fetch, environment)[0])
        memory.append(int(kibibytes) / 1024)
        shutil.rmtree(target)
        theirs.append(seconds(copy, environment)[0])
    ratios = sorted(mine / other for mine, other in zip(ours, theirs, strict=True))
    return (
        f"{statistics.median(ours):.1f} | {statistics.median(theirs):.1f} |"
        f" {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {statistics.median(again):.1f} |"
        f" {max(memory):.0f}"
    )


def seconds(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """How long `command` takes, and what it prints."""
    begin = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - begin, done.stdout.strip()


if __name__ == "__main__":
    main()
