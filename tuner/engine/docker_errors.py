"""Errors of the Docker SDK, and of the libraries below it, as ours: specific ones first."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import requests
import urllib3

from tuner.errors import (
    ContainerNotFound,
    EngineError,
    EngineFailed,
    EngineRejected,
    EngineUnreachable,
    ImageNotFound,
    NameTaken,
)

#: How long the engine may take to answer anything but a followed log or a pull, in seconds. Removing a container with
#: a large file system on a slow disk is the longest.
ANSWER_SECONDS = 120

#: What engines say where a container or a network has the name already.
_NAME_TAKEN = re.compile(r"name .*(already in use|already exists|already used)")
#: What Podman says, under a status of 500, where a container is removed while it answers.
_GONE_MEANWHILE = re.compile(r"no such container|does not exist in database", re.IGNORECASE)
_NOTHING_LISTENS = {errno.ENOENT, errno.ECONNREFUSED}

#: Foreign errors and ours, specific first.
_TRANSLATION: tuple[tuple[type[Exception], type[EngineError]], ...] = (
    (docker.errors.ImageNotFound, ImageNotFound),
    (docker.errors.NotFound, ContainerNotFound),
    (docker.errors.APIError, EngineRejected),
    (docker.errors.ContainerError, EngineRejected),
    (docker.errors.BuildError, EngineRejected),
    (docker.errors.ImageLoadError, EngineRejected),
    (docker.errors.InvalidArgument, EngineRejected),
    (docker.errors.InvalidRepository, EngineRejected),
    (docker.errors.NullResource, EngineRejected),
    (docker.errors.DeprecatedMethod, EngineRejected),
    (docker.errors.StreamParseError, EngineRejected),
    # The rest of the SDK's own is about how to get to the engine: TLS files, contexts, API versions.
    (docker.errors.DockerException, EngineUnreachable),
    (requests.exceptions.RequestException, EngineUnreachable),
    (urllib3.exceptions.HTTPError, EngineUnreachable),
    (urllib3.exceptions.ProxySchemeUnsupported, EngineUnreachable),
    (OSError, EngineUnreachable),
)


def translation(raised: type[Exception]) -> type[EngineError] | None:
    """Which of our errors stands for a foreign one; None for what is not the engine's, but a defect of ours."""
    return next((ours for foreign, ours in _TRANSLATION if issubclass(raised, foreign)), None)


def own_words(exc: Exception) -> str:
    """What the engine says is wrong."""
    explanation = getattr(exc, "explanation", None)  # the engine's own words, without the URL around them
    return str(explanation) if explanation else str(exc)


@contextmanager
def engine_errors(action: str, host: str) -> Iterator[None]:
    """Turn what is raised in the block, on the way to the engine at `host`, into our error about `action`."""
    try:
        yield
    except EngineError:
        raise
    except Exception as exc:
        ours = translation(type(exc))
        if ours is None:
            raise
        if ours is EngineUnreachable:
            raise _unreachable(exc, host) from exc
        if ours is EngineRejected and isinstance(exc, docker.errors.APIError) and exc.is_server_error():
            ours = ContainerNotFound if _GONE_MEANWHILE.search(own_words(exc)) else EngineFailed
        raise ours(f"{action}: {own_words(exc)}") from exc


def nothing_listens(exc: Exception) -> bool:
    """Whether a connection failed because there is nobody."""
    return bool(set(_error_numbers(exc)) & _NOTHING_LISTENS)


def _unreachable(exc: Exception, host: str) -> EngineUnreachable:
    """What is wrong on the way to the engine, and what to do about it."""
    causes = set(_error_numbers(exc))
    if causes & {errno.EACCES, errno.EPERM}:
        return EngineUnreachable(
            f"You may not use the container engine at {host} (permission denied). "
            "Add yourself to its group (`sudo usermod -aG docker $USER`, then log in again), or run as root."
        )
    if isinstance(exc, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError):
        return EngineUnreachable(
            f"The container engine at {host} did not answer within {ANSWER_SECONDS} s. "
            "If the machine is not merely overloaded, restart the engine (`sudo systemctl restart docker`)."
        )
    if isinstance(exc, requests.exceptions.ChunkedEncodingError | urllib3.exceptions.ProtocolError):
        return EngineUnreachable(
            f"The connection to the container engine at {host} broke: {own_words(exc)}. Is it restarting?"
        )
    reason = "nothing listens there" if nothing_listens(exc) else own_words(exc)
    return EngineUnreachable(
        f"No container engine answers at {host}: {reason}. "
        "Start it (`sudo systemctl start docker`, or `make setup` in a checkout), or set DOCKER_HOST."
    )


def _error_numbers(exc: BaseException | None) -> Iterator[int]:
    """The numbers of the system errors that `exc` wraps; the SDK and its libraries keep them as causes or arguments."""
    pending: list[object] = [exc]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if isinstance(one, tuple):
            pending.extend(one)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, OSError) and isinstance(one.errno, int):
            yield one.errno
        pending += [one.__cause__, one.__context__, one.args, getattr(one, "reason", None)]


def raise_if_taken(refusal: docker.errors.APIError, name: str) -> None:
    """Raise NameTaken where a refusal is about the name. Podman says it under a status of its own."""
    if _NAME_TAKEN.search(own_words(refusal)):
        raise NameTaken(f"The engine has something called {name} already: {own_words(refusal)}") from refusal


def raise_for_status(response: requests.Response) -> None:
    """Raise the SDK's error for an answer that is a refusal, as the SDK itself does."""
    try:
        response.raise_for_status()
    except requests.exceptions.HTTPError as exc:
        docker.errors.create_api_error_from_http_exception(exc)
