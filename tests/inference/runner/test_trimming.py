from __future__ import annotations

from collections.abc import Sequence

import pytest

from inference.runner.trimming import trimmed
from inference.types import ChatMessage

ROLES = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def conversation(letters: str) -> list[ChatMessage]:
    return [
        ChatMessage(role=ROLES[letter], content=f"{letter}{index}")  # type: ignore[arg-type]
        for index, letter in enumerate(letters)
    ]


def render(messages: Sequence[ChatMessage]) -> str:
    return " ".join(message.content for message in messages)


@pytest.mark.parametrize(
    ("letters", "n_kept", "prompt", "n_dropped"),
    [
        ("suauau", 5, "s0 u3 a4 u5", 2),
        ("suauau", 3, "s0 u5", 4),
        ("uauau", 4, "u2 a3 u4", 2),
        ("suatau", 4, "s0 u5", 4),
        ("suatat", 5, "s0 t5", 4),
        ("suasau", 3, "s0 s3 u5", 3),
        ("uuuu", 2, "u2 u3", 2),
    ],
)
def test_the_oldest_go_first_and_what_is_kept_begins_with_a_question(
    letters: str, n_kept: int, prompt: str, n_dropped: int
) -> None:
    assert trimmed(conversation(letters), render, lambda text: len(text.split()) <= n_kept) == (prompt, n_dropped)


def test_nothing_fits_when_the_system_message_and_the_last_one_do_not() -> None:
    assert trimmed(conversation("suau"), render, lambda text: len(text.split()) < 2) is None


def test_a_long_conversation_is_rendered_a_few_times_only() -> None:
    sizes: list[int] = []

    def counted(messages: Sequence[ChatMessage]) -> int:
        sizes.append(len(messages))
        return len(messages)

    found = trimmed(conversation("s" + "ua" * 5000 + "u"), counted, lambda n_messages: n_messages <= 101)

    assert found == (100, 9902)
    assert len(sizes) < 20
