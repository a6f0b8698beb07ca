"""The private engine that accepts GPU requests: it comes, keeps to itself, and goes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bootstrap" / "gpu-hook-engine.sh"
DEADLINE_SECONDS = 60

#: Starts an engine as its owner, says so, and waits to be killed.
OWNER = """
import signal, subprocess, sys
subprocess.run([sys.argv[1], "start", sys.argv[2]], check=True)
signal.pause()
"""


@pytest.mark.gpu_hook
@pytest.mark.usefixtures("gpu_hook_engine")  # which skips, or fails in CI, where no such engine can run
def test_an_engine_whose_owner_is_killed_goes_with_its_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Not even SIGKILL of the tests leaves a daemon behind."""
    folder = tmp_path_factory.mktemp("owned") / "e"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, SCRIPT, folder], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert f"unix://{folder}/docker.sock\n" == owner.stdout.readline()
    engine = int((folder / "pid").read_text())

    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()

    deadline = time.monotonic() + DEADLINE_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not folder.exists()
    assert not Path(f"/proc/{engine}").exists()
