"""What a search is after: from trials to the numbers that are to be made small. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.jobs import ObjectiveStatus
from contracts.metrics import ObjectiveType
from tuner.search.trials import Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """One objective, to be made great or small."""

    objective_type: ObjectiveType

    @property
    def sign(self) -> float:
        """What the objective is multiplied by to become what is to be made small."""
        return -1.0 if self.objective_type is ObjectiveType.MAXIMIZE else 1.0

    def values(self, ended: Sequence[Trial]) -> NDArray[np.float64]:
        """What is to be made small, by trial that has ended: (n,); infinite for one that failed."""
        return np.array(
            [
                np.inf
                if trial.status is not ObjectiveStatus.SUCCEEDED or trial.objective is None
                else self.sign * trial.objective
                for trial in ended
            ],
            dtype=float,
        )
