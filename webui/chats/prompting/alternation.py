"""Messages in the order that chat templates insist on: a person's first, then an answer, and so on in turns. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from inference.types import ChatMessage

DELETED: Final = "(This message was deleted.)"


def alternating(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return messages of which no two neighbours have the same role, and whose first after the system's is a person's.

    Roles repeat where a message was deleted or an answer failed. Such neighbours become one message; many templates
    refuse them else, as they do an answer that nobody has asked for.
    """
    sent: list[ChatMessage] = []
    for message in messages:
        last = sent[-1] if sent else None
        if last is not None and last.role == message.role and message.role in ("user", "assistant"):
            content = "\n\n".join([last.content, message.content])
            sent[-1] = replace(message, content=content, images=[*last.images, *message.images])
            continue
        if message.role == "assistant" and (last is None or last.role == "system"):
            sent.append(ChatMessage(role="user", content=DELETED))
        sent.append(message)
    return sent
