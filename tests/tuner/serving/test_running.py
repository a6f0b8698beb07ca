"""Finding endpoints by the labels of their containers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.engine.protocol import HOME_LABEL, ContainerSpec
from tuner.errors import ResourceNotFound
from tuner.profile import HostProfile
from tuner.serving.container import ServedModel, serving_container
from tuner.serving.running import find_endpoint, remove_orphans, running_endpoints


def endless(run: FakeContainer) -> Iterator[None]:
    """Runs until it is killed."""
    while True:
        yield


@pytest.fixture
def profile(tmp_path: Path) -> HostProfile:
    """A home."""
    return HostProfile(home=tmp_path / "home")


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    """An engine with one image, whose containers are removed in the end."""
    engine = FakeEngine({"img": endless})
    yield engine
    for container in engine.containers({}):
        engine.remove(container.container_id)


def start(engine: FakeEngine, profile: HostProfile, name: str, folder: Path) -> str:
    """Start an endpoint's container; return its id."""
    model = ServedModel(endpoint_name=name, image="img", model_folder=folder)
    container_id = engine.create(serving_container(model, profile))
    engine.start(container_id)
    return container_id


def test_the_endpoints_of_a_home_are_found_with_their_addresses(
    engine: FakeEngine, profile: HostProfile, tmp_path: Path
) -> None:
    """Not those of other homes, nor jobs, nor what has ended."""
    first = start(engine, profile, "b", tmp_path)
    start(engine, profile, "a", tmp_path)
    engine.finish(start(engine, profile, "c", tmp_path), 0)
    start(engine, HostProfile(home=tmp_path / "other"), "d", tmp_path)
    engine.start(
        engine.create(ContainerSpec(name="job", image="img", environment={}, labels={HOME_LABEL: str(profile.home)}))
    )
    found = running_endpoints(engine, profile)

    assert ["a", "b"] == [endpoint.name for endpoint in found]
    assert engine.address(first, 8080) == find_endpoint(found, "b").address


def test_the_only_endpoint_needs_no_name(engine: FakeEngine, profile: HostProfile, tmp_path: Path) -> None:
    """Of several one must be chosen."""
    start(engine, profile, "a", tmp_path)
    alone = find_endpoint(running_endpoints(engine, profile), None)
    start(engine, profile, "b", tmp_path)

    assert "a" == alone.name
    with pytest.raises(ResourceNotFound, match=r"Several endpoints run \(a, b\): choose one with --endpoint NAME"):
        find_endpoint(running_endpoints(engine, profile), None)
    with pytest.raises(ResourceNotFound, match="no running endpoint called c; there are: a, b"):
        find_endpoint(running_endpoints(engine, profile), "c")


def test_without_any_endpoint_the_way_to_one_is_told(engine: FakeEngine, profile: HostProfile) -> None:
    """With a name or without."""
    for name in (None, "a"):
        with pytest.raises(ResourceNotFound, match="`algodock serve NAME`"):
            find_endpoint(running_endpoints(engine, profile), name)


def test_orphans_of_one_name_are_removed(engine: FakeEngine, profile: HostProfile, tmp_path: Path) -> None:
    """Other endpoints stay."""
    start(engine, profile, "a", tmp_path)
    start(engine, profile, "b", tmp_path)

    assert (1, 0) == (remove_orphans(engine, profile, "a"), remove_orphans(engine, profile, "a"))
    assert ["b"] == [endpoint.name for endpoint in running_endpoints(engine, profile)]
