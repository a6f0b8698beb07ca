"""A network that learns, on one CPU or several GPUs: a step, a judgement, and its state as bytes."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import mxnet as mx
import numpy as np
import numpy.typing as npt
from mxnet import autograd, gluon

from container.cifar10 import dataset, model
from container.cifar10.network import build_network
from container.cifar10.settings import Settings

#: A device's share of a batch: normalised images and labels.
Part = tuple[mx.nd.NDArray, mx.nd.NDArray]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What a batch gave, still on the devices that compute it: summed loss and right answers, one array a device."""

    images: int
    losses: Sequence[mx.nd.NDArray]
    hits: Sequence[mx.nd.NDArray]

    def read(self) -> tuple[int, float, int]:
        """Wait for the devices: number of images, summed loss, right answers."""
        loss_sum = sum(float(loss.asscalar()) for loss in self.losses)
        return self.images, loss_sum, sum(int(hits.asscalar()) for hits in self.hits)


class Learner:
    """A network on one or more devices, with its loss and its optimizer."""

    def __init__(self, settings: Settings, devices: Sequence[mx.Context]) -> None:
        mx.random.seed(settings.seed)
        self.settings = settings
        self.devices = devices
        self.network = build_network(settings.network, len(dataset.CLASSES))
        self.network.initialize(mx.init.Xavier(), ctx=devices)
        self.network.hybridize(static_alloc=True)
        for device in devices:  # parameters get their shapes from a first image; until then nothing could be saved
            self.network(mx.nd.zeros((1, *dataset.SHAPE), ctx=device))
        self._loss = gluon.loss.SoftmaxCrossEntropyLoss()
        optimizer = {"learning_rate": settings.learning_rate, "momentum": settings.momentum, "wd": settings.wd}
        self._trainer = gluon.Trainer(self.network.collect_params(), "sgd", optimizer)

    def step(self, images: dataset.Images, labels: dataset.Labels) -> Tally:
        """Take one step down the gradient; the devices may still be at it when this returns."""
        parts = list(self._split(images, labels))
        with autograd.record():
            outputs, losses = self._forward(parts)
        autograd.backward(losses)
        self._trainer.step(len(images))
        return _tally(len(images), outputs, losses, parts)

    def judge(self, images: dataset.Images, labels: dataset.Labels) -> Tally:
        """The loss and the right answers, without learning from them."""
        parts = list(self._split(images, labels))
        return _tally(len(images), *self._forward(parts), parts)

    def state(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Parameters and optimizer, as the bytes of MXNet's own files."""
        return {
            "parameters": _bytes_written(self.network.save_parameters),
            "trainer": _bytes_written(self._trainer.save_states),
        }

    def restore(self, state: Mapping[str, npt.NDArray[np.uint8]]) -> None:
        """Go back to what `state` returned."""
        _read_bytes(state["parameters"], lambda path: self.network.load_parameters(path, ctx=self.devices))
        _read_bytes(state["trainer"], self._trainer.load_states)

    def _forward(self, parts: Sequence[Part]) -> tuple[list[mx.nd.NDArray], list[mx.nd.NDArray]]:
        outputs = [self.network(part) for part, _ in parts]
        return outputs, [self._loss(output, truth) for output, (_, truth) in zip(outputs, parts, strict=True)]

    def _split(self, images: dataset.Images, labels: dataset.Labels) -> Iterator[Part]:
        """Each device's share of a batch. Bytes travel, not floats: a quarter of the way to a GPU."""
        shares = zip(
            self.devices,
            np.array_split(images, len(self.devices)),
            np.array_split(labels, len(self.devices)),
            strict=True,
        )
        for device, some_images, some_labels in shares:
            if len(some_labels) == 0:  # the last images to validate may be fewer than the devices
                continue
            pixels = mx.nd.array(some_images, ctx=device, dtype="uint8")
            yield model.normalised(pixels, dataset.MEAN, dataset.STD), mx.nd.array(some_labels, ctx=device)


def available_devices() -> list[mx.Context]:
    """All GPUs that this container sees, else the CPU."""
    gpus = [mx.gpu(number) for number in range(mx.context.num_gpus())]
    return gpus or [mx.cpu()]


def _tally(
    images: int, outputs: Sequence[mx.nd.NDArray], losses: Sequence[mx.nd.NDArray], parts: Sequence[Part]
) -> Tally:
    hits = [(output.argmax(axis=1) == truth).sum() for output, (_, truth) in zip(outputs, parts, strict=True)]
    return Tally(images=images, losses=[loss.sum() for loss in losses], hits=hits)


def _bytes_written(write: Callable[[str], object]) -> npt.NDArray[np.uint8]:
    """What `write` writes to the path it is given: MXNet saves to paths only."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        write(str(path))
        return np.fromfile(path, dtype=np.uint8)


def _read_bytes(content: npt.NDArray[np.uint8], read: Callable[[str], object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        content.tofile(path)
        read(str(path))
