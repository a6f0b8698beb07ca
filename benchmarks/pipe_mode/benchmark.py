"""How fast a Pipe channel is, beside `cat file > fifo` on the same machine in the same minute.

    .venv/bin/python benchmarks/pipe_mode/benchmark.py [--megabytes 2000] [--rounds 7]

Each round feeds the same objects to the same reader (`cat fifo > /dev/null`) twice: by `cat`, and as a channel. Which
comes first alternates. The files are in the page cache, so the disk has no part in it. The memory is what the process
that feeds has used at most beyond what it used before the first byte.
"""

import argparse
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from contracts.channels import Channel, InputMode  # noqa: E402
from contracts.paths import OptMlLayout  # noqa: E402
from tuner.channels.feeds import ChannelFeeds  # noqa: E402


def main() -> None:
    """Measure, and print a table in Markdown."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=7)
    asked = options.parse_args()
    print(machine())
    print()
    print(f"| channel, {asked.rounds} rounds | `cat`, GB/s | channel, GB/s | channel / `cat` | memory, MiB |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for title, files, size in (
            (f"one object of {asked.megabytes / 1000:g} GB", 1, asked.megabytes * 1_000_000),
            (f"{asked.megabytes * 5} objects of 20 kB", asked.megabytes * 5, 20_000),
        ):
            source = Path(folder) / str(files)
            write(source, files, size)
            print(f"| {title} | {measure(source, Path(folder) / 'job', files * size, asked.rounds)} |", flush=True)


def write(folder: Path, files: int, size: int) -> None:
    """So many files of random bytes."""
    folder.mkdir()
    block = random.Random(0).randbytes(1_000_000)
    for number in range(files):
        with (folder / f"{number:07d}").open("wb") as file:
            for _ in range(size // len(block)):
                file.write(block)
            file.write(block[: size % len(block)])


def measure(source: Path, job: Path, size: int, rounds: int) -> str:
    """The cells of one row: medians, and the least and the most."""
    rates: dict[str, list[float]] = {"cat": [], "channel": []}
    memory = 0.0
    by_cat(source, job)  # everything is in the page cache, and both have had their first time
    by_channel(source, job)
    for number in range(rounds):
        for name in ("cat", "channel") if number % 2 else ("channel", "cat"):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            seconds = by_cat(source, job) if name == "cat" else by_channel(source, job)
            memory = max(memory, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
            rates[name].append(size / seconds / 1e9)
    ratios = [channel / cat for channel, cat in zip(rates["channel"], rates["cat"], strict=True)]
    return " | ".join([spread(rates["cat"]), spread(rates["channel"]), spread(ratios), f"{memory:.1f}"])


def spread(values: list[float]) -> str:
    """Median, and the range around it."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def by_cat(source: Path, job: Path) -> float:
    """Seconds that ``cat`` takes."""
    fifo = job.with_suffix(".fifo")
    os.mkfifo(fifo)
    seconds = timed_reading(
        fifo,
        lambda: subprocess.run(
            f"find {source} -type f -print0 | sort -z | xargs -0 cat > {fifo}", shell=True, check=True
        ),
    )
    fifo.unlink()
    return seconds


def by_channel(source: Path, job: Path) -> float:
    """Seconds that a channel takes: one epoch, the listing of its objects included."""
    layout = OptMlLayout(job)
    layout.data.mkdir(parents=True, exist_ok=True)
    fifo = layout.channel_fifo("train", 0)
    os.mkfifo(fifo)
    channel = Channel(name="train", uri=f"file://{source}", input_mode=InputMode.PIPE)
    (job / "feeds" / "train").unlink(missing_ok=True)
    feeds = ChannelFeeds([channel], layout, job / "feeds", threading.Event())
    seconds = timed_reading(fifo, feeds.start)
    feeds.close()
    for left in layout.data.iterdir():
        left.unlink()
    return seconds


def timed_reading(fifo: Path, start: Callable[[], object]) -> float:
    """Seconds from `start`, which may return at once or at the end, until the reader has seen the end."""
    begin = time.perf_counter()
    with subprocess.Popen(f"exec cat {fifo} > /dev/null", shell=True) as reader:
        start()
        reader.wait()
    return time.perf_counter() - begin


def machine() -> str:
    """What was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return (
        f"{os.cpu_count()} x {models[0] if models else platform.machine()}, Linux {platform.release()},"
        f" Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start"
    )


if __name__ == "__main__":
    main()
