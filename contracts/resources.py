"""``resourceconfig.json``: the hosts of a job and which of them this is; and what an instance type brings.

Source: SageMaker developer guide, "Distributed Training Configuration". Real files carry more than the three
documented fields; a reader must live with just those three, and with any further field.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.errors import InvalidConfigFile

#: The group name that the platform writes when the request names no instance groups.
HOMOGENEOUS_GROUP = "homogeneousCluster"

#: GPUs by instance type, for the types whose GPUs a container sees as NVIDIA devices. Source: AWS instance tables.
_GPUS_BY_TYPE: dict[str, int] = {
    **{f"ml.{family}.{size}": 1 for family in ("g4dn", "g5", "g6", "g6e") for size in ("xlarge", "2xlarge", "4xlarge")},
    **{f"ml.{family}.{size}": 1 for family in ("g4dn", "g5", "g6", "g6e") for size in ("8xlarge", "16xlarge")},
    **{f"ml.{family}.12xlarge": 4 for family in ("g4dn", "g5", "g6", "g6e")},
    **{f"ml.{family}.24xlarge": 4 for family in ("g5", "g6", "g6e")},
    **{f"ml.{family}.48xlarge": 8 for family in ("g5", "g6", "g6e")},
    "ml.p2.xlarge": 1,
    "ml.p2.8xlarge": 8,
    "ml.p2.16xlarge": 16,
    "ml.p3.2xlarge": 1,
    "ml.p3.8xlarge": 4,
    "ml.p3.16xlarge": 8,
    "ml.p3dn.24xlarge": 8,
    **{f"ml.{family}.24xlarge": 8 for family in ("p4d", "p4de")},
    "ml.p5.4xlarge": 1,
    **{f"ml.{family}.48xlarge": 8 for family in ("p5", "p5e", "p5en")},
    "local_gpu": 1,
}
_GPU_FAMILY = re.compile(r"ml\.(p\d|g\d)")


def gpus_of_instance_type(instance_type: str) -> int:
    """How many NVIDIA GPUs a host of `instance_type` brings; 0 for a CPU type, 1 for a GPU type not in the table."""
    return _GPUS_BY_TYPE.get(instance_type, 1 if _GPU_FAMILY.match(instance_type) else 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceConfig:
    """The hosts of a job, as one of them sees them."""

    current_host: str = "algo-1"
    hosts: Sequence[str] = ("algo-1",)
    network_interface_name: str = "eth0"
    instance_type: str | None = None

    @property
    def is_leader(self) -> bool:
        """Whether this host is the first of the job: by convention the one that reports and saves."""
        return self.current_host == self.hosts[0]


def format_resource_config(config: ResourceConfig) -> str:
    """The text of ``resourceconfig.json``, with the fields that real files carry."""
    hosts = sorted(config.hosts)
    instance_type = config.instance_type or "local"
    document = {
        "current_host": config.current_host,
        "current_instance_type": instance_type,
        "current_group_name": HOMOGENEOUS_GROUP,
        "hosts": hosts,
        "instance_groups": [
            {"instance_group_name": HOMOGENEOUS_GROUP, "instance_type": instance_type, "hosts": hosts},
        ],
        "network_interface_name": config.network_interface_name,
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
