"""Documents that fit are given from beginning to end. Real files, chunks and rights; only the embedder is a double."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import pytest
from pytest_django import DjangoAssertNumQueries

from rag.api import retrieve
from rag.models import Document, ExtractedText
from rag.retrieval.scope import find_scope
from rag.retrieval.whole import MAX_PASSAGES, read_whole
from rag.services import knowledge as knowledge_service
from rag.types import Passage, Retrieval, Room, Said
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.pdf_files import text_pdf
from tests.factories import make_knowledge
from webui.accounts.models import User

Upload = Callable[..., Document]

ENGLISH = "\n\n".join(
    f"The keeper of lighthouse {n} writes that the lamp burned for {n * 3} nights before the oil was brought."
    for n in range(1, 61)
)
CHINESE = "\n\n".join(f"第{n}座灯塔的看守人写道：灯在油运到之前亮了{n * 3}个夜晚。" for n in range(1, 61))
MARKDOWN = "# Harbour\n\nIt has two piers.\n\n## Tower\n\nIt is 38 metres high.\n\n## Keeper\n\nHe is Ole Brandt.\n"
QUESTION = "What is all of this about?"


def tokens_of(passage: Passage) -> int:
    return len(passage.text) // 3 + 10


def ask(user: User, documents: Collection[Document], n_tokens: int, question: str = QUESTION) -> Retrieval:
    ids = [document.pk for document in documents]
    room = Room(n_tokens=n_tokens, tokens_of=tokens_of)
    return asyncio.run(retrieve(user_id=user.pk, question=question, document_ids=ids, room=room))


def without_blanks(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["english", "chinese"])
def test_what_fits_to_the_last_token_is_given_from_beginning_to_end(ingested: Upload, alice: User, text: str) -> None:
    document = ingested(alice, text, "keepers.txt")
    n_tokens = ask(alice, [document], 100_000).trace.whole_tokens

    fits, too_long = ask(alice, [document], n_tokens), ask(alice, [document], n_tokens - 1)

    assert fits.is_whole and not too_long.is_whole
    assert without_blanks("".join(passage.text for passage in fits.passages)) == without_blanks(text)
    assert (fits.trace.whole_tokens, fits.trace.room_tokens) == (n_tokens, n_tokens)
    assert (too_long.trace.whole_tokens, too_long.trace.room_tokens) == (0, n_tokens - 1)
    assert len(too_long.passages) < len(fits.passages)


def test_passages_of_a_whole_document_say_where_they_stand(ingested: Upload, alice: User) -> None:
    document = ingested(alice, ENGLISH, "keepers.txt")

    passages = ask(alice, [document], 100_000).passages

    text = ExtractedText.objects.get().text
    assert len(passages) > 1
    for passage, following in zip(passages, [*passages[1:], None], strict=True):
        assert passage.text == text[passage.start : passage.end]
        assert following is None or passage.end <= following.start


def test_pages_and_headings_stay_apart(ingested: Upload, alice: User) -> None:
    pages = ingested(alice, text_pdf(["It has two piers.", "It is 38 metres high."]), "harbour.pdf")
    headings = ingested(alice, MARKDOWN, "harbour.md")

    found = ask(alice, [headings, pages], 10_000)

    assert [passage.place for passage in found.passages] == [
        "page 1", "page 2", "section Harbour", "section Harbour › Tower", "section Harbour › Keeper",
    ]  # fmt: skip
    assert [candidate.passage for candidate in found.trace.candidates] == [1, 2, 3, 4, 5]
    assert {candidate.outcome for candidate in found.trace.candidates} == {"whole"}


def test_the_order_is_the_same_whatever_is_asked(ingested: Upload, alice: User) -> None:
    documents = [ingested(alice, f"Note {n} is about pier {n}.", f"note-{n}.txt") for n in (3, 1, 2)]

    orders = [
        [passage.document_name for passage in ask(alice, some, 10_000, question).passages]
        for some, question in ((documents, "Pier 2?"), (documents[::-1], "Pier 1?"))
    ]

    assert orders[0] == orders[1] == ["note-3.txt", "note-1.txt", "note-2.txt"]


def test_all_fit_or_all_are_searched(ingested: Upload, alice: User) -> None:
    short, long = ingested(alice, "The pier is short.", "short.txt"), ingested(alice, ENGLISH, "long.txt")

    assert ask(alice, [short], 500).is_whole
    assert not ask(alice, [short, long], 500).is_whole


def test_a_small_knowledge_is_given_whole_until_it_is_taken_back(ingested: Upload, alice: User, bob: User) -> None:
    knowledge = make_knowledge(ingested(alice, "The pier is short."), owner=alice, readers=[bob])
    own = ingested(bob, "The tower is high.", "tower.txt")

    def asked() -> Retrieval:
        room = Room(n_tokens=10_000, tokens_of=tokens_of)
        ids, knowledge_ids = [own.pk], [knowledge.pk]
        return asyncio.run(
            retrieve(user_id=bob.pk, question=QUESTION, document_ids=ids, knowledge_ids=knowledge_ids, room=room)
        )

    before = asked()
    knowledge_service.revoke(knowledge.grants.get())
    after = asked()

    assert before.is_whole and [passage.text for passage in before.passages] == [
        "The pier is short.", "The tower is high.",
    ]  # fmt: skip
    assert after.is_whole and [passage.text for passage in after.passages] == ["The tower is high."]


def test_a_right_that_ends_between_finding_and_reading_counts(ingested: Upload, alice: User, bob: User) -> None:
    knowledge = make_knowledge(ingested(alice, "The pier is short."), owner=alice, readers=[bob])
    scope = find_scope(bob.pk, [], [knowledge.pk])
    knowledge_service.revoke(knowledge.grants.get())

    assert scope.document_ids
    assert read_whole(bob.pk, scope, Room(n_tokens=10_000, tokens_of=tokens_of)) is None


def test_nothing_is_searched_embedded_or_rewritten(ingested: Upload, alice: User, embedder: FakeEmbedder) -> None:
    document = ingested(alice, "The pier is short.")
    embedder.texts.clear()

    found = asyncio.run(
        retrieve(
            user_id=alice.pk, question="And the second one?", document_ids=[document.pk],
            earlier=[Said("user", "How long is the first pier?")], rewriter="tiny",
            room=Room(n_tokens=1000, tokens_of=tokens_of),
        )
    )  # fmt: skip

    assert found.is_whole
    assert embedder.texts == []
    assert (found.trace.rewritten_by, found.trace.rewrite_problem) == ("", "")


def test_a_long_document_costs_one_query_more(
    ingested: Upload, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    document = ingested(alice, "\n\n".join(ENGLISH for _ in range(10)))
    scope = find_scope(alice.pk, [document.pk], [])

    with django_assert_num_queries(1):
        assert read_whole(alice.pk, scope, Room(n_tokens=100, tokens_of=tokens_of)) is None


def test_more_passages_than_can_be_numbered_are_searched(ingested: Upload, alice: User) -> None:
    document = ingested(alice, "\n".join(f"# Part {n}\n\nPier {n}." for n in range(MAX_PASSAGES + 1)), "parts.md")

    assert not ask(alice, [document], 1_000_000).is_whole


def test_without_room_documents_are_searched(ingested: Upload, alice: User) -> None:
    document = ingested(alice, "The pier is short.")

    found = asyncio.run(retrieve(user_id=alice.pk, question="How short is the pier?", document_ids=[document.pk]))

    assert not found.is_whole
    assert found.trace.candidates[0].outcome == "kept"
