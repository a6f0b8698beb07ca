"""Trials: what a search knows of the training jobs of its tuning job."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.jobs import ObjectiveStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One training job of a tuning job.

    `index` counts from 1 in the order of creation. `configuration` are the tuned hyperparameters, as strings.
    `objective` is the latest value of the objective, None where there is none (yet). A pending trial is still running.
    """

    index: int
    configuration: Mapping[str, str]
    status: ObjectiveStatus = ObjectiveStatus.PENDING
    objective: float | None = None
