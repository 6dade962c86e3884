from __future__ import annotations

import struct
from typing import Literal

import numpy as np
import pytest

from inference.errors import InvalidRequest
from inference.runner.image_files import check_image
from inference.runner.orientation import orientation_of, turned
from tests.doubles.gguf_vision import bmp_of, exif, gif_of, jpeg, picture, png, png_of

# How a picture of the letter F lies in the file for each orientation. Source: Exif 2.32.
LYING = {
    1: ["###", "#..", "##.", "#..", "#.."],
    2: ["###", "..#", ".##", "..#", "..#"],
    3: ["..#", "..#", ".##", "..#", "###"],
    4: ["#..", "#..", "##.", "#..", "###"],
    5: ["#####", "#.#..", "#...."],
    6: ["#....", "#.#..", "#####"],
    7: ["....#", "..#.#", "#####"],
    8: ["#####", "..#.#", "....#"],
}


@pytest.mark.parametrize("orientation", LYING)
def test_every_orientation_is_turned_upright(orientation: int) -> None:
    lying, upright = (
        np.array([[[255 * (cell == "#")] * 3 for cell in row] for row in LYING[key]], np.uint8)
        for key in (orientation, 1)
    )

    assert np.array_equal(turned(lying, orientation), upright)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_read_in_both_byte_orders(orientation: int, order: Literal["<", ">"]) -> None:
    assert orientation_of(png_of(picture(), exif=exif(orientation, order=order))) == orientation
    assert orientation_of(jpeg(orientation)) == orientation


@pytest.mark.parametrize("data", [png(), jpeg(), bmp_of(picture()), gif_of(picture())])
def test_a_file_that_notes_nothing_is_upright(data: bytes) -> None:
    check_image(data)

    assert orientation_of(data) == 1


@pytest.mark.parametrize(
    "noted",
    [
        exif(0), exif(9), exif(6)[:20], exif(6)[:9], b"II*\0" + struct.pack("<I", 2**32 - 1), b"nonsense", b"II*\0",
        b"MM\0*" + struct.pack(">IH", 8, 65535),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_upright(noted: bytes) -> None:
    assert orientation_of(png_of(picture(), exif=noted)) == 1


def test_a_jpeg_cut_anywhere_is_refused_or_has_an_orientation() -> None:
    data = jpeg(6)
    for end in range(3, len(data)):
        try:
            check_image(data[:end])
        except InvalidRequest:
            continue
        assert orientation_of(data[:end]) == 6
