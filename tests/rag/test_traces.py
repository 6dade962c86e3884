from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from rag.api import delete_document, readable_trace, retrieve
from rag.models import Document
from rag.types import TRACE_MAX_CANDIDATES, TRACE_MAX_TERMS, Candidate, RetrievalTrace
from tests.doubles.pdf_files import text_pdf
from webui.accounts.models import User

Upload = Callable[..., Document]

PAGES = ["The lighthouse was built in 1902 by the town.", "The keeper of the lighthouse was Ole Brandt."]


def stored(user: User, question: str, documents: Collection[Document]) -> dict[str, Any]:
    ids = [document.pk for document in documents]
    trace = asyncio.run(retrieve(user_id=user.pk, question=question, document_ids=ids)).trace
    kept: dict[str, Any] = json.loads(json.dumps(trace.as_dict()))
    return kept


def candidate(number: int, **values: Any) -> Candidate:
    fields: dict[str, Any] = {
        "document_id": 1, "document_name": "a.txt", "page": None, "start": number * 10, "end": number * 10 + 9,
        "lexical": 0.1, "coverage": 0.1, "dense": None, "fused": 1 / (number + 1), "outcome": "below cut-off",
    }  # fmt: skip
    passage = 1 if values.get("outcome") == "kept" else None
    return Candidate(**fields | {"passage": passage} | values)


TRACE = RetrievalTrace(
    question="When?", searched="When?", rewritten_by="", rewrite_problem="",
    terms=("when",), embedder="e", dense_trust=1.0, dense_problem="", candidates=(),
    lexical_s=0.0, embed_s=0.0, vector_s=0.0, total_s=0.0,
)  # fmt: skip


def test_the_reader_sees_where_each_passage_stands_and_how_it_begins(
    ingested: Upload, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    document = ingested(alice, text_pdf(PAGES), "harbour.pdf")
    trace = stored(alice, "Who was the keeper of the lighthouse?", [document])

    with django_assert_num_queries(2):
        seen = readable_trace(alice, trace)

    best = seen.candidates[0]
    assert (best.document_uuid, best.document_name, best.page) == (document.uuid, "harbour.pdf", 2)
    assert best.opening == "The keeper of the lighthouse was Ole Brandt."
    assert (best.outcome, best.passage) == ("kept", 1)
    assert seen.total_s > 0


def test_it_says_what_a_document_is_called_now(ingested: Upload, alice: User) -> None:
    document = ingested(alice, PAGES[0], "harbour.txt")
    trace = stored(alice, "When was the lighthouse built?", [document])
    Document.objects.filter(pk=document.pk).update(name="renamed.txt")

    assert [item.document_name for item in readable_trace(alice, trace).candidates] == ["renamed.txt"]


def test_what_is_no_longer_readable_leaves_nothing(ingested: Upload, alice: User, bob: User) -> None:
    gone, revoked, own = (ingested(alice, page, f"{n}.txt") for n, page in enumerate([*PAGES, "A lighthouse."]))
    trace = stored(alice, "When was the lighthouse built, and who was its keeper?", [gone, revoked, own])
    assert {item.document_name for item in readable_trace(alice, trace).candidates} == {"0.txt", "1.txt", "2.txt"}

    delete_document(gone)
    Document.objects.filter(pk=revoked.pk).update(owner=bob)

    assert {item.document_name for item in readable_trace(alice, trace).candidates} == {"2.txt"}


def test_another_person_sees_only_what_is_theirs(ingested: Upload, alice: User, bob: User, charlie: User) -> None:
    hers, given = ingested(alice, PAGES[0], "hers.txt"), ingested(alice, PAGES[1], "given.txt")
    trace = stored(alice, "When was the lighthouse built, and who was its keeper?", [hers, given])
    Document.objects.filter(pk=given.pk).update(owner=bob)

    assert [item.document_name for item in readable_trace(bob, trace).candidates] == ["given.txt"]
    assert readable_trace(charlie, trace).candidates == ()


def test_without_a_readable_document_the_trace_says_so(alice: User, bob: User, ingested: Upload) -> None:
    foreign = ingested(bob, PAGES[0], "foreign.txt")

    trace = stored(alice, "When was the lighthouse built?", [foreign])

    assert (trace["dense_problem"], trace["candidates"]) == ("no documents", [])


def test_a_stored_trace_is_bounded() -> None:
    terms = tuple(f"word{n}" for n in range(1000))
    names = {"document_name": "n" * 255, "page_name": "p" * 200}
    long = replace(TRACE, question="q" * 2000, terms=terms, candidates=tuple(candidate(n, **names) for n in range(200)))

    kept = long.as_dict()

    assert [item["start"] for item in kept["candidates"]] == [n * 10 for n in range(TRACE_MAX_CANDIDATES)]
    assert len(kept["terms"]) == TRACE_MAX_TERMS
    assert len(json.dumps(kept)) < 40_000


@pytest.mark.parametrize("place", [0, 39, 40, 199])
def test_what_was_kept_is_stored_wherever_it_stands(place: int) -> None:
    candidates = tuple(candidate(n, outcome="kept" if n == place else "below cut-off") for n in range(200))

    kept = replace(TRACE, candidates=candidates).as_dict()["candidates"]

    assert len(kept) == TRACE_MAX_CANDIDATES
    assert [item["start"] for item in kept if item["outcome"] == "kept"] == [place * 10]
    assert [item["fused"] for item in kept] == sorted((item["fused"] for item in kept), reverse=True)
