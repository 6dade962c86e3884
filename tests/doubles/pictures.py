"""Pictures that are made in a moment."""

from __future__ import annotations

import io

from PIL import Image


def png(width: int, height: int, colour: str = "orange") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()
