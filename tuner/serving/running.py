"""Which endpoints of a home run: the engine knows, by the labels of their containers."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.serving import DEFAULT_PORT
from tuner.engine.protocol import ENDPOINT_LABEL, HOME_LABEL, Address, ContainerStatus, Engine
from tuner.errors import EngineError, ResourceNotFound
from tuner.profile import HostProfile
from tuner.serving.container import FRONT_DOOR_LABEL


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningEndpoint:
    """An endpoint whose container runs, and where that is reached; `front_door` where it has many models."""

    name: str
    address: Address
    front_door: Address | None = None

    @property
    def url(self) -> str:
        """Where it is invoked, without the path."""
        return f"http://{self.front_door or self.address}"


def running_endpoints(engine: Engine, profile: HostProfile) -> list[RunningEndpoint]:
    """The endpoints of the home whose containers run, by name."""
    found = []
    for container in engine.containers({HOME_LABEL: str(profile.home)}):
        if ENDPOINT_LABEL in container.labels and container.status is ContainerStatus.RUNNING:
            try:
                address = engine.address(container.container_id, DEFAULT_PORT)
            except EngineError:
                continue  # it ended in this very moment
            front_door = container.labels.get(FRONT_DOOR_LABEL)
            found.append(
                RunningEndpoint(
                    name=container.labels[ENDPOINT_LABEL],
                    address=address,
                    front_door=None if front_door is None else _address(front_door),
                )
            )
    return sorted(found, key=lambda endpoint: endpoint.name)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return Address(host=host, port=int(port))


def find_endpoint(endpoints: Sequence[RunningEndpoint], name: str | None) -> RunningEndpoint:
    """The endpoint called `name`, or the only one; raises ResourceNotFound, which says what there is."""
    if not endpoints:
        raise ResourceNotFound(
            "No endpoint of this home runs. `algodock serve NAME` serves the model of a job; it runs as long as that"
            " command does, so call it from another terminal."
        )
    names = ", ".join(endpoint.name for endpoint in endpoints)
    if name is None:
        if len(endpoints) > 1:
            raise ResourceNotFound(f"Several endpoints run ({names}): choose one with --endpoint NAME.")
        return endpoints[0]
    for endpoint in endpoints:
        if endpoint.name == name:
            return endpoint
    raise ResourceNotFound(f"There is no running endpoint called {name}; there are: {names}.")


def remove_orphans(engine: Engine, profile: HostProfile, name: str) -> int:
    """Remove the containers that a killed `serve` left of the endpoint called `name`; return how many.

    Only for who holds the endpoint's lock: then nobody watches them.
    """
    left = engine.containers({HOME_LABEL: str(profile.home), ENDPOINT_LABEL: name})
    for container in left:
        engine.remove(container.container_id)
    return len(left)
