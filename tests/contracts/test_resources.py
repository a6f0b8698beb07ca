"""The hosts of a job, from its request."""

import json
from typing import Any

import pytest

from contracts.resources import Host, format_resource_config, hosts_from_request

GROUPS = {
    "InstanceGroups": [
        {"InstanceGroupName": "loaders", "InstanceType": "ml.c5.9xlarge", "InstanceCount": 2},
        {"InstanceGroupName": "trainers", "InstanceType": "ml.g5.2xlarge", "InstanceCount": 1},
    ]
}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param({}, [("algo-1", "homogeneousCluster", "local")], id="nothing said: this host"),
        pytest.param(
            {"InstanceType": "ml.m5.large", "InstanceCount": 2},
            [("algo-1", "homogeneousCluster", "ml.m5.large"), ("algo-2", "homogeneousCluster", "ml.m5.large")],
            id="two of a kind",
        ),
        pytest.param(
            GROUPS,
            [
                ("algo-1", "loaders", "ml.c5.9xlarge"),
                ("algo-2", "loaders", "ml.c5.9xlarge"),
                ("algo-3", "trainers", "ml.g5.2xlarge"),
            ],
            id="groups, one after the other",
        ),
    ],
)
def test_hosts_are_numbered_through(resources: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    """From algo-1, whatever group they are in."""
    assert expected == [(host.name, host.group, host.instance_type) for host in hosts_from_request(resources)]


def test_the_file_of_a_heterogeneous_cluster_is_that_of_the_service() -> None:
    """As the host of the second group sees it."""
    hosts = hosts_from_request(GROUPS)

    assert {
        "current_host": "algo-3",
        "current_instance_type": "ml.g5.2xlarge",
        "current_group_name": "trainers",
        "hosts": ["algo-1", "algo-2", "algo-3"],
        "instance_groups": [
            {"instance_group_name": "loaders", "instance_type": "ml.c5.9xlarge", "hosts": ["algo-1", "algo-2"]},
            {"instance_group_name": "trainers", "instance_type": "ml.g5.2xlarge", "hosts": ["algo-3"]},
        ],
        "network_interface_name": "eth0",
        "topology": None,
    } == json.loads(format_resource_config(hosts[2], hosts))


def test_hosts_are_sorted_as_text() -> None:
    """So algo-10 comes before algo-2, as on the service."""
    hosts = [Host(name=f"algo-{number}") for number in range(1, 11)]

    assert ["algo-1", "algo-10", "algo-2"] == json.loads(format_resource_config(hosts[0], hosts))["hosts"][:3]
