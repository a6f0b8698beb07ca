"""The HTTP side of ``serve``: ``/ping``, ``/invocations``, ``/execution-parameters``, as a WSGI application.

An application of its arguments alone: whoever calls `create_app` brings the model, so a test brings one of two lines.
Nothing of a request's body goes into the log: the caller is told what was wrong with it, the log only that it was.
"""

import sys
import traceback
from collections.abc import Callable

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from container import codecs
from container.algorithm import Predictor
from container.codecs import UnsupportedMediaType
from container.errors import InvalidPayload
from contracts.serving import (
    EXECUTION_PARAMETERS_PATH,
    INVOCATIONS_PATH,
    JSON,
    PAYLOAD_LIMIT_BYTES,
    PING_PATH,
    ExecutionParameters,
    choose_media_type,
    format_execution_parameters,
    parse_media_type,
)

_PLAIN = "text/plain; charset=utf-8"
_LONGEST_MESSAGE = 500


def create_app(
    predictor: Predictor,
    *,
    is_ready: Callable[[], bool] = lambda: True,
    max_body_bytes: int | None = PAYLOAD_LIMIT_BYTES,
    default_accept: str = JSON,
    execution_parameters: ExecutionParameters | None = None,
) -> Flask:
    """The application that answers with `predictor`; ``/ping`` is answered 200 once `is_ready` says so, until then 503.

    `max_body_bytes`: of a request; None stands for no limit. `default_accept`: what callers get who do not say.
    """
    app = Flask("container", static_folder=None)
    # Werkzeug cuts a chunked body off at its limit and says nothing: one byte more than allowed tells that it has.
    app.config["MAX_CONTENT_LENGTH"] = None if max_body_bytes is None else max_body_bytes + 1

    @app.get(PING_PATH)
    def ping() -> Response:
        return Response(status=200 if is_ready() else 503, content_type=_PLAIN)

    @app.post(INVOCATIONS_PATH)
    def invocations() -> Response:
        try:
            return _answer(predictor, default_accept, max_body_bytes)
        except InvalidPayload as error:
            return _refusal(400, str(error))
        except UnsupportedMediaType as error:
            return _refusal(415, str(error))

    @app.get(EXECUTION_PARAMETERS_PATH)
    def parameters() -> Response:
        return Response(format_execution_parameters(execution_parameters or ExecutionParameters()), content_type=JSON)

    app.register_error_handler(HTTPException, _plain)
    return app


def _answer(predictor: Predictor, default_accept: str, max_body_bytes: int | None) -> Response:
    accept = request.headers.get("Accept", "").strip()
    wanted = choose_media_type(default_accept if accept in ("", "*/*") else accept, codecs.WRITTEN)
    if wanted is None:
        return _refusal(406, f"no such answer can be given: accept {', '.join(codecs.WRITTEN)}")
    media_type = parse_media_type(request.headers.get("Content-Type") or JSON)
    received = request.get_data(cache=False)
    if max_body_bytes is not None and len(received) > max_body_bytes:
        raise RequestEntityTooLarge
    instances = codecs.decode(received, media_type)
    try:
        body = codecs.encode(predictor.predict(instances), wanted)
    except InvalidPayload:
        raise
    except Exception as error:  # noqa: BLE001  the rim: a model may raise anything, and the next request is served
        return _failure(error)
    return Response(body, content_type=wanted)


def _failure(error: Exception) -> Response:
    """To the caller the error's text, to the log its kind and place: the text may quote what the caller sent."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    print(f"the model failed: {type(error).__name__}\n{frames}", end="", file=sys.stderr, flush=True)
    return _refusal(500, f"the model failed: {type(error).__name__}: {error}")


def _plain(error: HTTPException) -> Response:
    """Errors of HTTP itself (404, 405, 413): their own status and headers, in a line of text instead of a page."""
    response = Response(f"{error.name}\n", status=error.code, content_type=_PLAIN)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return _logged(response)


def _refusal(status: int, message: str) -> Response:
    return _logged(Response(message[:_LONGEST_MESSAGE] + "\n", status=status, content_type=_PLAIN))


def _logged(response: Response) -> Response:
    print(f"{request.method} {request.path!r}: {response.status}", file=sys.stderr, flush=True)
    return response
