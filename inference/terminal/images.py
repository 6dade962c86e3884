"""Images that a question names by their paths, for models that see."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from inference.terminal.server import CommandFailed
from inference.terminal.words import size_in_words

MAX_BYTES = 40_000_000
"""Of all images of one question: in base64 they still fit into what the server reads."""

_ENDING = r"\.(?:png|jpe?g|webp|gif|bmp)"
_PATH = re.compile(
    rf"""(?P<quote>["'])(?P<quoted>(?:~|\.{{1,2}})?/[^\n]*?{_ENDING})(?P=quote)"""
    rf"|(?<!\S)(?P<plain>(?:~|\.{{1,2}})?/(?:\\.|[^\s\\])*?{_ENDING})(?![\w/])",
    re.IGNORECASE,
)
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")


def cut_images(text: str) -> tuple[str, list[Path]]:
    """Return a question without the paths of images in it, and those paths.

    A path begins with `/`, `./`, `../` or `~/`; blanks in it stand behind a backslash, or quotes stand around it.
    What is not there as a file stays text.
    """
    found: list[Path] = []

    def take(match: re.Match[str]) -> str:
        path = Path(match["quoted"] or re.sub(r"\\(.)", r"\1", match["plain"])).expanduser()
        if not path.is_file():
            return match[0]
        found.append(path)
        return ""

    rest = _PATH.sub(take, text)
    return (rest.strip() if found else text), found


def read_images(paths: Sequence[Path]) -> list[bytes]:
    """Return the files' bytes. Raises CommandFailed for what is too large, unreadable or no image."""
    images: list[bytes] = []
    left = MAX_BYTES
    for path in paths:
        try:
            with path.open("rb") as file:
                image = file.read(left + 1)
        except OSError as exc:
            raise CommandFailed(f"{path}: {exc.strerror}") from exc
        left -= len(image)
        if left < 0:
            raise CommandFailed(f"the images of one question may have {size_in_words(MAX_BYTES)}")
        if not image.startswith(_BEGINNINGS):
            raise CommandFailed(f"{path} is no image")
        images.append(image)
    return images
