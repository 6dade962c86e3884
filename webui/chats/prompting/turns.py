"""What is said in a chat, as prompts need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of the branch, as the prompt needs it; `uuid` is None for a system prompt that is no message.

    `images` are the files of its pictures, those that were read.
    """

    uuid: str | None
    role: Literal["system", "user", "assistant", "tool"]
    content: str
    image_ids: Sequence[int] = ()
    images: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One of several answers that one answer is to be made of. `name` is who gave it."""

    uuid: str
    name: str
    content: str
