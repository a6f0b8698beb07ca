"""The HTTP side of ``serve`` for many models: ``/models``, ``/models/NAME``, ``/models/NAME/invoke``, ``/ping``."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, request

from container.answering import PLAIN
from container.http_answers import new_application, received_body, received_invocation, refused, response_of
from container.models import ModelAlreadyLoaded, ModelEnded, ModelNotLoadable, ModelNotLoaded, Models
from contracts.errors import InvalidMessage
from contracts.multi_model import (
    ALREADY_LOADED,
    INVOKE_SUFFIX,
    MODELS_PATH,
    NOT_LOADED,
    PAGE_TOKEN,
    format_model,
    format_models_page,
    parse_load_request,
)
from contracts.serving import JSON, PAYLOAD_LIMIT_BYTES, PING_PATH

_MODEL = f"{MODELS_PATH}/<name>"


def create_multi_model_app(models: Models, *, max_body_bytes: int | None = PAYLOAD_LIMIT_BYTES) -> Flask:
    """The application that answers with whichever of `models` is loaded; ``/ping`` is 200 also where none is.

    `max_body_bytes`: of a request; None stands for no limit.
    """
    app = new_application(max_body_bytes)

    @app.get(PING_PATH)
    def ping() -> Response:
        return Response(content_type=PLAIN)

    @app.post(MODELS_PATH)
    def load() -> Response:
        entry = parse_load_request(received_body(max_body_bytes))
        if "/" in entry.name:
            return refused(400, "a model's name has no slash")
        models.load(entry)
        return Response(content_type=PLAIN)

    @app.get(MODELS_PATH)
    def listing() -> Response:
        return Response(format_models_page(models.page(request.args.get(PAGE_TOKEN))), content_type=JSON)

    @app.get(_MODEL)
    def get(name: str) -> Response:
        return Response(format_model(models.get(name)), content_type=JSON)

    @app.delete(_MODEL)
    def unload(name: str) -> Response:
        models.unload(name)
        return Response(content_type=PLAIN)

    @app.post(f"{_MODEL}{INVOKE_SUFFIX}")
    def invoke(name: str) -> Response:
        return response_of(models.answer(name, received_invocation(max_body_bytes)))

    for kind, refuse in _REFUSALS.items():
        app.register_error_handler(kind, refuse)
    return app


def _malformed(error: InvalidMessage) -> Response:
    return refused(400, f"the body {error}")


def _already_loaded(error: ModelAlreadyLoaded) -> Response:
    return refused(ALREADY_LOADED, f"the model {error} is loaded already")


def _not_loaded(error: ModelNotLoaded) -> Response:
    return refused(NOT_LOADED, f"the model {error} is not loaded")


def _failed(error: ModelNotLoadable | ModelEnded) -> Response:
    return refused(error.status, str(error))


_REFUSALS: Mapping[type[Exception], Callable[[Any], Response]] = {
    InvalidMessage: _malformed,
    ModelAlreadyLoaded: _already_loaded,
    ModelNotLoaded: _not_loaded,
    ModelNotLoadable: _failed,
    ModelEnded: _failed,
}
