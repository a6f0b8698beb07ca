"""Grid search: every combination, each exactly once."""

from collections.abc import Sequence

import numpy as np

from tuner.search.space import Configuration, SearchSpace
from tuner.search.trials import Trial


class GridSearch:
    """Goes through the combinations in one fixed order, the last range varying fastest."""

    def suggest(
        self,
        space: SearchSpace,
        trials: Sequence[Trial],
        generator: np.random.Generator,  # noqa: ARG002 - every strategy is called alike
    ) -> Configuration | None:
        """The first combination that no trial has; None when all have been tried.

        Raises ValueError for a space whose combinations cannot be counted, which validation refuses.
        """
        return space.first_without(space.keys(trial.configuration for trial in trials))
