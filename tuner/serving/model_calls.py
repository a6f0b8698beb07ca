"""What the platform asks a multi-model container over HTTP: load, list, unload, invoke.

Source: SageMaker developer guide, "Custom Containers Contract for Multi-Model Endpoints".
"""

import http.client
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote

from contracts.errors import InvalidMessage
from contracts.multi_model import (
    ALREADY_LOADED,
    INVOKE_SUFFIX,
    MODELS_PATH,
    NOT_LOADED,
    PAGE_TOKEN,
    ModelEntry,
    format_load_request,
    parse_models_page,
)
from contracts.serving import INVOCATION_TIMEOUT_SECONDS
from tuner.engine.protocol import Address
from tuner.serving.calls import Answer, invoke
from tuner.serving.errors import ModelError
from tuner.serving.http_requests import RequestTimedOut, message_of, request, words_of

#: How long a container may take to load a model: so long SageMaker goes on when the caller has given up.
LOAD_SECONDS = 360.0
_LISTING_BYTES = 16 * 1024 * 1024
_JSON = {"Content-Type": "application/json"}


class ModelContainer(Protocol):
    """A container of many models, as the routing needs it; every method raises ModelError for an answer of an error."""

    def load(self, entry: ModelEntry) -> None:
        """Load a model; one that is loaded already is no error."""

    def unload(self, name: str) -> None:
        """Unload a model; one that is not loaded is no error."""

    def is_loaded(self, name: str) -> bool:
        """Whether it is loaded."""

    def invoke(self, name: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Ask a model; raises InvalidInvocation too."""


class HttpModelContainer:
    """The ModelContainer at an address."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def load(self, entry: ModelEntry) -> None:
        """See ModelContainer."""
        status, content = self._ask("POST", MODELS_PATH, LOAD_SECONDS, format_load_request(entry).encode())
        if not _is_success(status) and status != ALREADY_LOADED:
            raise ModelError(status, message_of(content))

    def unload(self, name: str) -> None:
        """See ModelContainer."""
        status, content = self._ask("DELETE", _path_of(name), LOAD_SECONDS)
        if not _is_success(status) and status != NOT_LOADED:
            raise ModelError(status, message_of(content))

    def is_loaded(self, name: str) -> bool:
        """See ModelContainer."""
        return _is_success(self._ask("GET", _path_of(name), INVOCATION_TIMEOUT_SECONDS)[0])

    def invoke(self, name: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """See ModelContainer."""
        return invoke(self._address, body, headers, path=_path_of(name) + INVOKE_SUFFIX)

    def models(self) -> Iterator[ModelEntry]:
        """All models that are loaded, page by page; raises ModelError."""
        token, seen = None, set[str]()
        while True:
            query = "" if token is None else f"?{PAGE_TOKEN}={quote(token, safe='')}"
            status, content = self._ask("GET", MODELS_PATH + query, INVOCATION_TIMEOUT_SECONDS)
            if not _is_success(status):
                raise ModelError(status, message_of(content))
            try:
                page = parse_models_page(content)
            except InvalidMessage as error:
                raise ModelError(status, f"what GET {MODELS_PATH} answered {error}") from error
            yield from page.models
            token = page.next_page_token
            if token is None or token in seen:  # a container that leads in a circle
                return
            seen.add(token)

    def _ask(self, method: str, path: str, seconds: float, body: bytes | None = None) -> tuple[int, bytes]:
        try:
            with request(self._address, method, path, seconds, body=body, headers=_JSON) as exchange:
                return exchange.response.status, exchange.response.read(_LISTING_BYTES)
        except RequestTimedOut as error:
            raise ModelError(0, f"{method} {path} was not answered within {seconds:g} s.") from error
        except (OSError, http.client.HTTPException) as error:
            raise ModelError(0, f"{method} {path} was not answered: {words_of(error)}") from error


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _path_of(name: str) -> str:
    return f"{MODELS_PATH}/{quote(name, safe='')}"
