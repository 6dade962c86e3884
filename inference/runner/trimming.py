"""Leave out the oldest messages of a conversation that is longer than the context window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from inference.types import ChatMessage

Prompt = TypeVar("Prompt")


def trimmed(
    messages: Sequence[ChatMessage],
    render: Callable[[Sequence[ChatMessage]], Prompt],
    fits: Callable[[Prompt], bool],
) -> tuple[Prompt, int] | None:
    """Return the longest prompt that fits, and how many messages it leaves out; None when no prompt fits.

    System messages and the last message stay. What is kept begins with a question: an answer, or a tool's result, means
    nothing without what it answers. Renders about log2 of the number of messages.
    """
    last = len(messages) - 1
    starts = [index for index, message in enumerate(messages[:last]) if index and message.role == "user"]
    starts.append(last)

    def kept_from(start: int) -> list[ChatMessage]:
        return [message for index, message in enumerate(messages) if index >= start or message.role == "system"]

    found: tuple[Prompt, int] | None = None
    low, high = 0, len(starts)
    while low < high:
        middle = (low + high) // 2
        kept = kept_from(starts[middle])
        prompt = render(kept)
        if fits(prompt):
            found, high = (prompt, len(messages) - len(kept)), middle
        else:
            low = middle + 1
    return found
