"""The seam for a new algorithm: what ``train`` and ``serve`` ask of one, and how they find it.

An image for another algorithm copies `contracts/`, `container/` and a module of its own with two functions, `fit` and
`load`, and sets ``ENV ALGODOCK_ALGORITHM=my_module``; a class with two such methods does as well:
``my_module:MyAlgorithm``. Everything around it (config files, failure file, exit codes, signals, HTTP) is then as in
the reference image.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from container.environment import TrainingEnvironment
from container.errors import InvalidServingRequest, InvalidTrainingRequest
from contracts.hyperparameters import HyperparameterSpec, Value

#: Instances as an array whose first axis counts them. Numbers in JSON, JSON lines and CSV arrive as ``float64``, NPY as
#: it is, an image as ``uint8 (1, height, width, 3)``, red first.
Instances = npt.NDArray[Any]

#: The environment variable that names the algorithm, as ``module`` or ``module:name``, and what it is when not set.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassProbabilities:
    """An answer of a classifier: a row of probabilities for each instance, a column for each of `classes`.

    As CSV and NPY the rows go out as they are; JSON names the classes.
    """

    values: npt.NDArray[Any]
    classes: Sequence[str]


#: Rows of an answer, one a prediction.
Predictions = npt.NDArray[Any] | ClassProbabilities


@runtime_checkable
class Predictor(Protocol):
    """A model that is loaded. Fitted estimators of scikit-learn are predictors as they are."""

    def predict(self, instances: Instances, /) -> Predictions | Iterator[Predictions]:
        """Predictions, one a row, in the order of `instances`.

        A generator may ``yield`` them in pieces, which the caller gets as they come: each piece is the next rows.

        Always called by the same thread of a process, the one that loaded the model; between two pieces of one answer
        that thread may work at others. Raise InvalidPayload for instances that the model does not take: the caller is
        answered 400; any other exception is answered 500. After the first piece nothing can be answered any more: then
        the connection is closed before the answer's end.
        """


@runtime_checkable
class Servable(Protocol):
    """What can be served: `load` is all that ``serve`` asks of an algorithm."""

    def load(self, folder: Path, /) -> Predictor:
        """The model that `fit` left in `folder`, which is read-only here.

        Called once in each process that predicts. Raise a ContainerError for what the user can put right.
        """


def load_algorithm(name: str) -> Algorithm:
    """The algorithm that `name` (``module`` or ``module:class``) names, to be trained.

    Raises InvalidTrainingRequest when there is none or it cannot be trained.
    """
    found = _find(name)
    if not isinstance(found, Algorithm):
        raise InvalidTrainingRequest(f"{ALGORITHM_VARIABLE}={name!r} is no algorithm: it lacks hyperparameters or fit")
    return found


def load_servable(name: str) -> Servable:
    """The algorithm that `name` (``module`` or ``module:class``) names, to be served.

    Raises InvalidTrainingRequest when there is none, InvalidServingRequest when it cannot be served.
    """
    found = _find(name)
    if not isinstance(found, Servable):
        raise InvalidServingRequest(f"{ALGORITHM_VARIABLE}={name!r} cannot be served: it lacks load")
    return found


def load_predictor(name: str, folder: Path) -> Predictor:
    """The model in `folder`, as the algorithm that `name` names loads it; raises what `load_servable` and it raise."""
    predictor = load_servable(name).load(folder)
    if not isinstance(predictor, Predictor):
        raise InvalidServingRequest(f"{name}: what load returned has no predict")
    return predictor


def _find(name: str) -> object:
    """The module, or an instance of the class, that `name` names.

    The import happens here and not at the top of a module because a deep-learning framework takes seconds to import and
    reads its number of threads from the environment while it is: SIGTERM and threads must be seen to before.
    """
    module_name, _, class_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
        factory = getattr(module, class_name) if class_name else None
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
    return module if factory is None else factory()
