"""What drives containers from outside; and, from Python, the names that people know from the official SageMaker SDK.

The names below are imported when they are first used: `import tuner` alone costs nothing, and the command line, which
lives in this package, starts without them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuner.errors import TunerError
    from tuner.profile import HostProfile, load_profile
    from tuner.sdk.analytics import HyperparameterTuningJobAnalytics, TrainingJobAnalytics
    from tuner.sdk.estimator import Estimator
    from tuner.sdk.hyperparameter_tuner import HyperparameterTuner
    from tuner.sdk.inputs import ShuffleConfig, TrainingInput
    from tuner.sdk.parameters import CategoricalParameter, ContinuousParameter, IntegerParameter
    from tuner.sdk.session import Session
    from tuner.sdk.tuning_config import (
        HyperbandStrategyConfig,
        StrategyConfig,
        TuningJobCompletionCriteriaConfig,
    )
    from tuner.sdk.waiting import UnexpectedStatusException
    from tuner.sdk.warm_start import WarmStartConfig, WarmStartTypes

__all__ = [
    "CategoricalParameter",
    "ContinuousParameter",
    "Estimator",
    "HostProfile",
    "HyperbandStrategyConfig",
    "HyperparameterTuner",
    "HyperparameterTuningJobAnalytics",
    "IntegerParameter",
    "Session",
    "ShuffleConfig",
    "StrategyConfig",
    "TrainingInput",
    "TrainingJobAnalytics",
    "TunerError",
    "TuningJobCompletionCriteriaConfig",
    "UnexpectedStatusException",
    "WarmStartConfig",
    "WarmStartTypes",
    "load_profile",
]

_MODULES = {
    "CategoricalParameter": "tuner.sdk.parameters",
    "ContinuousParameter": "tuner.sdk.parameters",
    "Estimator": "tuner.sdk.estimator",
    "HostProfile": "tuner.profile",
    "HyperbandStrategyConfig": "tuner.sdk.tuning_config",
    "HyperparameterTuner": "tuner.sdk.hyperparameter_tuner",
    "HyperparameterTuningJobAnalytics": "tuner.sdk.analytics",
    "IntegerParameter": "tuner.sdk.parameters",
    "Session": "tuner.sdk.session",
    "ShuffleConfig": "tuner.sdk.inputs",
    "StrategyConfig": "tuner.sdk.tuning_config",
    "TrainingInput": "tuner.sdk.inputs",
    "TrainingJobAnalytics": "tuner.sdk.analytics",
    "TunerError": "tuner.errors",
    "TuningJobCompletionCriteriaConfig": "tuner.sdk.tuning_config",
    "UnexpectedStatusException": "tuner.sdk.waiting",
    "WarmStartConfig": "tuner.sdk.warm_start",
    "WarmStartTypes": "tuner.sdk.warm_start",
    "load_profile": "tuner.profile",
}


def __getattr__(name: str) -> Any:
    """A public name, imported now."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """What `dir(tuner)` and completion in a notebook show."""
    return sorted({*globals(), *__all__})
