"""Answers in a folder of chats: real files, real index, and what the model is really sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from pytest_django import Settings

from rag.models import Document
from rag.services import knowledge as knowledge_service
from tests.chats.pages import Page
from tests.chats.test_documents_in_answers import offer_chat_models
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.upstream import Upstream
from tests.factories import make_document, make_folder, make_knowledge
from webui.accounts.models import User
from webui.chats.models import Chat, Folder, Generation
from webui.chats.services import folders

Ingest = Callable[..., Document]
TEXT = "The lighthouse of Sandhagen was built in 1902. Its keeper was Ole Brandt."
QUESTION = "When was the lighthouse built?"


@pytest.fixture
def folder(alice: User, ingested: Ingest) -> Folder:
    made = make_folder(owner=alice, name="Harbour", system_prompt="Speak as a harbour master.")
    made.documents.add(ingested(alice, TEXT, "harbour.txt"))
    return made


@pytest.fixture
def bakery(alice: User, ingested: Ingest) -> Document:
    return ingested(alice, "The bakery of Sandhagen was built in 1950. Bread is baked on Fridays.", "bakery.txt")


@database_sync_to_async
def last_ledger() -> dict[str, object]:
    return dict(Generation.objects.latest("pk").ledger)


async def test_a_chat_of_the_folder_asks_its_documents_and_one_that_left_it_does_not(
    site: Upstream, folder: Folder, bakery: Document, alice: User, alice_page: Page
) -> None:
    async with alice_page as page:
        await page.send(QUESTION, model="quotes", folder=str(folder.uuid), documents=[str(bakery.uuid)])
        inside = await page.until("generation.ended")
        ledger = await last_ledger()
        await database_sync_to_async(folders.move_chat)(alice, inside["chat"], None)
        await page.regenerate(inside["chat"], inside["message"], model="quotes")
        outside = await page.until("generation.ended")

    assert "1902" in inside["html"]
    assert "harbour.txt" in inside["html"]
    assert ledger["briefings"] == [{"source": "folder", "name": "Harbour", "tokens": 0, "documents": 1, "knowledge": 0}]
    assert "1902" not in outside["html"]
    assert (await Chat.objects.aget()).folder_id is None


@pytest.mark.parametrize("whole", ["on", "off"])
async def test_a_model_gets_the_folders_instructions_and_documents(
    site: Upstream, folder: Folder, embedder: FakeEmbedder, alice_page: Page, monkeypatch: pytest.MonkeyPatch,
    settings: Settings, whole: str,
) -> None:  # fmt: skip
    settings.HEARTH_PINNED_SETTINGS = {**settings.HEARTH_PINNED_SETTINGS, "whole_documents": whole}
    offer_chat_models(embedder, monkeypatch)

    async with alice_page as page:
        await page.send(QUESTION, folder=str(folder.uuid))
        await page.until("generation.ended")

    system, question = site.last("/api/chat").body["messages"]
    assert system["content"].startswith("Speak as a harbour master.\n\nThe person's")
    assert 'from="harbour.txt"' in question["content"]
    (added,) = (await last_ledger())["briefings"]  # type: ignore[misc]
    assert (added["name"], added["documents"], added["tokens"]) == ("Harbour", 1, 7)


async def test_what_was_shared_and_is_taken_back_is_in_no_answer_of_the_folder(
    site: Upstream, folder: Folder, alice: User, bob: User, bob_client: Client
) -> None:
    document = await folder.documents.aget()
    knowledge = await database_sync_to_async(make_knowledge)(document, owner=alice, readers=[bob])
    bobs = await database_sync_to_async(make_folder)(owner=bob)
    await bobs.knowledge.aadd(knowledge)
    await bobs.documents.aadd(document)
    async with Page(bob_client) as page:
        await page.send(QUESTION, model="quotes", folder=str(bobs.uuid))
        before = await page.until("generation.ended")
        await database_sync_to_async(lambda: knowledge_service.revoke(knowledge.grants.get()))()
        await page.send(QUESTION, model="quotes", chat=before["chat"])
        after = await page.until("generation.ended")

    assert "1902" in before["html"]
    assert "1902" not in after["html"]
    assert "harbour" not in after["html"].lower()


async def test_an_answer_waits_for_a_document_of_the_folder_that_is_being_read(
    site: Upstream, folder: Folder, alice: User, alice_page: Page
) -> None:
    late = await database_sync_to_async(make_document)(
        owner=alice, name="report.pdf", state="embedding", n_chunks=10, n_chunks_done=4
    )
    await folder.documents.aadd(late)

    async with alice_page as page:
        await page.send(QUESTION, model="quotes", folder=str(folder.uuid))
        progress = await page.until("generation.progressed")
        await Document.objects.filter(pk=late.pk).aupdate(state="ready")
        ended = await page.until("generation.ended")

    assert progress["text"] == "Reading report.pdf, 40 %"
    assert "1902" in ended["html"]


@pytest.mark.parametrize(("state", "error"), [("failed", "broken"), ("embedding", "embedder_missing")])
async def test_a_document_of_the_folder_that_cannot_be_read_is_in_nobodys_way(
    site: Upstream, folder: Folder, alice: User, alice_page: Page, state: str, error: str
) -> None:
    await folder.documents.aadd(await database_sync_to_async(make_document)(owner=alice, state=state, error=error))

    async with alice_page as page:
        await page.send(QUESTION, model="quotes", folder=str(folder.uuid))
        ended = await page.until("generation.ended")

    assert ended["state"] == "finished"
    assert "1902" in ended["html"]


async def test_a_folder_of_somebody_else_and_one_that_is_none_are_refused_alike(
    site: Upstream, folder: Folder, charlie_page: Page
) -> None:
    async with charlie_page as page:
        texts = []
        for wanted in (str(folder.uuid), "00000000-0000-0000-0000-000000000007"):
            await page.send(QUESTION, model="quotes", folder=wanted)
            refused = await page.until("request.refused")
            texts.append((refused["code"], refused["text"]))

    assert texts[0] == texts[1]
    assert await Chat.objects.acount() == 0
