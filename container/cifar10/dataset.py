"""CIFAR-10 from a channel's folder to arrays, and from arrays to batches.

Images are kept as the bytes they are, ``uint8 (n, 3, 32, 32)``: 50,000 of them take 150 MB, as floats they would take
600. Everything random takes a generator, so a batch is a function of (seed, epoch, batch) and nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from container.cifar10.recordio import read_images
from container.errors import InvalidTrainingInput

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)

#: Mean and standard deviation of each colour over the 50,000 training images, for pixels between 0 and 1.
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)

#: How far, in pixels, a random crop may move an image.
CROP_PADDING = 4

EXPECTED = (
    "expected train.rec and test.rec (MXNet RecordIO of 32x32 images), or the binary version of CIFAR-10: "
    "data_batch_1.bin to data_batch_5.bin and test_batch.bin, here or in a folder below"
)

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int32]
#: From the bytes of a PNG or JPEG to ``uint8 (height, width, 3)``, red first.
ImageDecoder = Callable[[bytes], Images]


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledImages:
    """Images ``uint8 (n, 3, 32, 32)`` and their classes ``int32 (n,)``, in the order of their files."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.labels)


def load(folder: Path, decode: ImageDecoder) -> tuple[LabelledImages, LabelledImages]:
    """Training and validation images of a channel; raises InvalidTrainingInput naming what is missing or torn."""
    if not folder.is_dir():
        raise InvalidTrainingInput(f"the channel's folder {folder} does not exist; {EXPECTED}")
    paths = sorted(folder.rglob("*"), reverse=True)  # of two files with one name, the one nearest the top counts
    files = {path.name: path for path in paths if path.is_file() and path.stat().st_size > 0}
    training = [files[name] for name in sorted(files) if name.startswith("data_batch_") and name.endswith(".bin")]
    if "train.rec" in files and "test.rec" in files:
        return read_record_file(files["train.rec"], decode), read_record_file(files["test.rec"], decode)
    if training and "test_batch.bin" in files:
        return read_binary_files(training), read_binary_files([files["test_batch.bin"]])
    found = ", ".join(sorted(files)) or "nothing but empty files and folders"
    raise InvalidTrainingInput(f"{folder} has {found}; {EXPECTED}")


def read_binary_files(paths: Sequence[Path]) -> LabelledImages:
    """The images of files in CIFAR-10's own format: a byte of label, then 1024 bytes of red, of green, of blue."""
    size = 1 + int(np.prod(SHAPE))
    rows = []
    for path in paths:
        content = np.fromfile(path, dtype=np.uint8)
        if len(content) % size:
            raise InvalidTrainingInput(
                f"{path}: {len(content)} bytes are no whole number of images of {size} bytes; the file is torn"
            )
        rows.append(content.reshape(-1, size))
    table = np.concatenate(rows)
    labels = _checked(table[:, 0].astype(np.int32), source=", ".join(path.name for path in paths))
    return LabelledImages(images=table[:, 1:].reshape(-1, *SHAPE), labels=labels)


def read_record_file(path: Path, decode: ImageDecoder) -> LabelledImages:
    """The images of a RecordIO file, each decoded by `decode`."""
    images, labels = [], []
    for index, (label, encoded) in enumerate(read_images(path)):
        try:
            image = decode(encoded)
        except Exception as error:  # a seam: decoders differ in what they raise for bytes that are no image
            raise InvalidTrainingInput(f"{path}: record {index} holds no PNG or JPEG image: {error}") from error
        if image.shape != (32, 32, 3):
            raise InvalidTrainingInput(f"{path}: image {index} is {image.shape}, not 32 x 32 x 3")
        images.append(image.transpose(2, 0, 1))
        labels.append(label)
    if not images:
        raise InvalidTrainingInput(f"{path} holds no image")
    return LabelledImages(images=np.stack(images), labels=_checked(np.array(labels, np.int32), source=str(path)))


def balanced_subset(whole: LabelledImages, count: int) -> LabelledImages:
    """The first `count` images with every class alike often: the first ``count / 10`` of each class, in file order.

    No chance is involved, so two machines with the same files take the same images. 0 takes all. Not simply the first
    `count` of the file, which may be sorted by class.
    """
    if count == 0:
        return whole
    if count > len(whole):
        raise InvalidTrainingInput(f"{count} images were asked for, but the channel has {len(whole)}; 0 takes all")
    rank_in_class = np.empty(len(whole), np.int64)
    for label in range(len(CLASSES)):
        (where,) = np.nonzero(whole.labels == label)
        rank_in_class[where] = np.arange(len(where))
    chosen = np.sort(np.lexsort((whole.labels, rank_in_class))[:count])
    return LabelledImages(images=whole.images[chosen], labels=whole.labels[chosen])


def crop_and_mirror(images: Images, generator: np.random.Generator) -> Images:
    """Each image moved by up to 4 pixels in both directions (black moves in) and, half of the time, mirrored."""
    pad, (_, height, width) = CROP_PADDING, images.shape[1:]
    padded = np.pad(images, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    down, right = generator.integers(0, 2 * pad + 1, size=(2, len(images)))
    crops: Images = windows[np.arange(len(images)), :, down, right]
    mirrored = generator.integers(0, 2, size=len(images)) == 1
    crops[mirrored] = crops[mirrored, :, :, ::-1]
    return crops


def _checked(labels: Labels, *, source: str) -> Labels:
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(CLASSES)):
        raise InvalidTrainingInput(f"{source}: labels go from {labels.min()} to {labels.max()}, not from 0 to 9")
    return labels
