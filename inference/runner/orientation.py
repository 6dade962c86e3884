"""Which way up a photo is: cameras store it as the sensor saw it, and tell beside it how it is to be turned.

Source: Exif 2.32, tag 0x0112; PNG keeps the same in a chunk `eXIf`.
"""

from __future__ import annotations

import struct
from typing import Literal

import numpy as np
import numpy.typing as npt

from inference.runner.image_files import exif_of

Pixels = npt.NDArray[np.uint8]
"""Shape (height, width, 3)."""

Order = Literal["<", ">"]

UPRIGHT = 1
ORIENTATION_TAG = 0x0112
SHORT = 3
MAX_ENTRIES = 1000
BYTE_ORDERS: dict[bytes, Order] = {b"II*\0": "<", b"MM\0*": ">"}


def orientation_of(data: bytes) -> int:
    """Return an image file's orientation, 1 to 8. What cannot be read counts as upright, as in every viewer."""
    exif = exif_of(data)
    order = BYTE_ORDERS.get(exif[:4])
    if order is None:
        return UPRIGHT
    try:
        return _orientation(exif, order)
    except struct.error:
        return UPRIGHT


def _orientation(exif: bytes, order: Order) -> int:
    (first,) = struct.unpack_from(f"{order}I", exif, 4)
    (count,) = struct.unpack_from(f"{order}H", exif, first)
    for index in range(min(count, MAX_ENTRIES)):
        tag, kind, n_values, value = struct.unpack_from(f"{order}HHIH", exif, first + 2 + 12 * index)
        if tag == ORIENTATION_TAG:
            return value if (kind, n_values) == (SHORT, 1) and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """Return the pixels of an image as it is to be seen."""
    match orientation:
        case 2:
            pixels = pixels[:, ::-1]
        case 3:
            pixels = pixels[::-1, ::-1]
        case 4:
            pixels = pixels[::-1]
        case 5:
            pixels = pixels.transpose(1, 0, 2)
        case 6:
            pixels = np.rot90(pixels, -1)
        case 7:
            pixels = pixels[::-1, ::-1].transpose(1, 0, 2)
        case 8:
            pixels = np.rot90(pixels)
    return np.ascontiguousarray(pixels)
