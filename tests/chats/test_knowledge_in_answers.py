"""Answers that rest on shared knowledge, and what is left of it when the sharing ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from django.urls import reverse

from rag.models import Document, Knowledge
from rag.services import knowledge as service
from rag.services.documents import delete_document
from tests.chats.pages import Event, Page
from tests.doubles.upstream import Upstream
from tests.factories import make_knowledge, make_message
from webui.accounts.models import User
from webui.chats.models import Citation, Message
from webui.chats.services.messages import edit_message
from webui.chats.services.tasks import task_of
from webui.chats.shown_branch import new_messages

Ingest = Callable[..., Document]
TEXT = "The lighthouse of Sandhagen was built in 1902. Its keeper was Ole Brandt. Bread is baked on Fridays."
QUESTION = "When was the lighthouse built?"


@pytest.fixture
def document(ingested: Ingest, alice: User) -> Document:
    return ingested(alice, TEXT, "harbour.txt")


@pytest.fixture
def knowledge(document: Document, alice: User, bob: User) -> Knowledge:
    return make_knowledge(document, owner=alice, name="Harbour", readers=[bob])


@pytest.fixture
def bob_page(bob_client: Client) -> Page:
    return Page(bob_client)


@database_sync_to_async
def revoke(knowledge: Knowledge) -> None:
    service.revoke(knowledge.grants.get())


@database_sync_to_async
def body_of(client: Client, name: str, event: Event) -> str:
    args = [event["chat"]] if name == "chats:chat" else [event["chat"], event["message"]]
    return client.get(reverse(name, args=args)).content.decode()


async def ask(page: Page, **fields: object) -> Event:
    await page.send(QUESTION, model="quotes", **fields)
    return await page.until("generation.ended")


async def test_chosen_knowledge_is_what_a_question_draws_on(
    site: Upstream, knowledge: Knowledge, bob_page: Page
) -> None:
    async with bob_page as page:
        ended = await ask(page, knowledge=[str(knowledge.uuid)])
        changed = next(event for event in page.events if event["type"] == "branch.changed")

    assert "1902" in ended["html"]
    assert "harbour.txt" in ended["html"]
    assert "Harbour" in changed["html"]


async def test_a_message_keeps_its_knowledge_for_the_next_one(
    site: Upstream, knowledge: Knowledge, bob_page: Page
) -> None:
    async with bob_page as page:
        first = await ask(page, knowledge=[str(knowledge.uuid)])
        await page.send("Who was the keeper?", model="quotes", chat=first["chat"])
        second = await page.until("generation.ended")

    assert "Ole Brandt" in second["html"]


async def test_quotes_without_a_choice_looks_into_what_is_shared(
    site: Upstream, knowledge: Knowledge, bob_page: Page
) -> None:
    async with bob_page as page:
        assert "1902" in (await ask(page))["html"]


@pytest.mark.parametrize("kind", ["documents", "knowledge"])
async def test_what_is_not_shared_cannot_be_asked(
    site: Upstream, knowledge: Knowledge, document: Document, charlie_page: Page, kind: str
) -> None:
    chosen = document if kind == "documents" else knowledge
    async with charlie_page as page:
        await page.send(QUESTION, model="quotes", **{kind: [str(chosen.uuid)]})
        refused = await page.until("request.refused")

    assert "harbour" not in str(refused).lower()
    assert await Message.objects.acount() == 0


async def test_after_a_revocation_nothing_of_it_is_left_in_chats(
    site: Upstream, knowledge: Knowledge, document: Document, bob_page: Page, bob_client: Client
) -> None:
    async with bob_page as page:
        ended = await ask(page, knowledge=[str(knowledge.uuid)], documents=[str(document.uuid)])
        before = await body_of(bob_client, "chats:chat", ended)
        await revoke(knowledge)

        # The open page asks again in the same chat: the next answer has nothing of it.
        await page.regenerate(ended["chat"], ended["message"], model="quotes")
        again = await page.until("generation.ended")

    assert all(word in before for word in ("harbour.txt", "Harbour", "Sources"))
    assert "1902" not in again["html"]
    assert "harbour" not in again["html"].lower()
    # What was answered before keeps its words, but no source that names or quotes the document.
    for name in ("chats:chat", "chats:message", "chats:trace", "chats:trace_json"):
        shown = await body_of(bob_client, name, ended)
        assert "harbour.txt" not in shown
        assert str(document.uuid) not in shown
        assert str(knowledge.uuid) not in shown


async def test_a_shared_document_that_is_deleted_after_its_revocation_does_not_come_back(
    site: Upstream, knowledge: Knowledge, document: Document, bob_page: Page, bob_client: Client
) -> None:
    async with bob_page as page:
        ended = await ask(page, knowledge=[str(knowledge.uuid)])
    await revoke(knowledge)
    await database_sync_to_async(delete_document)(document)

    shown = await body_of(bob_client, "chats:message", ended)

    assert "harbour.txt" not in shown
    assert "Not available to you" in shown


async def test_an_answer_that_ends_after_the_revocation_shows_no_source(
    site: Upstream, knowledge: Knowledge, bob_page: Page, bob_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The passages are found, the grant is taken back, and only then the answer is stored."""
    from webui.chats.services import generations

    store = generations.end_generation

    def revoke_and_store(*args: object) -> object:
        service.revoke(knowledge.grants.get())
        return store(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(generations, "end_generation", revoke_and_store)
    async with bob_page as page:
        ended = await ask(page, knowledge=[str(knowledge.uuid)])

    assert "harbour.txt" not in ended["html"]
    assert "Not available to you" in ended["html"]
    assert await Citation.objects.acount() == 1


async def test_the_citation_of_an_own_document_still_outlives_it(
    site: Upstream, knowledge: Knowledge, document: Document, alice_page: Page, alice_client: Client
) -> None:
    async with alice_page as page:
        ended = await ask(page, knowledge=[str(knowledge.uuid)])
    await database_sync_to_async(delete_document)(document)

    assert "harbour.txt" in await body_of(alice_client, "chats:message", ended)


async def test_the_name_of_a_shared_document_is_not_kept_in_an_error(
    site: Upstream, knowledge: Knowledge, document: Document, bob_page: Page
) -> None:
    await Document.objects.filter(pk=document.pk).aupdate(state="failed", error="broken")
    async with bob_page as page:
        ended = await ask(page, documents=[str(document.uuid)])

    assert ended["state"] == "failed"
    assert "harbour.txt" not in ended["html"]
    assert "A shared document" in ended["html"]


def test_an_edited_question_leaves_behind_what_may_not_be_read_any_more(
    knowledge: Knowledge, document: Document, alice: User, bob: User
) -> None:
    from tests.factories import make_chat

    chat = make_chat(owner=bob)
    old = make_message(chat, content=QUESTION)
    old.documents.add(document)
    old.knowledge.add(knowledge)

    def edited() -> tuple[list[int], list[int]]:
        asked = edit_message(bob, chat_uuid=chat.uuid, message_uuid=old.uuid, content="again", model="quotes")
        asked.generation.state = "finished"
        asked.generation.save()
        task = task_of(asked.generation, new_messages(asked.new_messages, asked.attached, have_siblings=True))
        return list(task.document_ids), list(task.knowledge_ids)

    assert edited() == ([document.pk], [knowledge.pk])

    service.revoke(knowledge.grants.get())

    assert edited() == ([], [])
