"""Loading, listing and unloading over HTTP: what each answer of a container becomes."""

import json
from collections.abc import Callable

import pytest
from http_servers import Request, Response, model_server

from contracts.multi_model import ModelEntry
from tuner.serving.errors import ModelError
from tuner.serving.model_calls import HttpModelContainer

ENTRY = ModelEntry(name="abc", url="/opt/ml/models/abc/model")


def answering(status: int, body: bytes = b"") -> Callable[[Request], Response]:
    """Always the same."""
    return lambda _: Response(status=status, body=body)


def test_a_model_is_loaded_invoked_and_unloaded_as_the_contract_says() -> None:
    """Methods, paths, bodies."""
    with model_server(lambda request: Response(body=request.body)) as server:
        container = HttpModelContainer(server.address)
        container.load(ENTRY)
        answer = container.invoke("abc", b"1,2", {"Content-Type": "text/csv"})
        container.unload("abc")

    load, invocation, unload = server.requests
    assert ("POST", "/models") == (load.method, load.path)
    assert {"model_name": "abc", "url": "/opt/ml/models/abc/model"} == json.loads(load.body)
    assert ("POST", "/models/abc/invoke", "text/csv") == (
        invocation.method,
        invocation.path,
        invocation.headers["Content-Type"],
    )
    assert (b"1,2", ("DELETE", "/models/abc")) == (answer.body, (unload.method, unload.path))


def test_what_is_so_already_is_no_error() -> None:
    """409 to a load, 404 to an unload."""
    with model_server(answering(409)) as server:
        HttpModelContainer(server.address).load(ENTRY)
    with model_server(answering(404)) as server:
        HttpModelContainer(server.address).unload("abc")


@pytest.mark.parametrize(("status", "expected"), [(200, True), (404, False), (500, False)])
def test_a_model_is_loaded_where_the_container_says_so(status: int, expected: bool) -> None:
    """GET /models/NAME; a name is quoted, whatever letters it has."""
    with model_server(answering(status)) as server:
        assert expected == HttpModelContainer(server.address).is_loaded("a/ b")

    assert ["/models/a%2F%20b"] == [request.path for request in server.requests]


@pytest.mark.parametrize(("status", "words"), [(507, "no memory"), (500, "no layers")])
def test_every_other_answer_is_a_model_error(status: int, words: str) -> None:
    """With the container's status and words: 507 is for the routing to see."""
    with model_server(answering(status, words.encode())) as server:
        container = HttpModelContainer(server.address)
        with pytest.raises(ModelError, match=words) as of_loading:
            container.load(ENTRY)
        with pytest.raises(ModelError, match=words) as of_unloading:
            container.unload("a")

    assert (status, status) == (of_loading.value.original_status_code, of_unloading.value.original_status_code)


def test_a_container_that_has_gone_is_a_model_error() -> None:
    """Nobody listens."""
    with model_server(answering(200)) as server:
        container = HttpModelContainer(server.address)
    with pytest.raises(ModelError, match="POST /models was not answered"):
        container.load(ENTRY)


def page(names: list[str], token: str | None = None) -> Response:
    """A page of a listing."""
    models = [{"modelName": name, "modelUrl": f"/opt/ml/models/{name}/model"} for name in names]
    return Response(body=json.dumps({"models": models, **({"nextPageToken": token} if token else {})}).encode())


def test_a_listing_is_read_to_its_last_page() -> None:
    """The token goes back as it came, quoted."""
    pages = {"/models": page(["a", "b"], "t&1"), "/models?next_page_token=t%261": page(["c"])}
    with model_server(lambda request: pages[request.path]) as server:
        listed = [entry.name for entry in HttpModelContainer(server.address).models()]

    assert ["a", "b", "c"] == listed


def test_a_listing_that_leads_in_a_circle_ends() -> None:
    """Somebody else wrote that container."""
    with model_server(lambda _: page(["a"], "again")) as server:
        assert 2 == len(list(HttpModelContainer(server.address).models()))


@pytest.mark.parametrize("answer", [Response(body=b"<html>"), Response(status=503)])
def test_a_listing_that_makes_no_sense_is_a_model_error(answer: Response) -> None:
    """Not a traceback."""
    with model_server(lambda _: answer) as server, pytest.raises(ModelError):
        list(HttpModelContainer(server.address).models())
