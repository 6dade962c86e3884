"""Pictures that people upload, drawn anew: nothing of a file is kept but its pixels, the right way up."""

from __future__ import annotations

import io
import warnings
from hashlib import sha256
from typing import IO, Final

from PIL import Image, ImageOps

from webui.presets.errors import PictureRefused

SIDE_PX: Final = 128
MAX_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_PIXELS: Final = 25_000_000
MAX_JPEG_PIXELS: Final = 110_000_000
"""A JPEG is unpacked only as finely as it is needed, also one of the largest sensors."""
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")


def redrawn(file: IO[bytes]) -> bytes:
    """Return a picture as a PNG of `SIDE_PX` on each side, cut at its edges. Raises PictureRefused."""
    drawn = ImageOps.fit(upright(file, least_px=SIDE_PX * 4).convert("RGBA"), (SIDE_PX, SIDE_PX))
    return encoded(drawn, "PNG", optimize=True)


def upright(file: IO[bytes], *, least_px: int) -> Image.Image:
    """Return the first picture of a file, turned as it is meant to be seen, in a mode that can be drawn with.

    Where that saves work its sides may be smaller than in the file, but not than `least_px`. Raises PictureRefused.
    """
    try:
        with warnings.catch_warnings(), Image.open(file, formats=_FORMATS) as picture:
            # Odd metadata is no matter: none of it is kept.
            warnings.simplefilter("ignore")
            # Before anything is unpacked.
            if picture.width * picture.height > (MAX_JPEG_PIXELS if picture.format == "JPEG" else MAX_PIXELS):
                raise PictureRefused(PictureRefused.TOO_LARGE)
            picture.draft("RGB", (least_px, least_px))
            has_alpha = picture.has_transparency_data
            return ImageOps.exif_transpose(picture).convert("RGBA" if has_alpha else "RGB")
    except Image.DecompressionBombError as exc:
        raise PictureRefused(PictureRefused.TOO_LARGE) from exc
    except (OSError, EOFError, ValueError, SyntaxError, KeyError, TypeError, IndexError, RuntimeError) as exc:
        # Pillow meets damaged files with whatever its parsers trip over.
        raise PictureRefused(PictureRefused.UNREADABLE) from exc


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file that has its pixels and nothing else."""
    picture.info.clear()
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()
