"""What callers of the reference image send, as the images its network takes."""

import io

import cifar10_files
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from container.cifar10 import dataset
from container.cifar10.prediction import BATCH, ImagePredictor, images_from
from container.codecs import decode
from container.errors import InvalidPayload
from contracts.serving import CSV, JPEG, JSON, PNG, parse_media_type

IMAGES, _ = cifar10_files.made_up_images(3)


def by_red(images: dataset.Images) -> npt.NDArray[np.float32]:
    """Probabilities of two classes: how red an image is, and how much it is not."""
    red = images[:, 0].mean(axis=(1, 2)) / 255
    return np.stack([red, 1 - red], axis=1).astype(np.float32)


def test_images_of_every_form_are_the_same_images() -> None:
    """NPY with colours first or last, JSON, and CSV in the order of the binary files."""
    as_json = decode(str(IMAGES.tolist()).encode(), parse_media_type(JSON))
    rows = "\n".join(",".join(map(str, image.ravel())) for image in IMAGES)

    for instances in (IMAGES, IMAGES.transpose(0, 2, 3, 1), as_json, decode(rows.encode(), parse_media_type(CSV))):
        images = images_from(instances)

        assert np.uint8 == images.dtype
        assert np.array_equal(IMAGES, images)


def test_a_png_is_the_image_that_it_was_made_of() -> None:
    """Red first, rows from the top."""
    assert np.array_equal(IMAGES[:1], images_from(decode(cifar10_files.png(IMAGES[0]), parse_media_type(PNG))))


def test_an_image_of_another_size_is_made_small() -> None:
    """A photograph is what people try first."""
    stream = io.BytesIO()
    Image.new("RGB", (640, 480), color=(255, 0, 0)).save(stream, "JPEG")
    images = images_from(decode(stream.getvalue(), parse_media_type(JPEG)))

    assert (1, *dataset.SHAPE) == images.shape
    assert images[:, 0].min() > 250
    assert images[:, 1:].max() < 5


@pytest.mark.parametrize(
    "instances",
    [
        np.zeros(3072),
        np.zeros((1, 3071)),
        np.zeros((1, 3, 16, 16)),
        np.zeros((32, 32, 3)),
        np.full((1, 3072), 0.5),
        np.full((1, 3072), 256.0),
        np.full((1, 3072), -1),
        np.full((1, 3072), np.nan),
        np.full((1, 32, 32, 3), np.inf),
    ],
)
def test_what_is_no_image_is_refused_with_what_is_expected(instances: npt.NDArray[np.float64]) -> None:
    """Numbers between 0 and 1, for example, would be nearly black images, and the answer nonsense."""
    with pytest.raises(InvalidPayload, match="expected images as pixels from 0 to 255"):
        images_from(instances)


def test_many_images_go_through_in_batches_and_come_out_in_order() -> None:
    """6 MB of NPY are 2048 images; all at once would take gigabytes in a large network."""
    sizes: list[int] = []

    def classify(images: dataset.Images) -> npt.NDArray[np.float32]:
        sizes.append(len(images))
        return by_red(images)

    images, _ = cifar10_files.made_up_images(2 * BATCH + 5)
    answer = ImagePredictor(classify, ("red", "other")).predict(images)

    assert [BATCH, BATCH, 5] == sizes
    assert np.array_equal(by_red(images), answer.values)
    assert ("red", "other") == answer.classes
