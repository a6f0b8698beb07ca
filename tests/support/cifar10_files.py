"""Small made-up data sets in the formats of CIFAR-10, with labels that a network can learn within seconds."""

import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def made_up_images(count: int, seed: int = 0) -> tuple[Pixels, npt.NDArray[np.uint8]]:
    """Images ``(count, 3, 32, 32)`` of noise with the label's own colour, and labels 0 to 9 in turn."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(count) % 10).astype(np.uint8)
    colours = np.random.default_rng(99).integers(0, 200, size=(10, 3, 1, 1))
    images = colours[labels] + generator.integers(0, 56, size=(count, 3, 32, 32))
    return images.astype(np.uint8), labels


def write_binary(path: Path, images: Pixels, labels: npt.NDArray[np.uint8]) -> None:
    """A file in the format of CIFAR-10's binary version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.concatenate([labels[:, None], images.reshape(len(images), -1)], axis=1).astype(np.uint8).tofile(path)


def write_binary_channel(folder: Path, *, training: int, validation: int) -> None:
    """A channel as people have it: the archive's files, in the archive's folder."""
    half = training // 2
    images, labels = made_up_images(training, seed=1)
    write_binary(folder / "cifar-10-batches-bin" / "data_batch_1.bin", images[:half], labels[:half])
    write_binary(folder / "cifar-10-batches-bin" / "data_batch_2.bin", images[half:], labels[half:])
    write_binary(folder / "cifar-10-batches-bin" / "test_batch.bin", *made_up_images(validation, seed=2))


def png(image: Pixels) -> bytes:
    """An image ``(3, height, width)`` as a PNG file."""
    _, height, width = image.shape
    rows = image.transpose(1, 2, 0).reshape(height, width * 3)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)  # 0: the line is stored as it is
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits a channel, red-green-blue
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def record(*parts: bytes) -> bytes:
    """One RecordIO record; several parts when its writer met the magic in the payload and split it there."""
    flags: Sequence[int] = [0] if len(parts) == 1 else [1, *[2] * (len(parts) - 2), 3]
    return b"".join(
        struct.pack("<II", 0xCED7230A, flag << 29 | len(part)) + part + b"\0" * (-len(part) % 4)
        for flag, part in zip(flags, parts, strict=True)
    )


def image_payload(label: int, encoded: bytes) -> bytes:
    """The payload of an image's record: header, then the encoded image."""
    return struct.pack("<IfQQ", 0, float(label), 0, 0) + encoded


def write_records(path: Path, payloads: Iterable[bytes]) -> None:
    """A RecordIO file."""
    path.write_bytes(b"".join(record(payload) for payload in payloads))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
