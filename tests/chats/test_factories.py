from __future__ import annotations

import socket

import pytest

from tests.factories import make_chat
from webui.accounts.models import User


def test_a_chat_of_four_messages_is_one_line(alice: User) -> None:
    chat = make_chat(owner=alice, messages=4)

    contents = list(chat.messages.values_list("content", flat=True))
    assert contents == ["question 1", "answer 1", "question 2", "answer 2"]
    assert chat.current_message is not None
    assert chat.current_message.content == "answer 2"


def test_tests_reach_no_other_machine() -> None:
    with socket.socket() as outside, pytest.raises(PermissionError):
        outside.connect(("192.0.2.1", 80))
