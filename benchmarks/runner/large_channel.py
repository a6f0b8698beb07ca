"""What a `file://` channel of 10 GB costs: nothing is copied. A training job with it beside one with a few bytes.

    .venv/bin/python benchmarks/runner/large_channel.py [--rounds 3]

The file is sparse, so that it takes no room where the benchmark runs; the container says how large it sees it. What the
home takes on the disk afterwards is counted in blocks.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import docker

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from command_line import write_job  # noqa: E402
from job_requests import channel, training_request  # noqa: E402
from shell_image import import_shell_image  # noqa: E402

SIZES = {"a few bytes": 10, "10 GB": 10_000_000_000}
SCRIPT = 'echo "validation: accuracy=$(stat -c %s /opt/ml/input/data/training/data.bin)"'


def run(image: str, size: int, folder: Path) -> tuple[float, float]:
    """One job with a channel of `size` bytes: the seconds it takes, and the MB that its home takes afterwards."""
    data, home = folder / "data", folder / "home"
    data.mkdir()
    with (data / "data.bin").open("wb") as file:
        file.truncate(size)
    job = write_job(folder / "job.yaml", training_request(image=image, InputDataConfig=[channel("training", data)]))
    environment = {**os.environ, "ALGODOCK_HOME": str(home), "ALGODOCK_GPUS": ""}
    began = time.perf_counter()
    said = subprocess.run(
        [sys.executable, "-m", "tuner", "train", job], check=True, capture_output=True, text=True, env=environment
    ).stdout
    took = time.perf_counter() - began
    if f"accuracy={size}" not in said:
        raise SystemExit(f"the container did not see {size} bytes:\n{said}")
    return took, sum(path.lstat().st_blocks * 512 for path in home.rglob("*")) / 1e6


def main() -> None:
    """Run all rounds and print a row for each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    api = docker.APIClient()
    image = import_shell_image(api, "algodock-benchmark/channel", "1", SCRIPT, labels={})
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in SIZES}
    try:
        for _ in range(rounds):
            for name, size in SIZES.items():
                with tempfile.TemporaryDirectory() as folder:
                    results[name].append(run(image, size, Path(folder)))
    finally:
        api.remove_image(image, force=True)
    for name, of_size in results.items():
        took, megabytes = (statistics.median(values) for values in zip(*of_size, strict=True))
        print(f"{name:<12} {took:6.2f} s  {megabytes:6.2f} MB in the home")


if __name__ == "__main__":
    main()
