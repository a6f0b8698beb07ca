"""The learning-curve tables: so many random configurations of a space, each with its value after every epoch.

The tuning tables are what settings, priors and methods were chosen by; the held-out tables are reported and nothing
else. No data set with its way of training is in both. Tables are trained here once and kept in `build/early-stopping`.
"""

import functools
import inspect
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.early_stopping import training
from benchmarks.search.problem import LOGARITHMIC, Configuration, Split, real, text, whole
from contracts.metrics import Objective, ObjectiveType
from contracts.ranges import ParameterRange
from tuner.search.space import SearchSpace

Array = NDArray[np.float64]

#: Everything that the benchmark makes; git ignores it.
BUILD = training.ROOT / "build" / "early-stopping"

_ROWS = 400


@dataclass(frozen=True, kw_only=True)
class Table:
    """A space, what is trained at its points, for how many epochs, and in which direction the result is better."""

    name: str
    split: Split
    type: ObjectiveType
    epochs: int
    ranges: tuple[ParameterRange, ...]
    train: Callable[[str, int, Configuration], Array]

    @property
    def objective(self) -> Objective:
        """What a tuning job over this table would ask for."""
        return Objective(type=self.type, metric_name="objective")

    @functools.cached_property
    def space(self) -> SearchSpace:
        """The space that its rows are drawn from."""
        return SearchSpace(self.ranges)

    @functools.cached_property
    def points(self) -> Array:
        """Its rows' places in the unit cube: (n, d)."""
        return self._made["points"]

    @functools.cached_property
    def curves(self) -> Array:
        """Its rows' values by epoch, NaN where a training printed no number: (n, epochs)."""
        return self._made["curves"]

    @functools.cached_property
    def _made(self) -> dict[str, Array]:
        path = self._path()
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            generator = np.random.default_rng(0)
            points = generator.random((_ROWS, len(self.ranges)))
            configurations = [self.space.decode(point) for point in points]
            data_set = self.name.split("-")[1]
            curves = np.array([self.train(data_set, self.epochs, one) for one in configurations])
            np.savez_compressed(path, points=points, curves=np.where(np.isfinite(curves), curves, np.nan))
        with np.load(path) as kept:
            return dict(kept)

    def _path(self) -> Path:
        """Where the table is kept: it is another one when what makes it has changed."""
        source = inspect.getsource(training) + repr((self.ranges, self.epochs, _ROWS))
        return BUILD / "tables" / f"{self.name}-{zlib.crc32(source.encode()):08x}.npz"


_NETWORK = (
    real("rate", 1e-3, 3, LOGARITHMIC),
    real("friction", 0.01, 1, LOGARITHMIC),
    real("decay", 1e-6, 1e-1, LOGARITHMIC),
    whole("batch", 8, 256, LOGARITHMIC),
    whole("hidden", 4, 64, LOGARITHMIC),
    text("schedule", "constant", "cosine", "steps"),
)
_CONSTANT = (*_NETWORK[:-1], text("schedule", "constant"))
_IMAGES = (
    real("rate", 1e-3, 1, LOGARITHMIC),
    real("friction", 0.03, 1, LOGARITHMIC),
    real("decay", 1e-6, 1e-1, LOGARITHMIC),
    whole("batch", 32, 256, LOGARITHMIC),
    whole("hidden", 8, 96, LOGARITHMIC),
    text("schedule", "constant", "cosine", "steps"),
)
_ADAM = (
    real("rate", 1e-4, 0.3, LOGARITHMIC),
    real("alpha", 1e-6, 10, LOGARITHMIC),
    real("inertia", 0.01, 1, LOGARITHMIC),
    whole("batch", 16, 256, LOGARITHMIC),
    whole("width", 4, 64, LOGARITHMIC),
    whole("depth", 1, 3),
)
_BOOSTING = (
    real("rate", 0.01, 1, LOGARITHMIC),
    whole("depth", 1, 8),
    real("rows", 0.2, 1),
    real("columns", 0.1, 1),
    whole("leaf", 1, 50, LOGARITHMIC),
)
_LINEAR = (
    text("loss", "hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron"),
    text("schedule", "constant", "optimal", "invscaling", "adaptive"),
    real("alpha", 1e-6, 1, LOGARITHMIC),
    real("rate", 1e-4, 1, LOGARITHMIC),
)
_UP, _DOWN = ObjectiveType.MAXIMIZE, ObjectiveType.MINIMIZE


def _table(  # noqa: PLR0917 - a line a table below is what can be read
    name: str,
    split: Split,
    kind: ObjectiveType,
    epochs: int,
    ranges: tuple[ParameterRange, ...],
    train: Callable[[str, int, Configuration], Array],
) -> Table:
    return Table(name=name, split=split, type=kind, epochs=epochs, ranges=ranges, train=train)


#: The second word of a name is the data set.
TUNING = (
    _table("network-wine", Split.TUNING, _DOWN, 27, _CONSTANT, training.network_loss),
    _table("network-cancer", Split.TUNING, _DOWN, 40, _NETWORK, training.network_loss),
    _table("network-classes-accuracy", Split.TUNING, _UP, 30, _NETWORK, training.network_accuracy),
    _table("adam-friedman", Split.TUNING, _DOWN, 50, _ADAM, training.adam_error),
    _table("boosting-friedman", Split.TUNING, _DOWN, 60, _BOOSTING, training.boosting_error),
    _table("linear-classes-accuracy", Split.TUNING, _UP, 20, _LINEAR, training.linear_accuracy),
)
HELD_OUT = (
    _table("network-digits", Split.HELD_OUT, _DOWN, 40, _NETWORK, training.network_loss),
    _table("network-digits-accuracy", Split.HELD_OUT, _UP, 27, _CONSTANT, training.network_accuracy),
    _table("network-cifar-accuracy", Split.HELD_OUT, _UP, 30, _IMAGES, training.network_accuracy),
    _table("adam-digits-accuracy", Split.HELD_OUT, _UP, 30, _ADAM, training.adam_accuracy),
    _table("adam-diabetes", Split.HELD_OUT, _DOWN, 50, _ADAM, training.adam_error),
    _table("boosting-diabetes", Split.HELD_OUT, _DOWN, 60, _BOOSTING, training.boosting_error),
    _table("boosting-classes", Split.HELD_OUT, _DOWN, 50, _BOOSTING, training.boosting_loss),
    _table("linear-digits-accuracy", Split.HELD_OUT, _UP, 20, _LINEAR, training.linear_accuracy),
)
