"""What callers send, as the images that the network takes; and the predictor that the reference image serves."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from container.algorithm import ClassProbabilities, Instances
from container.cifar10 import dataset
from container.errors import InvalidPayload
from container.images import resized

#: Images that go through the network at once: more would be no faster, and take memory.
BATCH = 128

EXPECTED = (
    "expected images as pixels from 0 to 255: n x 3 x 32 x 32, n x height x width x 3, or rows of 3072 numbers with "
    "all the red ones first, then the green, then the blue"
)

#: From images ``uint8 (n, 3, 32, 32)`` to probabilities ``(n, classes)``.
Classify = Callable[[dataset.Images], npt.NDArray[np.float32]]


class ImagePredictor:
    """Class probabilities of images of any size: those that are not 32 x 32 are made so."""

    def __init__(self, classify: Classify, classes: Sequence[str]) -> None:
        self._classify, self._classes = classify, tuple(classes)

    def predict(self, instances: Instances, /) -> ClassProbabilities:
        """The probability of each class for each image; raises InvalidPayload for anything but images."""
        images = images_from(instances)
        batches = [self._classify(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        return ClassProbabilities(values=np.concatenate(batches), classes=self._classes)


def images_from(instances: Instances) -> dataset.Images:
    """Images ``uint8 (n, 3, 32, 32)``; raises InvalidPayload for anything but images."""
    match instances.shape:
        case (_, channels, height, width) if (channels, height, width) == dataset.SHAPE:
            return _pixels(instances)
        case (_, _, _, 3):
            _, height, width = dataset.SHAPE
            images = [resized(image, width=width, height=height) for image in _pixels(instances)]
            return np.stack(images).transpose(0, 3, 1, 2)
        case (count, length) if length == np.prod(dataset.SHAPE):
            return _pixels(instances).reshape(count, *dataset.SHAPE)
        case shape:
            raise InvalidPayload(f"got numbers of shape {' x '.join(map(str, shape))}; {EXPECTED}")


def _pixels(instances: Instances) -> dataset.Images:
    if instances.dtype == np.uint8:
        return instances
    with np.errstate(invalid="ignore"):  # NaN becomes some number, and then differs
        pixels = instances.astype(np.uint8)
    if not np.array_equal(pixels, instances):
        raise InvalidPayload(f"got numbers that are no pixels; {EXPECTED}")
    return pixels
