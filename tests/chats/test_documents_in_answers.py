"""Answers that rest on documents: real files, real index, real child processes; the embedder is a double."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from inference import catalog, client
from inference.types import ModelInfo
from rag.api import delete_document
from rag.models import Document
from tests.chats.pages import Page
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.office_files import pptx_file, xlsx_file
from tests.doubles.upstream import Behaviour, Upstream
from tests.factories import make_document
from webui.accounts.models import User
from webui.chats.models import Citation, Message
from webui.chats.prompting.building import NOTHING_RULES

Ingest = Callable[..., Document]
MINUTES_MD = """# Summary of the town council, spring 2021

For last year see the [Summary of the year 2019](https://council.example/2019/summary).

The swimming pool is closed for repairs until autumn. The library gets two new rooms.
"""
MINUTES_HTML = """<title>Town</title><h1>Summary of the town council, spring 2021</h1>
<p>For last year see the <a href="https://council.example/2019/summary">Summary of the year 2019</a>.</p>
<p>The swimming pool is closed for repairs until autumn. The library gets two new rooms.</p>"""
TEXT = "The lighthouse of Sandhagen was built in 1902. Its keeper was Ole Brandt. Bread is baked on Fridays."


@database_sync_to_async
def the_answer() -> Message:
    return Message.objects.select_related("generation").get(role="assistant")


@database_sync_to_async
def citations() -> list[Citation]:
    return list(Citation.objects.select_related("document"))


@pytest.fixture
def document(ingested: Ingest, alice: User) -> Document:
    return ingested(alice, TEXT, "harbour.txt")


async def test_quotes_answers_from_the_documents_word_for_word(
    site: Upstream, document: Document, alice_page: Page
) -> None:
    async with alice_page as page:
        await page.send("When was the lighthouse built?", model="quotes", documents=[str(document.uuid)])
        ended = await page.until("generation.ended")

    assert ended["state"] == "finished"
    assert "The lighthouse of Sandhagen was built in 1902." in (await the_answer()).content
    (citation,) = await citations()
    assert (citation.number, citation.document, citation.document_name) == (1, document, "harbour.txt")
    assert 'data-citation="1"' in ended["html"]


async def test_quotes_without_an_attached_document_looks_into_all_of_the_persons(
    site: Upstream, document: Document, alice_page: Page
) -> None:
    async with alice_page as page:
        await page.send("When was the lighthouse built?", model="quotes")
        await page.until("generation.ended")

    assert "1902" in (await the_answer()).content


async def test_quotes_never_looks_into_foreign_documents(
    site: Upstream, document: Document, charlie_page: Page
) -> None:
    async with charlie_page as page:
        await page.send("When was the lighthouse built?", model="quotes")
        ended = await page.until("generation.ended")

    assert ended["state"] == "finished"
    assert "1902" not in (await the_answer()).content


async def test_the_state_of_documents_that_was_read_with_the_question_is_not_asked_again(
    site: Upstream, document: Document, embedder: FakeEmbedder, alice_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_chat_models(embedder, monkeypatch)
    asked: list[Collection[int]] = []

    async def are_ready(document_ids: Collection[int]) -> bool:
        asked.append(document_ids)
        return True

    monkeypatch.setattr("rag.api.are_ready", are_ready)
    async with alice_page as page:
        await page.send("When was the lighthouse built?", documents=[str(document.uuid)])
        ended = await page.until("generation.ended")

    assert (ended["state"], asked) == ("finished", [])
    assert '<passage number="1"' in site.last("/api/chat").body["messages"][-1]["content"]


async def test_a_model_gets_numbered_passages_and_its_citations_are_kept(
    site: Upstream, document: Document, embedder: FakeEmbedder, alice_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_chat_models(embedder, monkeypatch)
    site.behaviour = Behaviour(answer="It was built in 1902 [1], says nobody [7].")

    async with alice_page as page:
        await page.send("When was the lighthouse built?", documents=[str(document.uuid)])
        ended = await page.until("generation.ended")

    question = site.last("/api/chat").body["messages"][-1]["content"]
    assert '<passage number="1" from="harbour.txt">' in question
    assert "built in 1902" in question
    assert [citation.number for citation in await citations()] == [1]
    assert 'data-citation="1"' in ended["html"]
    assert 'data-citation="7"' not in ended["html"]
    ledger = (await the_answer()).generation.ledger
    assert ledger["passages"][0]["name"] == "harbour.txt"
    assert ledger["retrieval"]["question"] == "When was the lighthouse built?"


async def test_a_number_behind_what_its_passage_does_not_say_is_no_citation(
    site: Upstream, document: Document, embedder: FakeEmbedder, alice_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_chat_models(embedder, monkeypatch)
    site.behaviour = Behaviour(answer="Refunds are paid within 28 days of a return [1].")

    async with alice_page as page:
        await page.send("When was the lighthouse built?", documents=[str(document.uuid)])
        ended = await page.until("generation.ended")

    assert await citations() == []
    assert 'class="citation"' not in ended["html"]
    assert "of a return [1]." in ended["html"]
    assert "[1] is no source of this" in ended["html"]


async def test_what_an_answer_quotes_outlives_its_document_which_is_shown_as_deleted(
    site: Upstream, document: Document, alice_page: Page, alice_client: Client
) -> None:
    async with alice_page as page:
        await page.send("When was the lighthouse built?", model="quotes", documents=[str(document.uuid)])
        ended = await page.until("generation.ended")
    await database_sync_to_async(delete_document)(document)

    address = reverse("chats:chat", args=[ended["chat"]])
    shown = (await database_sync_to_async(alice_client.get)(address)).content.decode()

    sources = shown[shown.index('<div class="sources">') :]
    assert "harbour.txt" in sources
    assert ">deleted</span>" in sources
    assert "The lighthouse of Sandhagen was built in 1902.</template>" in sources
    assert 'data-url=""' in sources
    assert ">deleted</span>" not in ended["html"]


async def test_marks_of_every_form_cite_and_made_up_ones_do_not(
    site: Upstream, document: Document, embedder: FakeEmbedder, alice_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_chat_models(embedder, monkeypatch)
    site.behaviour = Behaviour(
        answer="Built in 1902【1†harbour.txt】, not `a[1]`, [so](https://a.example) 【9】 [1, 2]."
    )

    async with alice_page as page:
        await page.send("When was the lighthouse built?", documents=[str(document.uuid)])
        ended = await page.until("generation.ended")

    assert [citation.number for citation in await citations()] == [1]
    assert ended["html"].count('class="citation"') == 1
    assert "【9】 [1, 2]." in ended["html"]


async def test_a_number_that_only_code_holds_is_no_citation(
    site: Upstream, document: Document, embedder: FakeEmbedder, alice_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_chat_models(embedder, monkeypatch)
    site.behaviour = Behaviour(answer="See `a[1]`, $x[1]$ and [a link [1]](https://a.example).")

    async with alice_page as page:
        await page.send("When was the lighthouse built?", documents=[str(document.uuid)])
        await page.until("generation.ended")

    assert await citations() == []


async def test_a_citation_names_the_slide_it_rests_on(
    site: Upstream, ingested: Ingest, alice: User, alice_page: Page
) -> None:
    slides = [("Tower", "It is 38 metres high.", ""), ("Keeper", "The keeper was Ole Brandt.", "")]
    plan = await database_sync_to_async(ingested)(alice, pptx_file(slides), "harbour.pptx")
    async with alice_page as page:
        await page.send("Who was the keeper?", model="quotes", documents=[str(plan.uuid)])
        ended = await page.until("generation.ended")

    (citation,) = await citations()
    assert (citation.document_name, citation.page_kind, citation.page) == ("harbour.pptx", "slide", 2)
    assert "slide 2</span>" in ended["html"]


async def test_a_citation_names_the_sheet_it_rests_on(
    site: Upstream, ingested: Ingest, alice: User, alice_page: Page
) -> None:
    sheets = {"Crew": [["Name", "Post"], ["Ole Brandt", "keeper"]], "Budget": [["Item", "Cost"], ["Lamp oil", 96]]}
    books = await database_sync_to_async(ingested)(alice, xlsx_file(sheets), "harbour.xlsx")
    async with alice_page as page:
        await page.send("What does the lamp oil cost?", model="quotes", documents=[str(books.uuid)])
        ended = await page.until("generation.ended")

    assert "Item: Lamp oil | Cost: 96" in (await the_answer()).content.replace("\\", "")
    assert "sheet Budget</span>" in ended["html"]


@pytest.mark.parametrize(("name", "page"), [("summary.md", MINUTES_MD), ("summary.html", MINUTES_HTML)])
async def test_the_year_of_a_page_is_its_titles_and_not_that_of_a_link(
    site: Upstream, ingested: Ingest, alice: User, alice_page: Page, name: str, page: str
) -> None:
    minutes = await database_sync_to_async(ingested)(alice, page, name)
    async with alice_page as open_page:
        await open_page.send("What year is this summary from?", model="quotes", documents=[str(minutes.uuid)])
        await open_page.until("generation.ended")

    content = (await the_answer()).content
    assert "spring 2021" in content
    assert "2019" not in content


async def test_an_answer_leads_to_how_its_passages_were_found(
    site: Upstream, document: Document, alice_page: Page, alice_client: Client
) -> None:
    async with alice_page as page:
        await page.send("When was the lighthouse built?", model="quotes", documents=[str(document.uuid)])
        ended = await page.until("generation.ended")

    address = reverse("chats:trace_json", args=[ended["chat"], ended["message"]])
    told = (await database_sync_to_async(alice_client.get)(address)).json()
    assert reverse("chats:trace", args=[ended["chat"], ended["message"]]) in ended["html"]
    assert told["question"] == "When was the lighthouse built?"
    (best,) = told["candidates"]
    assert (best["name"], best["outcome"], best["citation"]) == ("harbour.txt", "kept", 1)
    assert best["opening"].startswith("The lighthouse of Sandhagen")
    assert told["seconds"]["total"] > 0


async def test_an_answer_that_found_nothing_leads_to_why(
    site: Upstream, document: Document, alice_page: Page, alice_client: Client
) -> None:
    async with alice_page as page:
        await page.send("What does a quantum computer cost?", model="quotes", documents=[str(document.uuid)])
        ended = await page.until("generation.ended")

    address = reverse("chats:trace", args=[ended["chat"], ended["message"]])
    shown = (await database_sync_to_async(alice_client.get)(address)).content.decode()
    assert "How the documents were searched" in ended["html"]
    assert "Nothing in your documents matches" in shown


async def test_a_model_is_told_when_nothing_matches_and_so_is_the_person(
    site: Upstream, document: Document, embedder: FakeEmbedder, alice_page: Page, monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:  # fmt: skip
    settings.HEARTH_PINNED_SETTINGS = {**settings.HEARTH_PINNED_SETTINGS, "whole_documents": "off"}
    offer_chat_models(embedder, monkeypatch)

    async with alice_page as page:
        await page.send("What is the capital of Mongolia?", documents=[str(document.uuid)])
        ended = await page.until("generation.ended")

    sent = site.last("/api/chat").body["messages"]
    assert [message["content"] for message in sent] == [NOTHING_RULES, "What is the capital of Mongolia?"]
    assert "Nothing in the documents matched" in ended["html"]


@pytest.mark.parametrize(("whole", "place"), [("on", 1), ("off", -1)])
async def test_a_later_question_still_draws_on_the_branchs_documents(
    site: Upstream, document: Document, embedder: FakeEmbedder, alice_page: Page, monkeypatch: pytest.MonkeyPatch,
    settings: Settings, whole: str, place: int,
) -> None:  # fmt: skip
    """Given whole they stand before the first question of the chat, as passages before the last one."""
    settings.HEARTH_PINNED_SETTINGS = {**settings.HEARTH_PINNED_SETTINGS, "whole_documents": whole}
    offer_chat_models(embedder, monkeypatch)

    async with alice_page as page:
        await page.send("When was the lighthouse built?", documents=[str(document.uuid)])
        first = await page.until("generation.ended")
        await page.send("Who was the keeper of the lighthouse?", chat=first["chat"])
        await page.until("generation.ended")

    assert "Ole Brandt" in site.last("/api/chat").body["messages"][place]["content"]


async def test_a_model_whose_window_nobody_knows_gets_whole_documents_with_care(
    site: Upstream, document: Document, embedder: FakeEmbedder, alice_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find_model(model: str) -> ModelInfo:
        if model != "tiny:latest":
            return await embedder.find_model(model)
        offered = (await catalog.find_offer(model)).model
        return replace(offered, connection_kind="openai", context_length=None)

    monkeypatch.setattr(client, "find_model", find_model)

    async with alice_page as page:
        await page.send("When was the lighthouse built?", documents=[str(document.uuid)])
        await page.until("generation.ended")

    trace = (await the_answer()).generation.ledger["retrieval"]
    assert trace["room_tokens"] == 4096
    assert trace["whole_tokens"] > 0


async def test_a_document_whose_embedder_is_missing_is_not_waited_for(
    site: Upstream, alice: User, alice_page: Page
) -> None:
    waiting = await database_sync_to_async(make_document)(
        owner=alice, name="harbour.txt", state="embedding", error="embedder_missing"
    )

    async with alice_page as page:
        await page.send("When?", model="quotes", documents=[str(waiting.uuid)])
        ended = await page.until("generation.ended")

    assert ended["state"] == "failed"
    assert "The model that indexes documents is not there." in ended["html"]


async def test_a_document_that_could_not_be_read_is_named(site: Upstream, alice: User, alice_page: Page) -> None:
    broken = await database_sync_to_async(make_document)(owner=alice, name="secret.pdf", state="failed")

    async with alice_page as page:
        await page.send("What is in it?", documents=[str(broken.uuid)])
        ended = await page.until("generation.ended")

    assert ended["state"] == "failed"
    assert "secret.pdf" in ended["html"]
    assert (await the_answer()).generation.error_code == "document_unreadable"


async def test_why_a_document_could_not_be_read_stands_in_the_answer(
    site: Upstream, alice: User, alice_page: Page
) -> None:
    locked = await database_sync_to_async(make_document)(
        owner=alice, name="secret.pdf", state="failed", error="password"
    )

    async with alice_page as page:
        await page.send("What is in it?", documents=[str(locked.uuid)])
        ended = await page.until("generation.ended")

    assert "protected by a password" in ended["html"]
    assert "Save it without the password" in ended["html"]


async def test_an_answer_waits_for_its_document_and_says_so(site: Upstream, alice: User, alice_page: Page) -> None:
    document = await database_sync_to_async(make_document)(
        owner=alice, name="report.pdf", state="embedding", n_chunks=10, n_chunks_done=4
    )

    async with alice_page as page:
        await page.send("What is in it?", model="quotes", documents=[str(document.uuid)])
        progress = await page.until("generation.progressed")
        await database_sync_to_async(Document.objects.filter(pk=document.pk).update)(state="ready")
        ended = await page.until("generation.ended")

    assert progress["text"] == "Reading report.pdf, 40 %"
    assert ended["state"] == "finished"


def offer_chat_models(embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedder double stands in `find_model`; let it know the chat model of the upstream as well."""

    async def find_model(model: str) -> ModelInfo:
        if model == "tiny:latest":
            return (await catalog.find_offer(model)).model
        return await embedder.find_model(model)

    monkeypatch.setattr(client, "find_model", find_model)
