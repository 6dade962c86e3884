"""Pictures that stand for presets: whatever was uploaded, drawn anew, small and square, and nothing else kept of it."""

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
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")


def redrawn(file: IO[bytes]) -> bytes:
    """Return a picture as a PNG of `SIDE_PX` on each side, cut at its edges. Raises PictureRefused.

    What a file holds beside its pixels, such as where it was taken, does not come along. Of several pictures in one
    file the first counts.
    """
    try:
        with warnings.catch_warnings(), Image.open(file, formats=_FORMATS) as picture:
            # Odd metadata is no matter: none of it is kept.
            warnings.simplefilter("ignore")
            # Before anything is unpacked.
            if picture.width * picture.height > MAX_PIXELS:
                raise PictureRefused(PictureRefused.TOO_LARGE)
            # A large photograph is unpacked no finer than it is needed.
            picture.draft("RGB", (SIDE_PX * 4, SIDE_PX * 4))
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except Image.DecompressionBombError as exc:
        raise PictureRefused(PictureRefused.TOO_LARGE) from exc
    except (OSError, EOFError, ValueError, SyntaxError, KeyError, TypeError, IndexError, RuntimeError) as exc:
        # Pillow meets damaged files with whatever its parsers trip over.
        raise PictureRefused(PictureRefused.UNREADABLE) from exc
    drawn = ImageOps.fit(upright, (SIDE_PX, SIDE_PX))
    drawn.info.clear()
    encoded = io.BytesIO()
    drawn.save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


def digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()
