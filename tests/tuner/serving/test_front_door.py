"""The front door of a multi-model endpoint: the official client gets through it, and every error has its own name."""

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.serving import PAYLOAD_LIMIT_BYTES
from tuner.engine.protocol import Address
from tuner.errors import TunerError
from tuner.serving.calls import Answer
from tuner.serving.errors import EndpointFailed, InvalidInvocation, ModelError, ModelNotReady, PortInUse
from tuner.serving.front_door import FrontDoor, Invocation, invoke_target_model
from tuner.serving.ports import check_port


class Behind:
    """What is behind the door: it echoes, or raises."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked: list[Invocation] = []

    def __call__(self, invocation: Invocation) -> Answer:
        self.asked.append(invocation)
        if self.error is not None:
            raise self.error
        return Answer(body=invocation.body, content_type="a/b", custom_attributes="trace=8")


@pytest.fixture
def behind() -> Behind:
    """An echo."""
    return Behind()


@pytest.fixture
def door(behind: Behind) -> Iterator[FrontDoor]:
    """The door of the endpoint ``digits``, open."""
    with closing(FrontDoor("digits", 0)) as door:
        door.open(behind)
        yield door


@pytest.fixture
def runtime(door: FrontDoor) -> Callable[..., dict[str, object]]:
    """`invoke_endpoint` of the official client; it tries once."""
    client = boto3.client(
        "sagemaker-runtime",
        endpoint_url=f"http://{door.address}",
        region_name="local",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )
    invoke: Callable[..., dict[str, object]] = client.invoke_endpoint
    return invoke


def test_the_official_client_gets_through(behind: Behind, runtime: Callable[..., dict[str, object]]) -> None:
    """With its headers there, and the container's back."""
    answer = runtime(
        EndpointName="digits",
        TargetModel="a/b.tar.gz",
        Body=b"\x00\xff",
        ContentType="text/csv",
        Accept="x/y",
        CustomAttributes="trace=7",
    )

    (asked,) = behind.asked
    assert ("a/b.tar.gz", b"\x00\xff") == (asked.target_model, asked.body)
    assert {
        "Content-Type": "text/csv",
        "Accept": "x/y",
        "X-Amzn-SageMaker-Custom-Attributes": "trace=7",
    } == asked.headers
    assert ("a/b", "trace=8") == (answer["ContentType"], answer["CustomAttributes"])
    assert b"\x00\xff" == answer["Body"].read()  # type: ignore[attr-defined]  # botocore has no types


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (InvalidInvocation("Failed to download model data"), "ValidationError", 400),
        (ModelError(507, "no memory"), "ModelError", 424),
        (ModelNotReady("come again"), "ModelNotReadyException", 429),
        (OSError(28, "No space left on device"), "InternalFailure", 500),
    ],
)
def test_each_error_is_the_one_that_the_service_gives(
    behind: Behind, runtime: Callable[..., dict[str, object]], error: Exception, code: str, status: int
) -> None:
    """Code, status, and of a ModelError what the container said."""
    behind.error = error
    with pytest.raises(ClientError) as raised:
        runtime(EndpointName="digits", TargetModel="a.tar.gz", Body=b"")

    response = raised.value.response
    assert (code, status) == (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"])
    assert (507 if code == "ModelError" else None) == response.get("OriginalStatusCode")


def test_a_request_without_a_target_or_to_another_endpoint_is_refused(
    behind: Behind, runtime: Callable[..., dict[str, object]]
) -> None:
    """Before anything is asked of a model."""
    with pytest.raises(ClientError, match="is missing a target model header"):
        runtime(EndpointName="digits", Body=b"")
    with pytest.raises(ClientError, match="Endpoint other not found"):
        runtime(EndpointName="other", TargetModel="a.tar.gz", Body=b"")

    assert [] == behind.asked


def test_a_body_that_is_too_large_or_of_no_stated_length_is_refused(behind: Behind, door: FrontDoor) -> None:
    """It is not read; the client reads the refusal."""
    for headers in ({"Content-Length": str(PAYLOAD_LIMIT_BYTES + 1)}, {"Transfer-Encoding": "chunked"}):
        with closing(http.client.HTTPConnection(door.address.host, door.address.port, timeout=60)) as connection:
            connection.putrequest("POST", "/endpoints/digits/invocations")
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()

            assert (400, b"6291456" in answer.read()) == (answer.status, True)
    assert [] == behind.asked


def ask(address: Address, body: bytes = b"1") -> Answer:
    """Our own client."""
    invocation = Invocation(target_model="a.tar.gz", body=body, headers={"Accept": "x/y"})
    return invoke_target_model(address, "digits", invocation)


def test_our_own_client_gets_through(door: FrontDoor) -> None:
    """It gets what is behind the door."""
    assert Answer(body=b"1", content_type="a/b", custom_attributes="trace=8") == ask(door.address)


@pytest.mark.parametrize(
    "error", [InvalidInvocation("there is none"), ModelError(415, "only CSV"), ModelNotReady("come again")]
)
def test_our_own_client_raises_what_was_raised_behind_the_door(
    behind: Behind, door: FrontDoor, error: TunerError
) -> None:
    """With the same text."""
    behind.error = error
    with pytest.raises(type(error)) as raised:
        ask(door.address)

    assert str(error) == str(raised.value)


def test_a_door_that_nobody_opens_is_said_to_be_so(behind: Behind) -> None:
    """Its process was killed, and its container runs on."""
    with closing(FrontDoor("digits", 0)) as door:
        address = door.address
    with pytest.raises(EndpointFailed, match="Nobody answers at the front door of the endpoint digits"):
        ask(address)


def test_callers_who_come_early_wait_until_the_door_opens(behind: Behind) -> None:
    """The port is taken from the beginning: the container's label names it."""
    with closing(FrontDoor("digits", 0)) as door:
        early = socket.create_connection((door.address.host, door.address.port), timeout=60)
        early.sendall(b"POST /endpoints/digits/invocations HTTP/1.1\r\nX-Amzn-SageMaker-Target-Model: a\r\n")
        early.sendall(b"Content-Length: 1\r\n\r\n1")
        door.open(behind)

        assert b"HTTP/1.1 200 OK" == early.recv(15)
        early.close()


def test_a_port_that_is_taken_is_told_before_anything_starts() -> None:
    """With what to do; any free one is fine."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"The port {port} of this machine is in use.*--port"):
            check_port(port)
    check_port(0)


def test_a_port_whose_connections_have_ended_is_free() -> None:
    """Though the system keeps them in mind for a while; of several, for another program may take one meanwhile."""
    free = []
    for _ in range(5):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = listening.getsockname()
            with socket.create_connection(address), listening.accept()[0]:
                pass
        with suppress(PortInUse):
            check_port(address[1])
            free.append(address[1])

    assert free
