"""``resourceconfig.json``: the hosts of a job and which of them this is.

Source: SageMaker developer guide, "Distributed Training Configuration", "Train Using a Heterogeneous Cluster". Real
files carry more than the three documented fields; a reader must live with just those three, and with any further field.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.errors import InvalidConfigFile

#: The group name that the platform writes when the request names no instance groups.
HOMOGENEOUS_GROUP = "homogeneousCluster"
#: What stands for the instance type where a request names none: this host.
LOCAL = "local"


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """One host of a job: its name, the instance group it belongs to, its instance type."""

    name: str = "algo-1"
    group: str = HOMOGENEOUS_GROUP
    instance_type: str = LOCAL


def hosts_from_request(resources: Mapping[str, Any]) -> tuple[Host, ...]:
    """The hosts that a request's ResourceConfig (or ClusterConfig) asks for, ``algo-1`` first, group after group."""
    groups = resources.get("InstanceGroups") or [
        {
            "InstanceGroupName": HOMOGENEOUS_GROUP,
            "InstanceType": resources.get("InstanceType") or LOCAL,
            "InstanceCount": resources.get("InstanceCount", 1),
        }
    ]
    places = [group for group in groups for _ in range(group["InstanceCount"])]
    return tuple(
        Host(name=f"algo-{number}", group=group["InstanceGroupName"], instance_type=group["InstanceType"])
        for number, group in enumerate(places, start=1)
    )


def resource_configs_from_definition(definition: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The ResourceConfigs that a trial of a training job definition may get, the preferred one first.

    None where the definition says nothing of resources. HyperParameterTuningResourceConfig names either one instance
    type or, in InstanceConfigs, up to six alternatives; a trial's own request has a plain ResourceConfig.
    Source: API reference, HyperParameterTuningResourceConfig.
    """
    flexible = definition.get("HyperParameterTuningResourceConfig")
    if flexible is None:
        return (definition["ResourceConfig"],) if "ResourceConfig" in definition else ()
    key = {name: flexible[name] for name in ("VolumeKmsKeyId",) if name in flexible}
    alternatives = flexible.get("InstanceConfigs") or [
        {name: flexible[name] for name in ("InstanceType", "InstanceCount", "VolumeSizeInGB") if name in flexible}
    ]
    return tuple({**alternative, **key} for alternative in alternatives)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceConfig:
    """The hosts of a job by name, as one of them sees them."""

    current_host: str = "algo-1"
    hosts: Sequence[str] = ("algo-1",)
    network_interface_name: str = "eth0"
    instance_type: str | None = None

    @property
    def is_leader(self) -> bool:
        """Whether this host is the first of the job: by convention the one that reports and saves."""
        return self.current_host == self.hosts[0]


def format_resource_config(
    current: Host = Host(), hosts: Sequence[Host] = (Host(),), *, network_interface_name: str = "eth0"
) -> str:
    """The text of ``resourceconfig.json`` for `current`, one of `hosts`, with the fields that real files carry.

    Host names are sorted as text, as the platform does: ``algo-10`` comes before ``algo-2``.
    """
    groups: dict[str, list[Host]] = {}
    for host in hosts:
        groups.setdefault(host.group, []).append(host)
    document = {
        "current_host": current.name,
        "current_instance_type": current.instance_type,
        "current_group_name": current.group,
        "hosts": sorted(host.name for host in hosts),
        "instance_groups": [
            {
                "instance_group_name": name,
                "instance_type": members[0].instance_type,
                "hosts": sorted(host.name for host in members),
            }
            for name, members in groups.items()
        ],
        "network_interface_name": network_interface_name,
        "topology": None,
    }
    return json.dumps(document, sort_keys=True)


def parse_resource_config(text: str) -> ResourceConfig:
    """What ``resourceconfig.json`` says; raises InvalidConfigFile where a documented field is missing."""
    try:
        document = json.loads(text)
        if not document["hosts"]:
            raise InvalidConfigFile("resourceconfig.json: it names no host")
        return ResourceConfig(
            current_host=str(document["current_host"]),
            hosts=tuple(sorted(str(host) for host in document["hosts"])),
            network_interface_name=str(document["network_interface_name"]),
            instance_type=document.get("current_instance_type"),
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidConfigFile(f"resourceconfig.json: {error}") from error
