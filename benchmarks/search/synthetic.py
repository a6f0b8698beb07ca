"""Problems that are formulas: cheap, of known shape, in the ranges that people write.

The optimum is never in the middle of a range. What a formula needs of constants beyond its source is drawn once from a
generator with a fixed seed.
"""

# ruff: noqa: PLR2004 - formulas are made of numbers

import math

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.problem import (
    LOGARITHMIC,
    REVERSE,
    Configuration,
    Outcome,
    Problem,
    Split,
    numbered,
    real,
    reals,
    text,
    whole,
    with_noise,
)

#: Source of Hartmann's constants: Surjanovic and Bingham, Virtual Library of Simulation Experiments, "Hartmann 6".
_HARTMANN_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def numbers(configuration: Configuration) -> NDArray[np.float64]:
    """All values as numbers, in the order of the names."""
    return np.array([float(configuration[name]) for name in sorted(configuration, key=lambda one: (len(one), one))])


def branin(configuration: Configuration, _: np.random.Generator) -> Outcome:
    """Three equal valleys in two dimensions."""
    x, y = numbers(configuration)
    true = (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2
    return with_noise(true + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10, 0.0, _)


def rosenbrock(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """A bent narrow valley, with noise; the logarithm, as losses are often printed."""
    x = numbers(configuration)
    value = float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())
    return with_noise(math.log1p(value), 0.1, generator)


def ackley(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """Ripples around one funnel, in ten dimensions."""
    x = numbers(configuration) - np.random.default_rng(10).uniform(-10, 10, len(configuration))
    ripples = math.exp(float(np.cos(2 * math.pi * x).mean()))
    return with_noise(-20 * math.exp(-0.2 * math.sqrt(float((x**2).mean()))) - ripples + 20 + math.e, 0.0, generator)


def training_like(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """A validation error over a learning rate that should have been logarithmic, with divergence."""
    rate, decay = float(configuration["lr"]), float(configuration["wd"])
    effective = rate / (1 - float(configuration["momentum"]))
    if effective > 4:
        return Outcome(observed=None, true=math.inf)
    true = 0.08 + 0.05 * math.log10(effective / 0.05) ** 2 + 0.02 * math.log10(max(decay, 1e-6) / 1e-3) ** 2
    return with_noise(min(true, 0.9), 0.005, generator)


def mixed_six(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """Two texts, two integers and two real numbers that depend on each other, with noise."""
    shift = {"adam": 0.3, "sgd": 0.8, "rmsprop": 0.5}[configuration["optimizer"]]
    worth = {"a": 0.3, "b": 0.0, "c": 0.1, "d": 0.25, "e": 0.5}[configuration["block"]]
    lr = (math.log10(float(configuration["lr"])) + 5) / 5
    layers, width = int(configuration["layers"]), int(configuration["width"])
    true = worth + 3 * (lr - shift) ** 2 + 0.05 * (layers - 4) ** 2 + 0.2 * abs(math.log2(width / 96))
    return with_noise(true + 0.5 * (float(configuration["dropout"]) - 0.1 * layers / 2) ** 2, 0.03, generator)


def half_forbidden(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """A bowl of which half cannot be evaluated: out of memory, say."""
    x = numbers(configuration)
    if x[0] * x[1] > 0.3 or x[2] + x[3] < 0.4:
        return Outcome(observed=None, true=math.inf)
    return with_noise(
        float(((x - np.array([0.8, 0.3, 0.15, 0.35])) ** 2 * np.array([1, 2, 4, 1])).sum()), 0.0, generator
    )


def hartmann(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """Six dimensions, six local optima, with noise."""
    x = numbers(configuration)
    true = -float(_HARTMANN_ALPHA @ np.exp(-(_HARTMANN_A * (x - _HARTMANN_P) ** 2).sum(1)))
    return with_noise(true, 0.05, generator)


def levy(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """Waves of growing height in ten dimensions, the optimum moved."""
    x = numbers(configuration) - np.random.default_rng(3).uniform(-4, 4, len(configuration))
    w = 1 + x / 4
    inner = (w[:-1] ** 2 * (1 + 10 * np.sin(math.pi * w[:-1] + math.pi) ** 2)).sum()
    last = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    return with_noise(math.sin(math.pi * w[0]) ** 2 + float(inner - len(w) + 1) + last + 20, 0.0, generator)


def camel(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """Six humps in two dimensions, with noise."""
    x, y = numbers(configuration)
    true = (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (-4 + 4 * y**2) * y**2
    return with_noise(math.log1p(true + 1.0317), 0.02, generator)


def linear_rate(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """A loss over linear ranges of which three should have been logarithmic; beyond an edge it explodes to 1e30."""
    rate, batch = float(configuration["learning_rate"]), int(configuration["batch_size"])
    dropout, epsilon = float(configuration["dropout"]), float(configuration["epsilon"])
    ratio = math.log10(rate / (0.002 * math.sqrt(batch / 32)))
    if ratio > 1.9:
        return Outcome(observed=10 ** (6 + 20 * (ratio - 1.9)), true=2.5)
    true = 0.3 + 0.25 * ratio**2 + 0.08 * abs(math.log2(batch / 48)) + 0.4 * (dropout - 0.15) ** 2
    return with_noise(true + 0.03 * (math.log10(epsilon) + 4) ** 2, 0.01, generator)


def mixed_eight(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """Two texts, three integers and three numbers of every scale; one text decides which numbers matter."""
    tree = configuration["booster"] in {"gbtree", "dart"}
    order = np.random.default_rng(8).permutation(10)
    worth = 0.05 * float(order[int(configuration["encoding"][1:])])
    depth, leaves, bins = (int(configuration[name]) for name in ("depth", "leaves", "bins"))
    shape = 0.04 * (depth - 7) ** 2 if tree else 0.6 + 0.01 * depth
    shape += 0.03 * math.log2(leaves / 40) ** 2 if tree else 0.0
    momentum = math.log10(1 - float(configuration["momentum"]))
    decay = math.log10(float(configuration["decay"]))
    true = worth + shape + 0.1 * (momentum + 1.5) ** 2 + 0.02 * (decay + 3) ** 2 + 0.001 * abs(bins - 63)
    true += {"gbtree": 0.1, "dart": 0.0, "gblinear": 0.3, "none": 0.5}[configuration["booster"]]
    true += (float(configuration["subsample"]) - 0.8) ** 2
    return with_noise(true, 0.02 + 0.05 * true, generator)


def five_of_twenty(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """Twenty dimensions of which five matter, unequally, two of them together."""
    x = numbers(configuration)
    a, b, c, d, e = x[[2, 5, 11, 13, 19]]
    true = 4 * (a - 0.2) ** 2 + 2 * (b - 0.7 * c - 0.1) ** 2 + (c - 0.85) ** 2 + 0.5 * abs(d - 0.3) + 0.3 * (1 - e)
    return with_noise(true, 0.01, generator)


def near_the_edge(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """The best is beside what fails: about 40 % of the space gives nothing, and the slope leads there."""
    x = numbers(configuration)
    if x[0] + 0.5 * x[1] - 0.4 * x[2] > 0.62:
        return Outcome(observed=None, true=math.inf)
    true = 2 - 1.5 * x[0] - 0.6 * x[1] + 0.8 * (x[2] - 0.3) ** 2 + 0.5 * (x[3] - 0.75) ** 2 + 0.2 * math.sin(9 * x[4])
    return with_noise(true, 0.01, generator)


def many_texts(configuration: Configuration, generator: np.random.Generator) -> Outcome:
    """Twelve ranges: texts of 2, 3, 6 and 30 values, four integers, four numbers."""
    constants = np.random.default_rng(12)
    true = 0.0
    for name, count in (("t2", 2), ("t3", 3), ("t6", 6), ("t30", 30)):
        worths = constants.permutation(count) / count
        true += 0.4 * float(worths[int(configuration[name][1:])])
    for number in range(1, 5):
        true += 0.03 * abs(int(configuration[f"n{number}"]) - int(constants.integers(1, 11)))
        true += (float(configuration[f"x{number}"]) - float(constants.uniform(0.1, 0.9))) ** 2
    return with_noise(true, 0.02, generator)


TUNING = (
    Problem(name="branin", split=Split.TUNING, ranges=(real("x1", -5, 10), real("x2", 0, 15)), evaluate=branin),
    Problem(name="rosenbrock-4", split=Split.TUNING, ranges=reals(numbered("x", 4), -2, 2.5), evaluate=rosenbrock),
    Problem(name="ackley-10", split=Split.TUNING, ranges=reals(numbered("x", 10), -16, 16), evaluate=ackley),
    Problem(
        name="training-like",
        split=Split.TUNING,
        ranges=(real("lr", 1e-5, 1), real("momentum", 0, 0.99), real("wd", 0, 0.1)),
        evaluate=training_like,
    ),
    Problem(
        name="mixed-6",
        split=Split.TUNING,
        ranges=(
            text("optimizer", "adam", "sgd", "rmsprop"),
            text("block", "a", "b", "c", "d", "e"),
            real("lr", 1e-5, 1, LOGARITHMIC),
            real("dropout", 0, 0.9),
            whole("layers", 1, 8),
            whole("width", 8, 512, LOGARITHMIC),
        ),
        evaluate=mixed_six,
    ),
    Problem(name="half-forbidden", split=Split.TUNING, ranges=reals(numbered("x", 4), 0, 1), evaluate=half_forbidden),
)

HELD_OUT = (
    Problem(name="hartmann-6", split=Split.HELD_OUT, ranges=reals(numbered("x", 6), 0, 1), evaluate=hartmann),
    Problem(name="levy-10", split=Split.HELD_OUT, ranges=reals(numbered("x", 10), -10, 10), evaluate=levy),
    Problem(name="camel-2", split=Split.HELD_OUT, ranges=(real("x1", -2, 3), real("x2", -1, 2)), evaluate=camel),
    Problem(
        name="linear-rate-4",
        split=Split.HELD_OUT,
        ranges=(
            real("learning_rate", 1e-6, 1),
            whole("batch_size", 8, 1024),
            real("dropout", 0, 0.8),
            real("epsilon", 1e-8, 0.1),
        ),
        evaluate=linear_rate,
    ),
    Problem(
        name="mixed-8",
        split=Split.HELD_OUT,
        ranges=(
            text("booster", "none", "gblinear", "gbtree", "dart"),
            text("encoding", *(f"e{number}" for number in range(10))),
            whole("depth", 1, 14),
            whole("leaves", 4, 512, LOGARITHMIC),
            whole("bins", 15, 255),
            real("momentum", 0.0, 0.9999, REVERSE),
            real("decay", 1e-7, 1, LOGARITHMIC),
            real("subsample", 0.3, 1),
        ),
        evaluate=mixed_eight,
    ),
    Problem(name="sparse-20", split=Split.HELD_OUT, ranges=reals(numbered("x", 20), 0, 1), evaluate=five_of_twenty),
    Problem(name="edge-5", split=Split.HELD_OUT, ranges=reals(numbered("x", 5), 0, 1), evaluate=near_the_edge),
    Problem(
        name="texts-12",
        split=Split.HELD_OUT,
        ranges=(
            *(text(f"t{count}", *(f"v{number}" for number in range(count))) for count in (2, 3, 6, 30)),
            *(whole(name, 1, 10) for name in numbered("n", 4)),
            *reals(numbered("x", 4), 0, 1),
        ),
        evaluate=many_texts,
    ),
)
