"""What the platform is answered about many models: the status of the contract for each case."""

import json
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from container.answering import Answer, Invocation, Pieces
from container.models import ModelEnded, ModelNotLoadable, Models
from container.multi_model_app import create_multi_model_app
from contracts.multi_model import ModelEntry

LIMIT = 1000


class Echo:
    """A model that answers with its name and what it was sent; two do what their names say."""

    def __init__(self, entry: ModelEntry) -> None:
        self._name = entry.name

    def answer(self, invocation: Invocation) -> Answer:
        if self._name == "dies":
            raise ModelEnded(507, "it was killed")
        said = f"{self._name} {invocation.content_type} {invocation.accept} ".encode() + invocation.body
        if self._name == "streams":
            return Answer(content_type="text/csv", body=Pieces(iter([b"a", b"b"]), lambda: None))
        return Answer(content_type="text/csv", body=said)

    def end(self) -> None:
        """Nothing is held."""


def start(entry: ModelEntry) -> Echo:
    """Load one; some cannot be loaded."""
    if entry.url == "/full":
        raise ModelNotLoadable(507, "there is no memory")
    return Echo(entry)


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    """A client of an application without a model."""
    with create_multi_model_app(Models(start), max_body_bytes=LIMIT).test_client() as client:
        yield client


def load(client: FlaskClient, name: str, url: str = "/opt/ml/models/x/model") -> int:
    return client.post("/models", data=json.dumps({"model_name": name, "url": url})).status_code


def test_a_ping_is_200_without_a_model(client: FlaskClient) -> None:
    """The platform loads the first one when somebody asks for it."""
    assert (200, b"") == (client.get("/ping").status_code, client.get("/ping").data)


def test_a_model_is_loaded_listed_invoked_and_unloaded(client: FlaskClient) -> None:
    """The statuses and the words of the contract."""
    loaded = load(client, "abc")
    listed = client.get("/models")
    got = client.get("/models/abc")
    invoked = client.post("/models/abc/invoke", data=b"1,2", content_type="text/csv", headers={"Accept": "a/b"})
    unloaded = client.delete("/models/abc")

    entry = {"modelName": "abc", "modelUrl": "/opt/ml/models/x/model"}
    assert (200, 200, 200) == (loaded, invoked.status_code, unloaded.status_code)
    assert ({"models": [entry]}, entry) == (listed.json, got.json)
    assert (b"abc text/csv a/b 1,2", "text/csv") == (invoked.data, invoked.content_type)
    assert {"models": []} == client.get("/models").json


def test_what_the_platform_has_to_tell_apart_has_its_own_status(client: FlaskClient) -> None:
    """409: do not load it again; 507: unload others first; 404: load it first."""
    assert (200, 409) == (load(client, "a"), load(client, "a"))
    assert 507 == load(client, "b", "/full")
    assert [404] * 3 == [
        client.get("/models/b").status_code,
        client.delete("/models/b").status_code,
        client.post("/models/b/invoke", data=b"1").status_code,
    ]


def test_a_model_that_ends_while_it_is_asked_is_said_to(client: FlaskClient) -> None:
    """And is not loaded any more."""
    load(client, "dies")
    answers = [client.post("/models/dies/invoke", data=b"1") for _ in range(2)]

    assert [(507, b"it was killed\n"), (404, b"the model dies is not loaded\n")] == [
        (answer.status_code, answer.data) for answer in answers
    ]


def test_an_answer_in_pieces_goes_through_in_pieces(client: FlaskClient) -> None:
    """None of them waits for the next one."""
    load(client, "streams")
    answer = client.post("/models/streams/invoke", data=b"1")

    assert ([b"a", b"b"], False) == (list(answer.iter_encoded()), "Content-Length" in answer.headers)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body is no JSON"),
        (b'{"model_name": "a"}', 'the body is no JSON object with a text "url"'),
        (b'{"model_name": "a/b", "url": "/x"}', "a model's name has no slash"),
    ],
)
def test_a_load_request_that_makes_no_sense_is_answered_400(client: FlaskClient, body: bytes, words: str) -> None:
    """With a sentence."""
    answer = client.post("/models", data=body)

    assert (400, f"{words}\n") == (answer.status_code, answer.text)


def test_a_request_larger_than_the_limit_is_refused(client: FlaskClient) -> None:
    """As where there is one model."""
    load(client, "a")

    assert 413 == client.post("/models/a/invoke", data=b"1" * (LIMIT + 1)).status_code


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/invocations", 404),
        ("PUT", "/models", 405),
        ("POST", "/models/a", 405),
        ("GET", "/models/a/invoke", 405),
    ],
)
def test_other_paths_and_methods_are_refused(client: FlaskClient, method: str, path: str, status: int) -> None:
    """Models are invoked by their names only."""
    assert status == client.open(path, method=method).status_code


def test_headers_of_the_platform_are_taken(client: FlaskClient) -> None:
    """What the caller called the model is for the platform; others are not known here."""
    load(client, "a")
    headers = {"X-Amzn-SageMaker-Target-Model": "a.tar.gz", "X-Amzn-Other": "x"}

    assert 200 == client.post("/models/a/invoke", data=b"1", headers=headers).status_code
