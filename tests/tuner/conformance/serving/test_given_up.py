"""A check that is given up while containers serve: they are removed at once, whatever they are asked just then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tuner.conformance.probe import CheckAbandoned
from tuner.conformance.serving.container import ServingProbe, Setting
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer


def serves_for_ever(_: FakeContainer) -> Iterator[None]:
    """Never ends by itself."""
    while True:
        yield


def test_containers_that_serve_are_removed_at_once(tmp_path: Path) -> None:
    """Who waits for one is told so, and no further one is started."""
    engine = FakeEngine({"image": serves_for_ever})
    probe = ServingProbe(engine=engine, image="image", home=tmp_path, sleep=lambda _: None)

    with probe.serve(Setting(model=None)) as service:
        probe.abandon()
        assert () == tuple(engine.containers({}))
        assert not service.is_running
        with pytest.raises(CheckAbandoned):
            probe.rest()

    with pytest.raises(CheckAbandoned), probe.serve(Setting(model=None)):
        raise AssertionError("a container was started")
    assert () == tuple(engine.containers({}))
