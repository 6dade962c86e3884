"""A release that counts words in another way: what was indexed before is brought in by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from rag.lexical import entries, variants, words
from rag.models import Document
from rag.services import wording
from rag.tasks import build_on
from tests.rag.fixtures import build_all
from tests.rag.test_retrieval import ask
from webui.accounts.models import User

Upload = Callable[..., Document]


@pytest.fixture
def old_documents(
    ingested: Upload, alice: User, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> list[Document]:
    """Two documents that were indexed before traditional characters were folded."""
    with monkeypatch.context() as before:
        before.setattr(words, "NAME", "porter-pairs")
        before.setattr(words, "simplified", lambda text: text)
        return [
            ingested(alice, "圖書館的鑰匙在二樓的抽屜裡。", "traditional.txt"),
            ingested(alice, "The boat is moored at pier nine.", "boat.txt"),
        ]


def finds(user: User, question: str, documents: list[Document]) -> bool:
    found = ask(user, question, documents)
    return any(candidate.lexical for candidate in found.trace.candidates)


def test_they_are_indexed_anew_one_after_the_other_and_found(old_documents: list[Document], alice: User) -> None:
    question = "图书馆钥匙在哪里？"
    assert variants.simplified("圖書館") == "图书馆"
    assert not finds(alice, question, old_documents)
    assert finds(alice, "Where is the boat moored?", old_documents)
    n_before = entries.n_entries()

    steps = 0
    while wording.outdated_documents().exists():
        assert asyncio.run(build_on()) == 0
        steps += 1

    assert steps == 2
    assert finds(alice, question, old_documents)
    assert finds(alice, "Where is the boat moored?", old_documents)
    assert entries.n_entries() == n_before
    assert {document.state for document in Document.objects.all()} == {"ready"}


def test_what_comes_now_needs_nothing(ingested: Upload, alice: User) -> None:
    ingested(alice, "The boat is moored at pier nine.", "boat.txt")

    assert not wording.index_anew()


def test_one_that_is_deleted_meanwhile_leaves_no_words(
    old_documents: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    terms_in = entries.terms_in

    def slowly(text: str) -> str:
        Document.objects.filter(pk=old_documents[0].pk).delete()
        return terms_in(text)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(entries, "terms_in", slowly)
        assert wording.index_anew()

    build_all()
    assert entries.n_entries() == old_documents[1].chunks.count() == 1


def test_administrators_read_how_many_are_left(old_documents: list[Document], root_client: Client) -> None:
    url = reverse("administration:search_index")

    before = root_client.get(url).content.decode()
    build_all()
    after = root_client.get(url).content.decode()

    assert "2 documents are still being indexed anew" in before
    assert 'hx-trigger="every 2s"' in before
    assert "indexed anew" not in after
    assert "hx-trigger" not in after
