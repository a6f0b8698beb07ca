"""A Docker engine of a test's own, which the test may kill and start again."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from command_line import wait_until

#: What the engine starts beside each container that is given a GPU; it does nothing, and so all is well.
_WILLING_HOOK = "#!/bin/sh\nexec cat >/dev/null\n"
#: The same when a driver is broken.
_REFUSING_HOOK = "#!/bin/sh\necho 'nvidia-container-cli: initialization error' >&2\nexit 1\n"


class PrivateEngine:
    """A dockerd with everything below one temporary folder, in a network namespace of its own. Needs root.

    The namespace stays the same when the engine is started again: `network` is its file, for processes that want to
    reach what its containers publish.
    `options` are further ones of dockerd. With `gpu_hook` it accepts requests for GPUs, which are not there. `images`
    is where its images and containers are kept, if not in that folder. With `live_restore` its containers live on when
    it ends, as on machines where containerd is a service of its own.
    """

    def __init__(
        self, *options: str, gpu_hook: bool = False, images: Path | None = None, live_restore: bool = False
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="adown-", dir="/tmp"))  # short: it holds a socket
        self._options = [*options]
        self._containerd: subprocess.Popen[bytes] | None = None
        if live_restore:
            self._options += ["--live-restore", f"--containerd={self.folder}/containerd.sock"]
        self._images = images or self.folder / "images"
        self.network = self.folder / "network"
        self.network.touch()
        subprocess.run(["unshare", f"--net={self.network}", "ip", "link", "set", "lo", "up"], check=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._hook = self.folder / "bin" / "nvidia-container-runtime-hook"
        if gpu_hook:
            self._hook.parent.mkdir()
            self.refuse_gpus(refuse=False)

    @property
    def host(self) -> str:
        """Its address, for DOCKER_HOST."""
        return f"unix://{self.folder}/docker.sock"

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""
        if "--live-restore" in self._options and self._containerd is None:
            self._start_containerd()
        log = self.folder / "log"
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [
                    "nsenter",
                    f"--net={self.network}",
                    "dockerd",
                    f"--host={self.host}",
                    f"--data-root={self._images}",
                    f"--exec-root={self.folder}/state",
                    f"--pidfile={self.folder}/pid",
                    "--containerd-namespace=algodock-private",
                    "--containerd-plugins-namespace=algodock-private-plugins",
                    "--iptables=false",
                    "--ip6tables=false",
                    "--ip-masq=false",
                    "--shutdown-timeout=1",
                    *self._options,
                ],
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self._environment(),
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

    def kill_with_containers(self) -> None:
        """Let it die with every process of its containers: what the power plug does."""
        self.kill()
        for shim in self._processes():
            for child in _children(shim):
                _kill(child)
            _kill(shim)

    def stop(self) -> None:
        """End it in order; its containers end with it, unless it was told to let them live (``--live-restore``)."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)
        (self.folder / "state/containerd/containerd.pid").unlink(missing_ok=True)

    def refuse_gpus(self, *, refuse: bool) -> None:
        """Let the start of a container with GPUs fail from now on, or succeed again."""
        self._hook.write_text(_REFUSING_HOOK if refuse else _WILLING_HOOK, encoding="utf-8")
        self._hook.chmod(0o755)

    def close(self) -> None:
        """End it with its containers and delete its folder."""
        if self.is_running:
            self.stop()
        if self._containerd is not None:
            self._containerd.terminate()
            self._containerd.wait(60)
        for process in self._processes():  # what a kill has left of its containers' shims
            for child in _children(process):
                _kill(child)
            _kill(process)
        for mount in reversed(Path("/proc/mounts").read_text(encoding="utf-8").splitlines()):
            path = mount.split()[1]
            if Path(path).is_relative_to(self.folder):
                subprocess.run(["umount", "--lazy", path], check=False)
        shutil.rmtree(self.folder)
        assert not os.path.lexists(self.folder)

    def _start_containerd(self) -> None:
        address = self.folder / "containerd.sock"
        with (self.folder / "containerd.log").open("wb") as log:
            self._containerd = subprocess.Popen(
                [
                    "containerd",
                    f"--address={address}",
                    f"--root={self.folder}/containerd",
                    f"--state={self.folder}/containerd-state",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self._environment(),
            )
        wait_until(address.exists, f"the containerd in {self.folder} to start")

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, "PATH": f"{self._hook.parent}:{os.environ['PATH']}"}

    def _processes(self) -> Iterator[int]:
        """The processes that were started with this engine's folder in their arguments."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if str(self.folder).encode() in (process / "cmdline").read_bytes():
                    yield int(process.name)


def _children(process: int) -> list[int]:
    with suppress(OSError):
        children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8")
        return [int(child) for child in children.split()]
    return []


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
