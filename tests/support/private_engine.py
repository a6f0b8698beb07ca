"""A Docker engine of a test's own, which the test may kill and start again."""

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from command_line import wait_until


class PrivateEngine:
    """A dockerd with everything below one temporary folder, in a network namespace of its own. Needs root."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="adown-", dir="/tmp"))  # short: it holds a socket
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """Its address, for DOCKER_HOST."""
        return f"unix://{self.folder}/docker.sock"

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""
        log = self.folder / "log"
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [
                    "unshare",
                    "--net",
                    "dockerd",
                    f"--host={self.host}",
                    f"--data-root={self.folder}/images",
                    f"--exec-root={self.folder}/state",
                    f"--pidfile={self.folder}/pid",
                    "--containerd-namespace=algodock-private",
                    "--containerd-plugins-namespace=algodock-private-plugins",
                    "--iptables=false",
                    "--ip6tables=false",
                    "--ip-masq=false",
                    "--shutdown-timeout=1",
                ],
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(lambda: b"API listen on" in log.read_bytes(), f"the engine in {self.folder} to start")

    def kill(self) -> None:
        """Let it die as in a crash: at once, with no time to tell anybody."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        # Where nobody reaps orphans, its dead containerd stays a zombie, and the next dockerd takes it for alive.
        for left in ("pid", "state/containerd/containerd.pid"):
            (self.folder / left).unlink(missing_ok=True)

    def close(self) -> None:
        """End it with its containers and delete its folder."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)
        for process in Path("/proc").glob("[0-9]*"):  # what a kill has left of its containers' shims
            with suppress(OSError):
                if str(self.folder).encode() in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
        for mount in reversed(Path("/proc/mounts").read_text(encoding="utf-8").splitlines()):
            path = mount.split()[1]
            if Path(path).is_relative_to(self.folder):
                subprocess.run(["umount", "--lazy", path], check=False)
        shutil.rmtree(self.folder)
        assert not os.path.lexists(self.folder)
