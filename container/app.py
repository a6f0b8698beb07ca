"""The HTTP side of ``serve`` for one model: ``/ping``, ``/invocations``, ``/execution-parameters``, as WSGI.

An application of its arguments alone: whoever calls `create_app` brings the model, so a test brings one of two lines.
"""

from collections.abc import Callable

from flask import Flask, Response

from container.algorithm import Predictor
from container.answering import PLAIN, answer
from container.http_answers import new_application, received_invocation, response_of
from contracts.serving import (
    EXECUTION_PARAMETERS_PATH,
    INVOCATIONS_PATH,
    JSON,
    PAYLOAD_LIMIT_BYTES,
    PING_PATH,
    ExecutionParameters,
    format_execution_parameters,
)


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
    app = new_application(max_body_bytes)

    @app.get(PING_PATH)
    def ping() -> Response:
        return Response(status=200 if is_ready() else 503, content_type=PLAIN)

    @app.post(INVOCATIONS_PATH)
    def invocations() -> Response:
        return response_of(answer(predictor, received_invocation(max_body_bytes), default_accept=default_accept))

    @app.get(EXECUTION_PARAMETERS_PATH)
    def parameters() -> Response:
        return Response(format_execution_parameters(execution_parameters or ExecutionParameters()), content_type=JSON)

    return app
