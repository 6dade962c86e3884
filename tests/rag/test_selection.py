"""What of the weighed candidates an answer gets: neighbours joined, and the order of a real reranker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pytest
from pytest_django.fixtures import Settings

from inference import client
from inference.errors import ConnectionRefused, InferenceError
from rag.lexical import words
from rag.models import Document, ExtractedText
from rag.retrieval import reranking
from rag.retrieval.candidates import FoundChunk
from rag.retrieval.fusion import Weighed
from rag.retrieval.selection import MAX_JOINED, select
from rag.types import PLAIN
from tests.rag.test_retrieval import ask
from webui.accounts.models import User

Upload = Callable[..., Document]

NEEDED = 0.22

RULES = [f"Rule {n} of the harbour says that boats of class {n} pay {n * 100} kroner a week." for n in range(1, 90)]


def item(
    position: int, *, document: int = 1, page: int | None = None, path: str = "", coverage: float = 1.0
) -> Weighed:
    text = f"text {document} {position} " + " ".join(f"w{position}x{n}" for n in range(20))
    chunk = FoundChunk(
        f" {' '.join(words.terms(text))} ", document * 100 + position, document, UUID(int=document), "a.txt", PLAIN,
        position, position * 10, position * 10 + 10, page, path, text,
    )  # fmt: skip
    return Weighed(chunk=chunk, lexical=1.0, coverage=coverage, dense=None, meaning=0.0, fused=1.0)


def outcomes(*items: Weighed, limit: int = 3) -> list[tuple[str, int | None]]:
    return [(selected.outcome, selected.passage) for selected in select(items, limit, NEEDED)]


def test_neighbours_become_one_passage() -> None:
    assert outcomes(item(4), item(9), item(5), item(3)) == [("kept", 1), ("kept", 2), ("joined", 1), ("joined", 1)]


def test_a_passage_does_not_grow_without_end() -> None:
    assert outcomes(*(item(n) for n in range(MAX_JOINED + 1)), limit=9)[-1] == ("kept", 2)


@pytest.mark.parametrize("other", [item(5, document=2), item(5, page=2), item(5, path="Winter"), item(6)])
def test_what_stands_elsewhere_is_not_joined(other: Weighed) -> None:
    assert outcomes(item(4), other)[1] == ("kept", 2)


def test_a_weak_neighbour_is_not_joined() -> None:
    assert outcomes(item(4), item(5, coverage=0.1))[1] == ("below cut-off", None)


def test_joining_is_limited_as_keeping_is() -> None:
    assert [outcome for outcome, _ in outcomes(item(1), item(2), item(3), limit=1)] == [
        "kept",
        "joined",
        "beyond limit",
    ]


def test_a_joined_passage_is_what_stands_in_the_document(ingested: Upload, alice: User) -> None:
    document = ingested(alice, "\n\n".join(RULES), "rules.txt")

    found = ask(alice, "What do boats of each class pay a week by the rules of the harbour?", [document])

    text = ExtractedText.objects.get().text
    assert any(candidate.outcome == "joined" for candidate in found.trace.candidates)
    for passage in found.passages:
        assert text[passage.start : passage.end] == passage.text
    spans = sorted((passage.start, passage.end) for passage in found.passages)
    assert max(end - start for start, end in spans) > 1000


@pytest.fixture
def rerank(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Callable[..., list[str]]:
    def use(order: Callable[[str], float], error: InferenceError | None = None, *, hangs: bool = False) -> list[str]:
        asked: list[str] = []

        async def scores(model: str, query: str, documents: list[str]) -> npt.NDArray[np.float32]:
            asked.extend(documents)
            if hangs:
                await asyncio.Event().wait()
            if error:
                raise error
            return np.array([order(document) for document in documents], dtype=np.float32)

        settings.HEARTH_RERANKER = "ranker"
        monkeypatch.setattr(client, "rerank", scores)
        return asked

    return use


LIGHTHOUSES = "The lighthouse of Oldby was built in 1880.", "The lighthouse of Sandhagen was built in 1902 of stone."


def test_a_reranker_puts_passages_into_its_order(
    ingested: Upload, alice: User, rerank: Callable[..., list[str]]
) -> None:
    documents = [ingested(alice, text, f"{n}.txt") for n, text in enumerate(LIGHTHOUSES)]
    question = "When was the lighthouse of Oldby built?"
    assert "Oldby" in ask(alice, question, documents).passages[0].text

    rerank(lambda text: float("stone" in text))
    found = ask(alice, question, documents)

    assert "stone" in found.passages[0].text
    assert [candidate.rerank for candidate in found.trace.candidates] == [1.0, 0.0]
    assert (found.trace.reranker, found.trace.rerank_problem) == ("ranker", "")


@pytest.mark.parametrize(("error", "problem"), [(ConnectionRefused("x"), "ConnectionRefused"), (None, "TimeoutError")])
def test_without_its_reranker_a_search_keeps_its_order_and_says_so(
    ingested: Upload,
    alice: User,
    rerank: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    error: InferenceError | None,
    problem: str,
) -> None:
    document = ingested(alice, LIGHTHOUSES[0], "a.txt")
    monkeypatch.setattr(reranking, "TIMEOUT_S", 0.05)
    rerank(len, error, hangs=error is None)

    found = ask(alice, "When was the lighthouse of Oldby built?", [document])

    assert len(found.passages) == 1
    assert found.trace.rerank_problem == problem


def test_a_reranker_reads_the_best_candidates_alone(
    ingested: Upload, alice: User, rerank: Callable[..., list[str]]
) -> None:
    documents = [ingested(alice, f"Harbour {n} lies north of pier {n}.", f"{n}.txt") for n in range(25)]
    asked = rerank(lambda text: 0.5)

    found = ask(alice, "Which harbour lies north of which pier?", documents)

    assert len(asked) == reranking.N_RERANKED
    assert sum(candidate.rerank is None for candidate in found.trace.candidates) == 5
