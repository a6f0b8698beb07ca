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
        tried = {space.key(trial.configuration) for trial in trials}
        return next((c for c in space.configurations() if space.key(c) not in tried), None)
