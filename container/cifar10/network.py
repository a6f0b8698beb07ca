"""The networks that can be trained, by name.

``resnet34_v2`` is the one of Gluon's model zoo with its ImageNet stem (7x7 convolution, then pooling), for GPUs. The
small ones are what the residual-network paper uses on CIFAR: a 3x3 stem at full resolution and three stages; 6n+2
layers. They make sense on a CPU.
Source: He et al., "Identity Mappings in Deep Residual Networks"; Gluon model zoo, ``resnet.py``.
"""

from collections.abc import Callable, Mapping

from mxnet.gluon import HybridBlock
from mxnet.gluon.model_zoo.vision import resnet18_v2, resnet34_v2
from mxnet.gluon.model_zoo.vision.resnet import BasicBlockV2, ResNetV2


def _cifar(blocks: int, width: int) -> Callable[[int], HybridBlock]:
    """A network of three stages of `blocks` residual blocks, with `width`, 2 `width` and 4 `width` channels."""

    def build(classes: int) -> HybridBlock:
        channels = [width, width, 2 * width, 4 * width]
        return ResNetV2(BasicBlockV2, [blocks] * 3, channels, classes=classes, thumbnail=True)

    return build


_NETWORKS: Mapping[str, Callable[[int], HybridBlock]] = {
    "resnet8_narrow_v2": _cifar(blocks=1, width=8),
    "resnet8_v2": _cifar(blocks=1, width=16),
    "resnet14_v2": _cifar(blocks=2, width=16),
    "resnet20_v2": _cifar(blocks=3, width=16),
    "resnet18_v2": lambda classes: resnet18_v2(classes=classes),
    "resnet34_v2": lambda classes: resnet34_v2(classes=classes),
}

NETWORK_NAMES = tuple(_NETWORKS)


def build_network(name: str, classes: int) -> HybridBlock:
    """The network called `name` (one of `NETWORK_NAMES`), without parameters yet."""
    return _NETWORKS[name](classes)
