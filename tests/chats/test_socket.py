"""The chat socket end to end: real ASGI application, real database, real HTTP to a steerable model server."""

from __future__ import annotations

from channels.db import database_sync_to_async

from tests.chats.pages import Page
from tests.doubles.upstream import Behaviour, Upstream
from webui.chats.models import Chat, Generation, Message


async def test_a_first_message_makes_a_chat_and_is_answered(site: Upstream, alice_page: Page) -> None:
    site.behaviour = Behaviour(answer="It burns **warm**.")

    async with alice_page as page:
        ref = await page.send("How does the hearth burn?")
        shown = await page.until("branch.changed")
        ended = await page.until("generation.ended")

    assert shown["ref"] == ref
    assert "How does the hearth burn?" in shown["html"]
    assert shown["after"] is None
    assert ended["state"] == "finished"
    assert "<strong>warm</strong>" in ended["html"]
    answer = await database_sync_to_async(Message.objects.get)(role="assistant")
    assert answer.content == "It burns **warm**."
