"""How much of one chat is taken in. Together they bound the memory that an import needs, however its file is made."""

from __future__ import annotations

MAX_CHAT_BYTES = 32 * 1024 * 1024
"""Of JSON. Pictures that stand in it, as some programs write them, count too."""
MAX_CHAT_TOKENS = 2_000_000
"""Texts, lists and objects in its JSON."""
MAX_LIST_BYTES = 16 * 1024 * 1024
"""Of folders in a bundle."""
MAX_MESSAGES = 20_000
MAX_FILES_OF_MESSAGE = 20
MAX_IMAGES_OF_MESSAGE = 50
MAX_FOLLOW_UPS = 5
FOLLOW_UP_MAX_CHARS = 300
MAX_MERGED = 50
MAX_CITATIONS = 200
CITED_MAX_CHARS = 20_000
MAX_BESIDE = 8
"""Models that were asked beside the first."""
