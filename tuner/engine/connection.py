"""The way to a container engine: found, opened when it is needed, and closed when nothing listens any more."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Self

import docker
import requests

from tuner.engine.docker_errors import ANSWER_SECONDS, engine_errors, nothing_listens
from tuner.engine.podman import is_podman

#: Connections kept open; a follower of a log holds one. More than that many work too, but are made anew each time.
_CONNECTIONS = 128


class EngineConnection:
    """A connection to the engine at `host`, else to the one of the environment. Errors come out as ours."""

    def __init__(self, host: str | None = None) -> None:
        self._settings = {"base_url": host} if host else docker.utils.kwargs_from_env()
        self._connection: docker.APIClient | None = None
        self._connecting = Lock()
        self._speaks_as_podman: bool | None = None

    def __enter__(self) -> Self:
        """Use the engine in a ``with`` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections that are not in use; a later question opens new ones."""
        with self._connecting:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @property
    def host(self) -> str:
        """Where the engine is looked for."""
        return str(self._settings.get("base_url") or "unix:///var/run/docker.sock")

    @contextmanager
    def _api(self, action: str) -> Iterator[docker.APIClient]:
        """The SDK's client, for `action`, with its errors translated."""
        with engine_errors(action, self.host):
            with self._connecting:
                if self._connection is None:
                    self._connection = self._connect()
                connection = self._connection
            try:
                yield connection
            except requests.exceptions.ConnectionError as exc:
                # Nothing listens any more: look for it anew next time, it may come back with another version.
                if nothing_listens(exc):
                    self.close()
                raise

    def _connect(self) -> docker.APIClient:
        if self.host.startswith("unix://"):
            # The SDK leaves its socket open where it cannot connect, which Python reports as a leak later on.
            with socket.socket(socket.AF_UNIX) as attempt:
                attempt.settimeout(ANSWER_SECONDS)
                attempt.connect(self.host.removeprefix("unix://"))
        return docker.APIClient(**self._settings, version="auto", timeout=ANSWER_SECONDS, max_pool_size=_CONNECTIONS)

    @property
    def _is_podman(self) -> bool:
        """Whether the engine is Podman, by its first answer."""
        if self._speaks_as_podman is None:
            with self._api("ask the engine what it is") as api:
                self._speaks_as_podman = is_podman(api.version())
        return self._speaks_as_podman

    @property
    def _is_here(self) -> bool:
        """Whether the engine runs on this machine."""
        return self.host.startswith(("unix://", "http+docker://"))
