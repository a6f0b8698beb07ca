"""Our values from and to the JSON of the engine's API."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.engine import wire
from tuner.engine.isolation import Isolation
from tuner.engine.protocol import Address, ContainerSpec, ContainerState, ContainerStatus, ContainerSummary, Mount


def test_a_container_request_says_all_that_was_asked_for() -> None:
    """Golden: any change of what containers are made from shows here."""
    spec = ContainerSpec(
        name="job",
        image="img:1",
        entry_point=("/bin/run", "--fast"),
        arguments=("train",),
        environment={"B": "2", "A": "x=y"},
        mounts=(Mount(source=Path("/data"), target="/opt/ml/input", read_only=True),),
        labels={"algodock.home": "/home"},
        gpu_ids=("GPU-a", "GPU-b"),
        hostname="host",
        network=False,
        memory_bytes=1_000_000,
        cpus=1.5,
        shm_bytes=2_000,
        pids_limit=10,
        published_ports={8080: 0, 8081: 4000},
    )

    assert {
        "Image": "img:1",
        "Entrypoint": ["/bin/run", "--fast"],
        "Cmd": ["train"],
        "Hostname": "host",
        "ExposedPorts": {"8080/tcp": {}, "8081/tcp": {}},
        "Env": ["A=x=y", "B=2", "NVIDIA_VISIBLE_DEVICES=GPU-a,GPU-b"],
        "Labels": {"algodock.home": "/home", "algodock.gpus": "GPU-a,GPU-b"},
        "Tty": False,
        "OpenStdin": False,
        "HostConfig": {
            "Init": False,
            "LogConfig": {
                "Type": "json-file",
                "Config": {"max-size": "1000g", "max-file": "1", "compress": "false", "mode": "blocking"},
            },
            "Mounts": [{"Type": "bind", "Source": "/data", "Target": "/opt/ml/input", "ReadOnly": True}],
            "PidsLimit": 10,
            "SecurityOpt": ["no-new-privileges"],
            "DeviceRequests": [{"DeviceIDs": ["GPU-a", "GPU-b"], "Capabilities": [["gpu"]]}],
            "NetworkMode": "none",
            "PortBindings": {
                "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
                "8081/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4000"}],
            },
            "Memory": 1_000_000,
            "MemorySwap": 1_000_000,
            "NanoCpus": 1_500_000_000,
            "ShmSize": 2_000,
        },
    } == wire.container_request(spec)


def test_what_is_not_asked_for_is_left_to_the_image_and_the_engine() -> None:
    """No entry point, no limits, no devices; without GPUs the container is told so."""
    request = wire.container_request(ContainerSpec(name="job", image="img", environment={}, labels={}))

    assert {"Image", "Env", "Labels", "Tty", "OpenStdin", "HostConfig"} == set(request)
    assert ["NVIDIA_VISIBLE_DEVICES=void"] == request["Env"]
    assert {"Init", "LogConfig", "Mounts", "PidsLimit", "SecurityOpt"} == set(request["HostConfig"])


def test_an_isolated_container_is_made_so() -> None:
    """Golden: what `isolation` says of every container, where nothing is switched off."""
    apart = Isolation(
        capabilities=("CHOWN",), network="apart", hides_metadata=True, memory_bytes=9_000_000, oom_score=500
    )
    request = wire.container_request(ContainerSpec(name="job", image="img", environment={}, labels={}), apart)
    added = {name: request["HostConfig"][name] for name in ("CapDrop", "CapAdd", "NetworkMode", "Memory", "MemorySwap")}

    assert {
        "CapDrop": ["ALL"],
        "CapAdd": ["CHOWN"],
        "NetworkMode": "apart",
        "Memory": 9_000_000,
        "MemorySwap": 9_000_000,
    } == added
    assert 500 == request["HostConfig"]["OomScoreAdj"]
    assert {"apart": {"IPAMConfig": {"LinkLocalIPs": ["169.254.169.254"]}}} == request["NetworkingConfig"][
        "EndpointsConfig"
    ]


def test_isolation_gives_way_to_what_a_spec_says() -> None:
    """A limit of its own, a network of its own, or none."""
    apart = Isolation(network="apart", memory_bytes=9_000_000)
    plain = ContainerSpec(name="job", image="img", environment={}, labels={})
    alone = wire.container_request(replace(plain, network=False, memory_bytes=1_000), apart)
    together = wire.container_request(replace(plain, private_network="job", aliases=("algo-1",)), apart)

    assert ("none", 1_000) == (alone["HostConfig"]["NetworkMode"], alone["HostConfig"]["Memory"])
    assert "NetworkingConfig" not in alone
    assert "job" == together["HostConfig"]["NetworkMode"]
    assert {"job": {"Aliases": ["algo-1"]}} == together["NetworkingConfig"]["EndpointsConfig"]


def test_a_job_cannot_name_its_gpus_itself() -> None:
    """It could take those that another job has leased."""
    spec = ContainerSpec(name="job", image="img", environment={"NVIDIA_VISIBLE_DEVICES": "all"}, labels={})

    assert ["NVIDIA_VISIBLE_DEVICES=void"] == wire.container_request(spec)["Env"]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("created", ContainerStatus.CREATED),
        ("running", ContainerStatus.RUNNING),
        ("paused", ContainerStatus.RUNNING),
        ("restarting", ContainerStatus.RUNNING),
        ("removing", ContainerStatus.EXITED),
        ("exited", ContainerStatus.EXITED),
        ("dead", ContainerStatus.EXITED),
    ],
)
def test_each_state_of_the_engine_is_one_of_ours(name: str, status: ContainerStatus) -> None:
    """Seven names become three."""
    listed = {"Id": "1", "Names": ["/job"], "Labels": None, "State": name}

    assert ContainerSummary(container_id="1", name="job", labels={}, status=status) == wire.container_summary(listed)


def test_a_container_that_could_not_be_started_has_no_exit_code() -> None:
    """The engine notes 127 for it, but it is still only created."""
    never = "0001-01-01T00:00:00Z"
    inspected = {
        "State": {"Status": "created", "ExitCode": 127, "Error": "no", "StartedAt": never, "FinishedAt": never}
    }

    assert ContainerState(status=ContainerStatus.CREATED, error="no") == wire.container_state(inspected)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("configured", ContainerStatus.CREATED),
        ("initialized", ContainerStatus.CREATED),
        ("stopping", ContainerStatus.RUNNING),
        ("stopped", ContainerStatus.EXITED),
        ("removing", ContainerStatus.EXITED),
    ],
)
def test_what_only_podman_calls_a_state_is_one_of_ours(status: str, expected: ContainerStatus) -> None:
    """A container on its way to an end has no exit code, though Podman writes 0."""
    state = wire.container_state({"State": {"Status": status, "ExitCode": 0}})

    assert expected == state.status
    assert (0 if expected is ContainerStatus.EXITED else None) == state.exit_code


@pytest.mark.parametrize(
    ("status", "finished", "expected"),
    [
        ("removing", "0001-01-01T00:00:00Z", True),
        ("removing", "2026-11-24T05:41:17.5Z", False),
        ("exited", "0001-01-01T00:00:00Z", False),
    ],
)
def test_the_exit_code_of_what_is_removed_before_its_end_means_nothing(
    status: str, finished: str, expected: bool
) -> None:
    """It is 0, as of a container that did well."""
    assert expected == wire.is_removed_unended({"State": {"Status": status, "ExitCode": 0, "FinishedAt": finished}})


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        (None, None),
        ({}, None),
        ({"8080/tcp": None}, None),
        ({"8081/tcp": [{"HostIp": "127.0.0.1", "HostPort": "1"}]}, None),
        ({"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4000"}]}, Address(host="127.0.0.1", port=4000)),
    ],
)
def test_a_published_port_is_found_in_what_the_engine_says(ports: object, expected: Address | None) -> None:
    """A port that the image only exposes is listed without a binding; a container that has ended lists none."""
    inspected = {"State": {"Status": "running"}, "NetworkSettings": {"Ports": ports}}

    assert expected == wire.published_address(inspected, 8080)
    assert wire.published_address({**inspected, "State": {"Status": "exited"}}, 8080) is None


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("", None),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:00:01.5Z", 1.5),
        ("1970-01-01T01:00:01.250000999+01:00", 1.25),
    ],
)
def test_timestamps_become_seconds(timestamp: str, expected: float | None) -> None:
    """Any number of digits, any time zone; "never" is None."""
    assert expected == wire.seconds(timestamp)


@given(st.integers(min_value=0, max_value=4_000_000_000), st.integers(min_value=0, max_value=999_999_999))
def test_nanoseconds_are_read_to_the_microsecond(whole: int, nanoseconds: int) -> None:
    """No digit is misplaced, however many zeros the fraction begins with."""
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(whole, UTC)
    read = wire.seconds(f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z")

    assert read == pytest.approx(whole + nanoseconds / 1e9, abs=2e-6)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"status": "Pulling from library/x", "id": "latest"}, "latest: Pulling from library/x"),
        (
            {"status": "Downloading", "id": "ab", "progressDetail": {"current": 1_500_000, "total": 3_000_000}},
            "ab: Downloading 1.5 MB of 3.0 MB",
        ),
        ({"status": "Download complete", "progressDetail": {}}, "Download complete"),
    ],
)
def test_a_pull_is_told_in_words(event: dict[str, object], expected: str) -> None:
    """One line an event."""
    assert expected == wire.progress_line(event)


@pytest.mark.parametrize("network", [True, False])
def test_a_container_alone_finds_itself_by_its_aliases(network: bool) -> None:
    """Also where it has no network; on a private network the engine's own names do that."""
    plain = ContainerSpec(name="c", image="image", environment={}, labels={}, aliases=("algo-1",), network=network)
    alone = wire.container_request(plain)
    in_company = wire.container_request(replace(plain, private_network="net"))

    assert ["algo-1:127.0.0.1"] == alone["HostConfig"]["ExtraHosts"]
    assert ("net", {"EndpointsConfig": {"net": {"Aliases": ["algo-1"]}}}) == (
        in_company["HostConfig"]["NetworkMode"],
        in_company["NetworkingConfig"],
    )
    assert "ExtraHosts" not in in_company["HostConfig"]


def test_an_engine_without_such_networks_gets_what_it_has_instead() -> None:
    """A mode instead of a network, unless there is to be none or a private one."""
    alone = Isolation(network_mode="slirp4netns")
    spec = ContainerSpec(name="c", image="i", environment={}, labels={})

    for changes, expected in (({}, "slirp4netns"), ({"network": False}, "none"), ({"private_network": "job"}, "job")):
        other = wire.container_request(replace(spec, **changes), alone)["HostConfig"]
        assert expected == other["NetworkMode"]
