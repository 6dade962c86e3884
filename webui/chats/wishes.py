"""What somebody wants a picture to be like, and who is to make it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

from webui.accounts.models import User
from webui.chats.errors import MessageTooLong, PicturesUnavailable
from webui.imagery.conf import MAX_PICTURES, MAX_SEED, PROMPT_MAX_CHARS
from webui.imagery.models import ImageConnection
from webui.imagery.queries import usable_connections
from webui.imagery.types import ImagerySpec, Wish

NEGATIVE_MAX_CHARS: Final = 2000
_NAME_MAX_CHARS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureWish:
    """What is stored with a question that pictures are asked for. Empty ones leave the choice to the connection.

    Attributes:
        connection: A uuid; that one is asked as long as the person may use it.
        size: As "1024x768"; the connection's usual one where it does not offer that.
        seed: None for another one each time.
    """

    connection: str = ""
    size: str = ""
    count: int = 1
    seed: int | None = None
    negative_prompt: str = ""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return a wish from a page or an import. Raises ValueError."""
        if not isinstance(value, dict) or value.keys() - {field.name for field in fields(cls)}:
            raise ValueError("not a wish")
        wish = cls(**value)
        texts: Sequence[tuple[object, int]] = (
            (wish.connection, _NAME_MAX_CHARS),
            (wish.size, _NAME_MAX_CHARS),
            (wish.negative_prompt, NEGATIVE_MAX_CHARS),
        )
        if not all(isinstance(text, str) and len(text) <= limit for text, limit in texts):
            raise ValueError("not a text of the expected size")
        if not _is_number(wish.count, 1, MAX_PICTURES) or not (wish.seed is None or _is_number(wish.seed, 0, MAX_SEED)):
            raise ValueError("not a number of the expected size")
        return wish

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def _is_number(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Pictures that are to be made, without the words: those of the question."""

    spec: ImagerySpec
    wish: Wish


def drawing_for(user: User, wish: PictureWish, prompt: str, *, is_anew: bool = False) -> Drawing:
    """Return who makes a picture for somebody, and how; one query.

    Args:
        is_anew: For words that were drawn before: with the same seed it would be the same picture.

    Raises:
        PicturesUnavailable: No connection is there that this person may use.
        MessageTooLong: The words are more than servers read.
    """
    if len(prompt) > PROMPT_MAX_CHARS:
        raise MessageTooLong(len(prompt), PROMPT_MAX_CHARS)
    usable = list(usable_connections(user).defer(None))
    if not usable:
        raise PicturesUnavailable
    connection = next((one for one in usable if str(one.uuid) == wish.connection), usable[0])
    seed = wish.seed if wish.seed is not None and not is_anew else secrets.randbelow(MAX_SEED - MAX_PICTURES)
    return Drawing(spec=connection.spec(), wish=_settled(connection, wish, seed))


def _settled(connection: ImageConnection, wish: PictureWish, seed: int) -> Wish:
    sizes = connection.offered_sizes
    return Wish(
        prompt="",
        negative_prompt=wish.negative_prompt if connection.takes_negative_prompt else "",
        size=next((size for size in sizes if str(size) == wish.size), sizes[0]),
        count=wish.count,
        seed=seed,
    )
