"""The response of a preview: cut off from everything, and its owner's alone."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import make_answer, make_chat, make_message
from webui.accounts.models import User
from webui.chats.models import Generation, Message

pytestmark = pytest.mark.django_db

PAGE = "```html\n<p onclick=x>Hello</p><script>1</script>\n```\n"


def address(message: Message, number: int = 0) -> str:
    return reverse("chats:preview", args=[message.chat.uuid, message.uuid, number])


def test_a_preview_says_that_nothing_runs_and_nothing_is_loaded(alice: User, alice_client: Client) -> None:
    answer = make_answer(make_chat(owner=alice, messages=1), content=PAGE)

    response = alice_client.get(address(answer))

    assert response.content.decode().endswith("<body><p>Hello</p>\n")
    policy = dict(part.partition(" ")[::2] for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "sandbox": "",
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "font-src": "data:",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response.headers["Cache-Control"]


def test_pages_of_ours_frame_nothing_but_our_own(alice_client: Client) -> None:
    policy = alice_client.get("/").headers["Content-Security-Policy"]

    assert "frame-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_there_is_a_preview_only_of_ones_own_answers_and_of_what_can_be_shown(
    alice: User, alice_client: Client, bob_client: Client
) -> None:
    chat = make_chat(owner=alice)
    question = make_message(chat, content=PAGE)
    answer = make_answer(chat, content=f"{PAGE}\n```py\nx\n```")
    running = make_answer(chat, content=PAGE, state=Generation.State.RUNNING)

    assert alice_client.get(address(answer)).status_code == 200
    for missing in (address(answer, 1), address(answer, 2), address(question), address(running)):
        assert alice_client.get(missing).status_code == 404
    assert bob_client.get(address(answer)).status_code == 404
