"""Images as clients send them: base64, alone or in a `data:` URL."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from inference.errors import InvalidRequest
from inference.runner.image_files import MAX_IMAGES
from inference.server.errors import NotSupported
from inference.server.fields import typed_field


def parse_images(body: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Return the `images` of a message or of `/api/generate`, as Ollama's clients send them."""
    images = typed_field(body, "images", list, [])
    if len(images) > MAX_IMAGES:
        raise InvalidRequest(f"images may hold at most {MAX_IMAGES} images")
    if not all(isinstance(image, str) for image in images):
        raise InvalidRequest("each of images must be a string of base64")
    return tuple(data_url(image) if image.startswith("data:") else base64_bytes(image) for image in images)


def data_url(url: str) -> bytes:
    """Return the bytes in a `data:` URL. Other URLs are refused: this server fetches nothing for its clients."""
    head, comma, data = url.partition(",")
    if not head.startswith("data:"):
        raise NotSupported("an image must come as a data: URL; this server does not fetch addresses")
    if not comma or not head.endswith(";base64"):
        raise InvalidRequest("an image must be encoded as data:image/...;base64,...")
    return base64_bytes(data)


def base64_bytes(data: str) -> bytes:
    try:
        # Tools that write base64 break its lines; Go's decoder, and so Ollama, passes over that.
        return base64.b64decode(data.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("an image is not valid base64") from None
