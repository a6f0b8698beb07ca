"""What every engine does with private networks; `EngineConformance` has the rest."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from engine_conformance import ImageOf, unique_name
from engine_programs import TALKS

from tuner.engine.protocol import ContainerSpec, Engine, NetworkSummary
from tuner.errors import EngineRejected


class NetworkConformance:
    """The tests of networks that every engine passes."""

    @pytest.fixture
    def create_network(self, engine: Engine, run_labels: Mapping[str, str]) -> Iterator[Callable[..., str]]:
        """Creates a network and returns its name; removed after the test."""
        made: list[str] = []

        def create_network(*, internal: bool = False) -> str:
            made.append(unique_name())
            engine.create_network(made[-1], run_labels, internal=internal)
            return made[-1]

        yield create_network
        for name in made:
            engine.remove_network(name)

    @pytest.mark.parametrize("internal", [False, True])
    def test_a_network_is_listed_by_its_labels(
        self, engine: Engine, run_labels: Mapping[str, str], internal: bool
    ) -> None:
        """With its name, its labels, and whether it leads nowhere else; until it is removed."""
        name = unique_name()
        labels = {**run_labels, "mark": name}

        network_id = engine.create_network(name, labels, internal=internal)

        assert [NetworkSummary(network_id=network_id, name=name, labels=labels, internal=internal)] == list(
            engine.networks({"mark": name})
        )
        engine.remove_network(network_id)
        assert [] == list(engine.networks({"mark": name}))

    def test_a_second_network_of_one_name_is_refused(
        self, engine: Engine, run_labels: Mapping[str, str], create_network: Callable[..., str]
    ) -> None:
        """Names are how a half-started job's network is found again."""
        name = create_network()

        with pytest.raises(EngineRejected, match="already exists"):
            engine.create_network(name, run_labels, internal=False)

    def test_removing_a_network_that_is_not_there_is_no_error(self, engine: Engine) -> None:
        """It may have been removed by hand."""
        engine.remove_network(unique_name())

    def test_a_container_needs_its_network(
        self, engine: Engine, image_of: ImageOf, run_labels: Mapping[str, str]
    ) -> None:
        """One that is not there is a refusal, at the latest when the container starts; nothing is left."""
        spec = ContainerSpec(
            name=unique_name(),
            image=image_of(TALKS),
            arguments=("train",),
            environment={},
            labels=run_labels,
            private_network=unique_name(),
        )

        with pytest.raises(EngineRejected, match="not found"):
            engine.start(engine.create(spec))
