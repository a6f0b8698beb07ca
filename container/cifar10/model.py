"""The model folder: what training leaves in ``/opt/ml/model``, and how to get predictions out of it again.

``model-symbol.json`` and ``model-0000.params`` are Gluon's export of the network, readable by every binding of MXNet;
``model.json`` says what the network takes and gives.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import mxnet as mx
import numpy as np
import numpy.typing as npt
from mxnet.gluon import HybridBlock, SymbolBlock

from container.cifar10 import dataset
from container.errors import ContainerError
from contracts.hyperparameters import Value

_DESCRIPTION = "model.json"
_INPUT_NAME = "data"  # what HybridBlock.export calls the only input


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelDescription:
    """What is to know about a saved network; the content of ``model.json``."""

    network: str
    classes: Sequence[str]
    mean: Sequence[float]
    std: Sequence[float]
    hyperparameters: Mapping[str, Value]
    epochs_trained: int
    validation_accuracy: float | None
    """Of the last epoch that was trained to its end; None when training was stopped within the first."""


class Classifier:
    """A network with its description: raw images in, probabilities out."""

    def __init__(self, network: HybridBlock, description: ModelDescription, device: mx.Context) -> None:
        self.description = description
        self._network = network
        self._device = device

    def predict(self, images: dataset.Images) -> npt.NDArray[np.float32]:
        """Probabilities ``(n, classes)`` of images ``uint8 (n, 3, 32, 32)``."""
        batch = normalised(
            mx.nd.array(images, ctx=self._device, dtype="uint8"), self.description.mean, self.description.std
        )
        return np.asarray(mx.nd.softmax(self._network(batch)).asnumpy(), np.float32)


def normalised(images: mx.nd.NDArray, mean: Sequence[float], std: Sequence[float]) -> mx.nd.NDArray:
    """``uint8 (n, 3, 32, 32)`` as floats with each colour's mean and deviation taken out, on the device they are on."""
    offset, scale = (mx.nd.array(values, ctx=images.context).reshape((1, 3, 1, 1)) for values in (mean, std))
    return (images.astype("float32") / 255 - offset) / scale


def save(folder: Path, network: HybridBlock, description: ModelDescription) -> None:
    """Write a hybridized network that has been run at least once, with its description, to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    network.export(str(folder / "model"), epoch=0)
    (folder / _DESCRIPTION).write_text(json.dumps(asdict(description), indent=2) + "\n", encoding="utf-8")


def load(folder: Path, device: mx.Context | None = None) -> Classifier:
    """The classifier that `save` wrote to `folder`; raises ContainerError when something is missing there."""
    device = device or mx.cpu()
    try:
        description = ModelDescription(**json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8")))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Cannot decide type")  # of the input, which is a float like the rest
            network = SymbolBlock.imports(
                str(folder / "model-symbol.json"), [_INPUT_NAME], str(folder / "model-0000.params"), ctx=device
            )
    except (OSError, ValueError, TypeError, mx.base.MXNetError) as error:
        raise ContainerError(f"{folder} holds no model of this algorithm: {error}") from error
    network.hybridize()
    return Classifier(network, description, device)
