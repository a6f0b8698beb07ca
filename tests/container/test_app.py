"""What a caller gets: the right status for whatever is sent, and a log without anything of what was sent."""

import io
from collections.abc import Iterator
from typing import Any

import cifar10_files
import fake_serving
import numpy as np
import numpy.typing as npt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from container.answering import AnswerBroken
from container.app import create_app
from container.errors import InvalidPayload
from contracts.serving import CSV, JSON, NPY, ExecutionParameters

LIMIT = 1000


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    """A client of an application that doubles numbers, and takes bodies of up to 1000 bytes."""
    with create_app(fake_serving.Doubles(), max_body_bytes=LIMIT).test_client() as client:
        yield client


def post(client: FlaskClient, body: bytes | str, content_type: str | None = CSV, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/invocations", data=body, content_type=content_type, headers=named)


def test_a_ping_is_answered_with_nothing(client: FlaskClient) -> None:
    """Only the status counts; no redirect, also with a question mark behind it."""
    for path in ("/ping", "/ping?x=1"):
        answer = client.get(path)

        assert (200, b"") == (answer.status_code, answer.data)


def test_a_ping_before_the_model_is_loaded_says_so() -> None:
    """Never a 200 that is not true."""
    answer = create_app(fake_serving.Doubles(), is_ready=lambda: False).test_client().get("/ping")

    assert 503 == answer.status_code


@pytest.mark.parametrize("content_type", [CSV, "text/csv; charset=utf-8", "TEXT/CSV;header=absent", JSON, None])
def test_a_body_is_read_by_its_content_type(client: FlaskClient, content_type: str | None) -> None:
    """Parameters and case do not matter; no Content-Type at all means JSON."""
    answer = post(client, "1,2" if content_type and "csv" in content_type.lower() else "[[1, 2]]", content_type)

    assert (200, JSON) == (answer.status_code, answer.content_type)
    assert {"predictions": [[2, 4]]} == answer.json


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("*/*", JSON), ("", JSON), ("text/csv", CSV), ("application/x-npy, */*;q=0.1", NPY), ("text/*", CSV)],
)
def test_an_answer_is_of_the_type_that_is_accepted(client: FlaskClient, accept: str, content_type: str) -> None:
    """And says which."""
    answer = post(client, "1,2", Accept=accept)

    assert (200, content_type) == (answer.status_code, answer.content_type)


def test_callers_who_do_not_say_what_they_accept_get_the_default() -> None:
    """SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT chooses it."""
    client = create_app(fake_serving.Doubles(), default_accept=CSV).test_client()

    assert [b"2.0,4.0"] * 2 == [post(client, "1,2").data, post(client, "1,2", Accept="*/*").data]
    assert JSON == post(client, "1,2", Accept=JSON).content_type


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (415, "<secret>", {"Content-Type": "text/html"}),
        (415, "secret", {"Content-Type": "application/x-www-form-urlencoded"}),
        (406, "1,2", {"Content-Type": CSV, "Accept": "image/png"}),
        (400, "", {"Content-Type": CSV}),
        (400, "secret", {"Content-Type": CSV}),
        (400, "{secret", {"Content-Type": JSON}),
        (400, "104", {"Content-Type": CSV}),
        (413, "1" * (LIMIT + 1), {"Content-Type": CSV}),
        (413, "1" * (LIMIT + 2), {"Content-Type": CSV}),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_line(
    client: FlaskClient, status: int, body: str, headers: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """The caller learns why, the log that it happened, but nothing of the body; the next request is answered."""
    answer = client.post("/invocations", data=body, headers=headers)
    logged = capfd.readouterr().err

    assert (status, "text/plain; charset=utf-8") == (answer.status_code, answer.content_type)
    assert 1 == answer.data.count(b"\n")
    assert f"POST '/invocations': {status} " in logged
    assert "secret" not in logged
    assert 200 == post(client, "1,2").status_code


def test_a_model_that_raises_is_told_to_the_caller_and_its_place_to_the_log(
    client: FlaskClient, capfd: pytest.CaptureFixture[str]
) -> None:
    """The error's text may quote what was sent, so only the one who sent it sees it."""
    answer = post(client, str(fake_serving.Doubles.RAISES))
    logged = capfd.readouterr().err

    assert b"the model failed: ValueError: a secret: 102.0\n" == answer.data
    assert "the model failed: ValueError\n" in logged
    assert "fake_serving.py" in logged
    assert "102" not in logged


def test_a_body_of_exactly_the_limit_is_read(client: FlaskClient) -> None:
    """6,291,456 bytes are allowed, one more is not."""
    body = b"1" + b" " * (LIMIT - 1)

    assert 200 == post(client, body).status_code
    assert 413 == post(client, body + b" ").status_code


def test_a_chunked_body_over_the_limit_is_not_cut_off_and_answered(client: FlaskClient) -> None:
    """Half of a table would be a table, too, and its answer wrong."""
    answer = client.post(
        "/invocations",
        input_stream=io.BytesIO(b"1\n" * LIMIT),
        content_type=CSV,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert 413 == answer.status_code


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/invocations", 405),
        ("PUT", "/invocations", 405),
        ("POST", "/ping", 405),
        ("GET", "/", 404),
        ("GET", "/models", 404),
        ("POST", "/invocations/x", 404),
        ("GET", "/static/x", 404),
    ],
)
def test_other_paths_and_methods_are_refused(client: FlaskClient, method: str, path: str, status: int) -> None:
    """With what is allowed, as HTTP has it."""
    answer = client.open(path, method=method)

    assert status == answer.status_code
    assert (status == 405) == ("Allow" in answer.headers)


def test_headers_that_are_not_known_change_nothing(client: FlaskClient) -> None:
    """Custom attributes are opaque, and come back only from code that sets them."""
    answer = post(client, "1", X_Amzn_SageMaker_Custom_Attributes="trace=1", X_Amzn_SageMaker_Target_Model="m")

    assert 200 == answer.status_code
    assert not [name for name, _ in answer.headers if name.startswith("X-")]


def test_a_transform_job_is_told_what_suits_the_container() -> None:
    """GET /execution-parameters, before any payload is sent."""
    parameters = ExecutionParameters(max_concurrent_transforms=3)
    answer = (
        create_app(fake_serving.Doubles(), execution_parameters=parameters).test_client().get("/execution-parameters")
    )

    assert {"MaxConcurrentTransforms": 3, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6} == answer.json


def test_a_function_s_answer_need_be_no_array() -> None:
    """A predictor of two lines may return a list."""

    class Lists:
        def predict(self, instances: Any) -> Any:
            return [len(row) for row in instances]

    assert {"predictions": [2, 2]} == post(create_app(Lists()).test_client(), "1,2\n3,4").json


def test_an_image_arrives_with_its_height_width_and_colours(client: FlaskClient) -> None:
    """One image, so one instance."""
    answer = post(client, cifar10_files.png(np.full((3, 2, 4), 7, np.uint8)), "image/png", Accept=NPY)

    assert (1, 2, 4, 3) == np.load(io.BytesIO(answer.data)).shape


class Rows:
    """Yields a row for each number, and fails at a zero; a first one that is negative is refused."""

    def predict(self, instances: npt.NDArray[Any], /) -> Iterator[npt.NDArray[Any]]:
        for number in instances.flat:
            if number < 0:
                raise InvalidPayload("a negative number")
            yield (
                np.array([1 / number])
                if number
                else np.array([fake_serving.Doubles().predict(np.array([fake_serving.Doubles.RAISES]))])
            )


@pytest.fixture
def rows() -> Iterator[FlaskClient]:
    """A client of an application that answers row by row."""
    with create_app(Rows()).test_client() as client:
        yield client


def test_an_answer_in_pieces_is_sent_as_they_come(rows: FlaskClient) -> None:
    """Without a length, so in chunks; together they are one valid answer."""
    answer = rows.post("/invocations", data=b"1,2,4", content_type=CSV)
    pieces = list(answer.iter_encoded())

    assert (200, JSON, False) == (answer.status_code, answer.content_type, "Content-Length" in answer.headers)
    assert ([b'{"predictions": [1.0', b", 0.5", b", 0.25", b"]}"]) == pieces


def test_a_model_that_fails_before_the_first_piece_is_answered_as_ever(rows: FlaskClient) -> None:
    """The status is not sent yet."""
    answers = [rows.post("/invocations", data=body, content_type=CSV) for body in (b"-1,2", b"0,2")]

    assert [(400, b"a negative number\n"), (500, b"the model failed: ValueError: a secret: 102\n")] == [
        (answer.status_code, answer.data) for answer in answers
    ]


def test_a_model_that_fails_later_breaks_its_answer_off(rows: FlaskClient, capfd: pytest.CaptureFixture[str]) -> None:
    """The reason's kind and place are in the log, and nothing of what was sent."""
    answer = rows.post("/invocations", data=b"1,0", content_type=CSV, buffered=False)
    pieces = answer.iter_encoded()
    first = next(pieces)
    with pytest.raises(AnswerBroken) as broken:
        next(pieces)
    logged = capfd.readouterr().err

    assert b'{"predictions": [1.0' == first
    assert "the model failed in the middle of its answer: ValueError\n" in logged
    assert ("fake_serving.py" in logged, "102" in logged, "102" in str(broken.value)) == (True, False, False)
