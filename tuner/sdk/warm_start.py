"""`WarmStartConfig`: the tuning jobs that a search starts from, in the words of the official SDK."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any


class WarmStartTypes(Enum):
    """How much a search has in common with those that it starts from."""

    IDENTICAL_DATA_AND_ALGORITHM = "IdenticalDataAndAlgorithm"
    TRANSFER_LEARNING = "TransferLearning"


class WarmStartConfig:
    """One to five earlier tuning jobs, by name, whose trials a search learns from."""

    def __init__(self, warm_start_type: WarmStartTypes | str, parents: Iterable[str]) -> None:
        """Raises ValueError, as the official SDK does, for another type and where there are no parents."""
        self.type = WarmStartTypes(warm_start_type)
        self.parents = {parents} if isinstance(parents, str) else set(parents)
        if not self.parents:
            raise ValueError("a warm start needs the name of at least one tuning job")

    @classmethod
    def from_job_desc(cls, warm_start_config: Mapping[str, Any] | None) -> "WarmStartConfig | None":
        """That of a WarmStartConfig as requests and descriptions have it; None where there is none."""
        if not warm_start_config:
            return None
        parents = warm_start_config["ParentHyperParameterTuningJobs"]
        return cls(warm_start_config["WarmStartType"], (parent["HyperParameterTuningJobName"] for parent in parents))

    def to_input_req(self) -> dict[str, Any]:
        """The WarmStartConfig of a request. The parents are sorted, so that the same search is the same request."""
        return {
            "WarmStartType": self.type.value,
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": name} for name in sorted(self.parents)],
        }

    def __repr__(self) -> str:
        return f"WarmStartConfig({self.type}, {sorted(self.parents)!r})"
