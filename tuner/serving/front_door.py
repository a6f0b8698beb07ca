"""Where invocations of a multi-model endpoint come in: the runtime API's own request, on this host's loopback.

``POST /endpoints/NAME/invocations``, with the same headers, statuses and errors as the service, so boto3 and the AWS
CLI get through with ``endpoint_url``. Signatures are not looked at. Source: botocore's model of sagemaker-runtime; API
reference, InvokeEndpoint.
"""

import http.client
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from contracts.multi_model import TARGET_MODEL_HEADER
from contracts.serving import CUSTOM_ATTRIBUTES_HEADER, INVOCATION_TIMEOUT_SECONDS, JSON, PAYLOAD_LIMIT_BYTES
from tuner.engine.protocol import Address
from tuner.errors import TunerError
from tuner.serving.calls import Answer, check_invocation
from tuner.serving.errors import EndpointFailed, InvalidInvocation, ModelError, ModelNotReady
from tuner.serving.http_requests import RequestTimedOut, request, words_of
from tuner.serving.ports import HOST

#: Of what a caller sends, all that reaches the container beside the body; the service strips the rest.
_PASSED_ON = ("Content-Type", "Accept", CUSTOM_ATTRIBUTES_HEADER)
_ERROR_TYPE = "x-amzn-ErrorType"
#: How long a caller waits: for the loading, then for the answer, and again where it is tried a second time.
_CALLER_SECONDS = 4 * INVOCATION_TIMEOUT_SECONDS
_CLIENT_SECONDS = 60.0
#: How soon it notices that it is to be closed.
_CLOSING_SECONDS = 0.05
_STATUSES: Mapping[str, HTTPStatus] = {
    InvalidInvocation.code: HTTPStatus.BAD_REQUEST,
    ModelError.code: HTTPStatus.FAILED_DEPENDENCY,
    ModelNotReady.code: HTTPStatus.TOO_MANY_REQUESTS,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """One request to InvokeEndpoint."""

    target_model: str
    body: bytes
    headers: Mapping[str, str]


#: Answers an invocation, in any thread; raises what InvokeEndpoint answers with an error.
Invoke = Callable[[Invocation], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class FrontDoor:
    """The server, to be closed in the end. Its port is taken from the beginning, callers wait until it is opened."""

    def __init__(self, endpoint_name: str, port: int) -> None:
        """Take the `port`, 0 for any free one; raises OSError where it is taken."""
        self._endpoint_name = endpoint_name
        self._server = _Server((HOST, port), BaseHTTPRequestHandler)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> Address:
        """Where it is."""
        return Address(host=HOST, port=self._server.server_port)

    def open(self, invoke: Invoke) -> None:
        """Begin to answer."""
        self._server.RequestHandlerClass = partial(_Reply, path_of(self._endpoint_name), invoke)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_CLOSING_SECONDS,), name="front door", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Answer no more, and give the port back."""
        if self._thread is not None:
            self._server.shutdown()
        self._server.server_close()


class _Reply(BaseHTTPRequestHandler):
    """One connection; the methods' names are those that http.server calls."""

    protocol_version = "HTTP/1.1"
    timeout = _CLIENT_SECONDS

    def __init__(self, path: str, invoke: Invoke, *arguments: Any) -> None:
        self._path, self._invoke = path, invoke
        super().__init__(*arguments)

    def do_POST(self) -> None:
        try:
            invocation = self._read()
            if self.path != self._path:
                name = self.path.removeprefix("/endpoints/").removesuffix("/invocations")
                raise InvalidInvocation(f"Endpoint {name} not found; here is {self._path}.")
            answer = self._invoke(invocation)
        except TunerError as error:
            self._refuse(error)
        except OSError as error:  # the model's archive cannot be read, the disk is full
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalFailure", {"Message": words_of(error)})
        else:
            self._answer(answer)

    def _read(self) -> Invocation:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > PAYLOAD_LIMIT_BYTES:
            self.close_connection = True  # what comes is not read
            raise InvalidInvocation(
                "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length"
                f" less than or equal to {PAYLOAD_LIMIT_BYTES}, and say it with Content-Length"
            )
        body = self.rfile.read(int(length))
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        target = self.headers.get(TARGET_MODEL_HEADER, "")
        if not target:
            raise InvalidInvocation("Request is missing a target model header.")
        return Invocation(target_model=target, body=body, headers=headers)

    def _refuse(self, error: TunerError) -> None:
        code = getattr(error, "code", "InternalFailure")
        document: dict[str, str | int] = {"Message": str(error)}
        if isinstance(error, ModelError):
            document |= {"OriginalStatusCode": error.original_status_code, "OriginalMessage": error.original_message}
        self._send(_STATUSES.get(code, HTTPStatus.INTERNAL_SERVER_ERROR), code, document)

    def _send(self, status: HTTPStatus, code: str, document: Mapping[str, str | int]) -> None:
        content = json.dumps(document).encode()
        self._write(status, content, {"Content-Type": JSON, _ERROR_TYPE: code})

    def _answer(self, answer: Answer) -> None:
        headers = {"Content-Type": answer.content_type, CUSTOM_ATTRIBUTES_HEADER: answer.custom_attributes}
        self._write(HTTPStatus.OK, answer.body, {name: value for name, value in headers.items() if value is not None})

    def _write(self, status: HTTPStatus, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing is printed: the container's log tells what it was asked."""


def invoke_target_model(front_door: Address, endpoint_name: str, invocation: Invocation) -> Answer:
    """Ask a model of a multi-model endpoint through its `front_door`.

    Raises InvalidInvocation, ModelError, ModelNotReady as the front door says, and EndpointFailed where nobody opens.
    """
    check_invocation(invocation.body, {**invocation.headers, TARGET_MODEL_HEADER: invocation.target_model})
    headers = {**invocation.headers, TARGET_MODEL_HEADER: invocation.target_model}
    try:
        with request(
            front_door, "POST", path_of(endpoint_name), _CALLER_SECONDS, body=invocation.body, headers=headers
        ) as exchange:
            response, content = exchange.response, exchange.response.read()
    except (RequestTimedOut, OSError, http.client.HTTPException) as error:
        raise EndpointFailed(
            f"Nobody answers at the front door of the endpoint {endpoint_name} ({front_door}): {words_of(error)}."
            " Its `algodock serve` has probably been killed; start it again."
        ) from error
    if response.status == HTTPStatus.OK:
        return Answer(
            body=content,
            content_type=response.headers.get("Content-Type"),
            custom_attributes=response.headers.get(CUSTOM_ATTRIBUTES_HEADER),
        )
    raise _error_in(response.headers.get(_ERROR_TYPE, ""), content)


def _error_in(code: str, content: bytes) -> TunerError:
    document = json.loads(content)
    if code == ModelError.code:
        return ModelError(document["OriginalStatusCode"], document["OriginalMessage"])
    kinds: Mapping[str, type[TunerError]] = {
        InvalidInvocation.code: InvalidInvocation,
        ModelNotReady.code: ModelNotReady,
    }
    return kinds.get(code, EndpointFailed)(document["Message"])


def path_of(endpoint_name: str) -> str:
    """Where an endpoint is invoked."""
    return f"/endpoints/{endpoint_name}/invocations"
