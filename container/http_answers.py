"""What the two applications of ``serve`` share: reading an invocation from a request, and answering in few words."""

import sys

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from container.answering import PLAIN, Answer, Invocation, refusal


def new_application(max_body_bytes: int | None) -> Flask:
    """An application without routes, which takes requests of so many bytes; None stands for no limit."""
    app = Flask("container", static_folder=None)
    # Werkzeug cuts a chunked body off at its limit and says nothing: one byte more than allowed tells that it has.
    app.config["MAX_CONTENT_LENGTH"] = None if max_body_bytes is None else max_body_bytes + 1
    app.register_error_handler(HTTPException, _plain)
    return app


def received_body(max_body_bytes: int | None) -> bytes:
    """The body of the request at hand; raises RequestEntityTooLarge."""
    body = request.get_data(cache=False)
    if max_body_bytes is not None and len(body) > max_body_bytes:
        raise RequestEntityTooLarge
    return body


def received_invocation(max_body_bytes: int | None) -> Invocation:
    """The invocation in the request at hand; raises RequestEntityTooLarge."""
    return Invocation(
        body=received_body(max_body_bytes),
        content_type=request.headers.get("Content-Type", ""),
        accept=request.headers.get("Accept", ""),
    )


def response_of(answer: Answer) -> Response:
    """The response that gives `answer`; one in pieces is sent as they come, in chunks."""
    return _logged(Response(answer.body, status=answer.status, content_type=answer.content_type))


def refused(status: int, message: str) -> Response:
    """A response of one line of text."""
    return response_of(refusal(status, message))


def _plain(error: HTTPException) -> Response:
    """Errors of HTTP itself (404, 405, 413): their own status and headers, in a line of text instead of a page."""
    response = Response(f"{error.name}\n", status=error.code, content_type=PLAIN)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return _logged(response)


def _logged(response: Response) -> Response:
    if response.status_code >= 400:  # noqa: PLR2004 - HTTP's classes
        print(f"{request.method} {request.path!r}: {response.status}", file=sys.stderr, flush=True)
    return response
