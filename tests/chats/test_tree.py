"""What the menu of a message does to the tree, as the page asks for it."""

from __future__ import annotations

from channels.db import database_sync_to_async
from django.test import Client
from django.urls import reverse

from tests.chats.pages import Page
from tests.doubles.upstream import Upstream
from tests.factories import make_answer, make_chat
from webui.accounts.models import User
from webui.chats.models import Chat, MessageRemoval


def test_the_page_of_a_fork_is_named(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, messages=2)
    answer = chat.messages.get(content="answer 1")

    made = alice_client.post(reverse("chats:fork", args=[chat.uuid, answer.uuid]))

    assert made.status_code == 201
    page = alice_client.get(made["Location"]).content.decode()
    assert "answer 1" in page
    assert str(answer.uuid) not in page


def test_a_message_is_deleted_and_comes_back(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, messages=4)
    question = chat.messages.get(content="question 2")

    deleted = alice_client.post(reverse("chats:delete_message", args=[chat.uuid, question.uuid]), {"with_branch": "1"})
    undone = alice_client.post(deleted["Undo-Location"])

    assert "question 2" not in deleted.content.decode()
    assert "answer 1" in deleted.content.decode()
    assert "answer 2" in undone.content.decode()


def test_what_cannot_be_done_is_said(alice: User, alice_client: Client) -> None:
    chat = make_chat(owner=alice, messages=1)
    answer = make_answer(chat, state="running", content="")

    for name in ("chats:fork", "chats:delete_message"):
        refused = alice_client.post(reverse(name, args=[chat.uuid, answer.uuid]))
        assert refused.status_code == 422
        assert "still being written" in refused.content.decode()


def test_charlie_reaches_no_tree_of_alice(alice: User, charlie_client: Client) -> None:
    chat = make_chat(owner=alice, messages=2)
    answer = chat.messages.get(content="answer 1")
    removal = MessageRemoval.objects.create(chat=chat)

    for name, inner in [
        ("fork", answer.uuid),
        ("delete_message", answer.uuid),
        ("show_beside", answer.uuid),
        ("undo_delete_message", removal.uuid),
    ]:
        assert charlie_client.post(reverse(f"chats:{name}", args=[chat.uuid, inner])).status_code == 404


async def test_other_pages_hear_of_a_deletion(
    site: Upstream, alice: User, alice_client: Client, alice_page: Page
) -> None:
    chat: Chat = await database_sync_to_async(make_chat)(owner=alice, messages=2)
    answer = await chat.messages.aget(content="answer 1")
    url = reverse("chats:delete_message", args=[chat.uuid, answer.uuid])

    async with alice_page as page:
        await page.open(chat.uuid, last=str(answer.uuid))
        # Its refusal comes after whatever opening has said.
        await page.say({"type": "nonsense"})
        await page.until("request.refused")
        await database_sync_to_async(alice_client.post)(url)
        outdated = await page.until("branch.outdated")

    assert outdated["chat"] == str(chat.uuid)


async def test_a_model_gets_roles_in_turns_where_a_message_was_deleted(
    site: Upstream, alice: User, alice_client: Client, alice_page: Page
) -> None:
    chat: Chat = await database_sync_to_async(make_chat)(owner=alice, messages=4)
    answer = await chat.messages.aget(content="answer 1")
    await database_sync_to_async(alice_client.post)(reverse("chats:delete_message", args=[chat.uuid, answer.uuid]))

    async with alice_page as page:
        await page.send("And now?", chat=str(chat.uuid))
        await page.until("generation.ended")

    sent = [(message["role"], message["content"]) for message in site.last("/api/chat").body["messages"]]
    assert sent == [("user", "question 1\n\nquestion 2"), ("assistant", "answer 2"), ("user", "And now?")]
