"""The response of a preview: cut off from everything, and its owner's alone."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import make_answer, make_chat, make_message
from webui.accounts.audiences import Audience
from webui.accounts.models import User
from webui.chats.models import Generation, Message
from webui.chats.services import sharing

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


def test_diagrams_are_drawn_in_a_frame_without_an_origin_that_runs_two_scripts_alone(client: Client) -> None:
    responses = [client.get(reverse("chats:drawer")) for _time in range(2)]

    page = responses[0].content.decode()
    policy = dict(part.partition(" ")[::2] for part in responses[0].headers["Content-Security-Policy"].split("; "))
    nonce = policy.pop("script-src").removeprefix("'nonce-").removesuffix("'")
    assert policy == {
        "sandbox": "allow-scripts",
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }
    assert page.count("<script") == page.count(f'nonce="{nonce}"') == 2
    assert nonce not in responses[1].content.decode()
    assert responses[0].headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_shared_chat_shows_its_readers_the_drawings_and_pages_of_its_answers(
    alice: User, bob: User, bob_client: Client, charlie_client: Client
) -> None:
    chat = make_chat(owner=alice)
    question = make_message(chat, content=PAGE)
    make_answer(chat, parent=question, content=PAGE)
    link = sharing.share_chat(chat, is_live=True)
    sharing.grant(link, Audience(user=bob))
    address = reverse("chats:shared_block", args=[link.uuid, 1, 0])

    shown = bob_client.get(address)

    assert f'data-preview-url="{address}"' in bob_client.get(reverse("chats:shared", args=[link.uuid])).content.decode()
    assert shown.content.decode().endswith("<body><p>Hello</p>\n")
    assert shown.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert shown.headers["X-Frame-Options"] == "SAMEORIGIN"
    for place, number in ((0, 0), (1, 1), (2, 0)):
        missing = reverse("chats:shared_block", args=[link.uuid, place, number])
        assert bob_client.get(missing).status_code == 404
    assert charlie_client.get(address).status_code == 404
