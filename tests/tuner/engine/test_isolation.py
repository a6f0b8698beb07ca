"""Which isolation an engine can give, and what a profile switches off."""

from dataclasses import replace
from pathlib import Path

import pytest

from tuner.engine.isolation import KEPT_CAPABILITIES, Isolation, isolation, resolvers_in
from tuner.engine.protocol import EngineFacts
from tuner.profile import IsolationItem, ProfileError, load_profile

DOCKER = EngineFacts(
    name="host",
    version="20.10",
    api_version="1.41",
    storage_driver="overlay2",
    root="/var/lib/docker",
    cpus=2,
    memory_bytes=1_000,
    system_time=0.0,
)
WHOLE = Isolation(
    capabilities=KEPT_CAPABILITIES, network="algodock-apart", hides_metadata=True, memory_bytes=900, oom_score=500
)


def test_all_of_it_is_the_default() -> None:
    """A profile that says nothing gets everything."""
    assert WHOLE == isolation((), DOCKER, ["10.0.0.2"])


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (IsolationItem.CAPABILITIES, replace(WHOLE, capabilities=None)),
        (IsolationItem.NETWORK, replace(WHOLE, network=None, hides_metadata=False)),
        (IsolationItem.METADATA, replace(WHOLE, hides_metadata=False)),
        (IsolationItem.MEMORY, replace(WHOLE, memory_bytes=None, oom_score=None)),
    ],
)
def test_each_item_can_be_switched_off(item: IsolationItem, expected: Isolation) -> None:
    """An image that cannot live with one keeps the others."""
    assert expected == isolation({item}, DOCKER, [])


@pytest.mark.parametrize("resolvers", [["10.0.0.2", "169.254.169.254"], None])
def test_names_are_resolved_where_the_name_server_is_link_local(resolvers: list[str] | None) -> None:
    """On Google's cloud the name server has the address of the metadata; of another machine nobody here knows."""
    assert replace(WHOLE, hides_metadata=False) == isolation((), DOCKER, resolvers)


def test_an_engine_gets_what_it_can_do() -> None:
    """Without cgroups there is no limit of memory; who is ended first where it runs out is no matter of cgroups."""
    rootless = replace(DOCKER, limits_memory=False)

    assert replace(WHOLE, memory_bytes=None) == isolation((), rootless, [])


@pytest.mark.parametrize(
    ("off", "network_mode"),
    [
        ((), "slirp4netns:allow_host_loopback=false,enable_ipv6=false,cidr=169.254.0.0/16"),
        ((IsolationItem.METADATA,), "slirp4netns:allow_host_loopback=false,enable_ipv6=false"),
        ((IsolationItem.NETWORK,), None),
    ],
)
def test_podman_gives_each_container_a_network_stack_of_its_own(
    off: tuple[IsolationItem, ...], network_mode: str | None
) -> None:
    """For its bridges let their containers talk to each other; without the program for that there is the bridge."""
    podman = replace(DOCKER, is_podman=True, has_user_mode_network=True)
    on_bridge = replace(WHOLE, network=None, hides_metadata=False)

    assert replace(on_bridge, network_mode=network_mode) == isolation(off, podman, None)
    assert on_bridge == isolation((), replace(podman, has_user_mode_network=False), None)


def test_name_servers_are_read_from_their_file() -> None:
    """Whatever else is in it."""
    text = "# nameserver 1.1.1.1\nsearch example.com\nnameserver 10.0.0.2\nnameserver\noptions edns0\nnameserver ::1\n"

    assert ["10.0.0.2", "::1"] == resolvers_in(text)


def test_items_are_named_in_the_profile(tmp_path: Path) -> None:
    """A name that is none is an error with those that there are."""
    file = tmp_path / "algodock.toml"
    file.write_text('isolation_off = ["metadata", "capabilities"]')
    profile = load_profile({"HOME": str(tmp_path)}, tmp_path)
    file.write_text('isolation_off = ["seccomp"]')

    assert {IsolationItem.METADATA, IsolationItem.CAPABILITIES} == profile.isolation_off
    with pytest.raises(ProfileError, match="not a list of capabilities, network, metadata, memory"):
        load_profile({"HOME": str(tmp_path)}, tmp_path)
