"""The seam for a new algorithm: what ``python -m container train`` asks of one, and how it finds it.

An image for another algorithm copies `contracts/`, `container/` and a module of its own, and sets
``ENV ALGODOCK_ALGORITHM=my_module:MyAlgorithm``. Everything around it (config files, failure file, exit codes,
SIGTERM) is then as in the reference image.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from container.environment import TrainingEnvironment
from container.errors import InvalidTrainingRequest
from contracts.hyperparameters import HyperparameterSpec, Value

#: The environment variable that names the algorithm, as ``module:name``, and what it is when not set.
ALGORITHM_VARIABLE = "ALGODOCK_ALGORITHM"
REFERENCE_ALGORITHM = "container.cifar10.training:Cifar10"


class StopRequest:
    """Whether the platform has asked training to stop. Set by a signal, read between batches, never unset.

    A plain attribute on purpose: `threading.Event.set` takes a lock, so a second SIGTERM that arrives while the first
    one is being handled would wait for itself for ever.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Ask for a stop."""
        self._is_set = True

    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return self._is_set


@runtime_checkable
class Algorithm(Protocol):
    """What can be trained: the hyperparameters it understands, and `fit`."""

    hyperparameters: Sequence[HyperparameterSpec]

    def fit(self, environment: TrainingEnvironment, hyperparameters: Mapping[str, Value], stop: StopRequest) -> None:
        """Train on the environment's channels, print metrics on stdout, leave the model in ``environment.model``.

        `hyperparameters` has every name of `self.hyperparameters`, decoded. Once `stop` is set, save what there is and
        return within the 120 seconds that the platform grants. Raise a ContainerError for what the user can put right;
        any other exception is reported with its traceback.
        """


def load_algorithm(name: str) -> Algorithm:
    """An instance of the class that `name` (``module:name``) names.

    The import happens here and not at the top of a module because a deep-learning framework takes seconds to import and
    reads its number of threads from the environment while it is: SIGTERM and threads must be seen to before.
    Raises InvalidTrainingRequest when there is no such class or it is no algorithm.
    """
    module_name, _, class_name = name.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), class_name)
    except (AttributeError, ValueError) as error:
        raise InvalidTrainingRequest(f"{ALGORITHM_VARIABLE}={name!r} names no algorithm: {error}") from error
    except OSError as error:  # how a framework's shared library fails to load
        if "libcuda" not in str(error):
            raise
        raise InvalidTrainingRequest(
            f"this image is built for NVIDIA GPUs and its container has none ({error}); ask for a GPU, or use an image "
            "built for CPUs"
        ) from error
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise InvalidTrainingRequest(f"{ALGORITHM_VARIABLE}={name!r} names no algorithm: {error}") from error
    algorithm = factory()
    if not isinstance(algorithm, Algorithm):
        raise InvalidTrainingRequest(f"{ALGORITHM_VARIABLE}={name!r} is no algorithm: it lacks hyperparameters or fit")
    return algorithm
