from __future__ import annotations

import pytest

from inference.types import ChatMessage
from webui.chats.prompting.alternation import DELETED, alternating

U, A, S = "user", "assistant", "system"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([(U, "1"), (A, "2"), (U, "3")], [(U, "1"), (A, "2"), (U, "3")]),
        ([(U, "1"), (U, "2")], [(U, "1\n\n2")]),
        ([(U, "1"), (A, "2"), (A, "3"), (U, "4")], [(U, "1"), (A, "2\n\n3"), (U, "4")]),
        ([(A, "1"), (U, "2")], [(U, DELETED), (A, "1"), (U, "2")]),
        ([(S, "be"), (A, "1"), (U, "2")], [(S, "be"), (U, DELETED), (A, "1"), (U, "2")]),
        ([(S, "be"), (U, "1"), (U, "2"), (U, "3")], [(S, "be"), (U, "1\n\n2\n\n3")]),
        ([], []),
    ],
)
def test_roles_take_turns(given: list[tuple[str, str]], sent: list[tuple[str, str]]) -> None:
    messages = [ChatMessage(role=role, content=content) for role, content in given]  # type: ignore[arg-type]

    assert [(message.role, message.content) for message in alternating(messages)] == sent
