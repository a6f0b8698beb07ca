"""PNG and JPEG to arrays, through Pillow."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from container.errors import InvalidPayload

#: More pixels than this are refused before they are unpacked: a PNG of some kilobytes can hold gigabytes.
MOST_PIXELS = 16_000_000


def decode_image(encoded: bytes) -> npt.NDArray[np.uint8]:
    """The pixels of a PNG or JPEG, ``uint8 (height, width, 3)``, red first; transparency is dropped, grey is spread.

    Raises InvalidPayload for anything else, for a torn file, and for more than `MOST_PIXELS`.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG")) as image:
            pixels = None if image.width * image.height > MOST_PIXELS else image.convert("RGB")
    except Exception as error:  # a seam: what Pillow raises for a broken file depends on where it is broken
        raise InvalidPayload("the body is no PNG or JPEG image, or a torn one") from error
    if pixels is None:
        raise InvalidPayload(f"the image has more than {MOST_PIXELS:,} pixels")
    return np.asarray(pixels, dtype=np.uint8)


def resized(image: npt.NDArray[np.uint8], *, width: int, height: int) -> npt.NDArray[np.uint8]:
    """`image` ``uint8 (h, w, 3)`` as ``uint8 (height, width, 3)``; the same pixels where nothing is to be done."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR), dtype=np.uint8)
