"""Pictures as documents: each is a page, a TIFF as many as it holds, and only tesseract finds text in them.

Pillow takes them apart, for the few formats named here alone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from PIL import Image, ImageOps

from rag.errors import Unreadable
from rag.extraction import limits
from rag.extraction.pages import join_pages
from rag.extraction.tesseract import Drawing
from rag.types import TIFF, Extraction, PageMarks, Problem

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
# A picture does not say how large the paper was. Screenshots and photographs of a screen's size are enlarged, because
# tesseract reads small letters badly; what is finer than a scan of A4 is made smaller.
_LEAST_LONG_SIDE_PX = 2480
_LONG_SIDE_PX = 3508
_MOST_ENLARGED = 3.0
_POINTS_A_PIXEL = 72 / limits.OCR_DPI

# Their size is checked here, before anything is unpacked.
Image.MAX_IMAGE_PIXELS = None


def extract(file: IO[bytes], media_type: str) -> Extraction:
    """Return the pages of a picture, all of them still to be read. Raises Unreadable."""
    with _page(file, 1) as first:
        # What is cut off is told now, not after the reading.
        first.load()
        n_pages = getattr(first, "n_frames", 1) if media_type == TIFF else 1
    if n_pages > limits.MAX_PAGES:
        raise Unreadable(Problem.TOO_LARGE)
    empty = join_pages(media_type, (("", "") for _ in range(n_pages)))
    return Extraction(
        media_type=media_type,
        text=empty.text,
        page_spans=empty.page_spans,
        scanned_pages=tuple(range(1, n_pages + 1)),
        problem=Problem.SCANNED,
    )


def draw(file: IO[bytes], number: int) -> Drawing:
    """Return page `number`, from 1, in grey, as large as tesseract likes it. Raises Unreadable."""
    with _page(file, number) as page:
        grey = _upright(page).convert("L")
    width, height = grey.size
    long_side = max(width, height)
    scale = min(max(_LEAST_LONG_SIDE_PX / long_side, 1.0), _LONG_SIDE_PX / long_side, _MOST_ENLARGED)
    grey = grey.resize((max(round(width * scale), 1), max(round(height * scale), 1)))
    return Drawing(pixels=grey.tobytes(), width=grey.width, height=grey.height, scale=scale / _POINTS_A_PIXEL)


def render_page(file: IO[bytes], number: int, width_px: int) -> bytes:
    """Return page `number` as PNG, `width_px` wide unless that would make it too tall. Raises Unreadable."""
    with _page(file, number) as page:
        shown = _upright(page)
    scale = min(width_px / shown.width, (limits.MAX_PAGE_PIXELS / (shown.width * shown.height)) ** 0.5)
    shown = shown.resize((max(round(shown.width * scale), 1), max(round(shown.height * scale), 1)))
    encoded = io.BytesIO()
    shown.save(encoded, "PNG")
    return encoded.getvalue()


def find_marks(file: IO[bytes], number: int, start: int, end: int) -> PageMarks:
    """Return the size of page `number`; where its words are only tesseract knows. Raises Unreadable."""
    with _page(file, number) as page:
        width, height = ImageOps.exif_transpose(page).size
    return PageMarks(width=width * _POINTS_A_PIXEL, height=height * _POINTS_A_PIXEL, boxes=())


@contextmanager
def _page(file: IO[bytes], number: int) -> Iterator[Image.Image]:
    """Give an open page, not yet unpacked. Whatever Pillow trips over inside is Unreadable."""
    try:
        with Image.open(file, formats=_FORMATS) as picture:
            picture.seek(number - 1)
            if picture.width * picture.height > limits.MAX_PICTURE_PIXELS:
                raise Unreadable(Problem.TOO_LARGE)
            yield picture
    except (OSError, EOFError, ValueError, SyntaxError, KeyError, TypeError, IndexError, RuntimeError) as exc:
        # Pillow meets damaged files with whatever its parsers trip over.
        raise Unreadable(Problem.BROKEN) from exc


def _upright(page: Image.Image) -> Image.Image:
    """Return a page as it is seen: turned as the camera says, on white paper, in 8 bits a colour."""
    turned = ImageOps.exif_transpose(page)
    if turned.mode.startswith("I"):
        return turned.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if not turned.has_transparency_data:
        return turned.convert("L" if turned.mode in ("1", "L") else "RGB")
    paper = Image.new("RGBA", turned.size, "white")
    return Image.alpha_composite(paper, turned.convert("RGBA")).convert("RGB")
