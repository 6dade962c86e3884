"""Chinese questions about English documents, and English ones about Chinese documents, with a model at hand.

The model is an upstream that speaks Ollama on a real port, and answers as it is told to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import pytest
from pytest_django.fixtures import Settings

from inference import catalog, client
from rag.models import Document, IndexVersion
from rag.retrieval import retrieve, translating
from rag.retrieval.translating import parse
from rag.types import Retrieval, Said
from tests.doubles.upstream import Behaviour, Upstream
from webui.accounts.models import User

Upload = Callable[..., Document]

LIGHTHOUSE = "The lighthouse was built in 1902.\n\nIts keeper lives on the island."
QUESTION = "灯塔是哪一年建造的？"
TRANSLATED = "In which year was the lighthouse built?"


@pytest.fixture
def model(upstream: Upstream, settings: Settings) -> Upstream:
    settings.HEARTH_INFERENCE_URL = upstream.url
    catalog.forget()
    upstream.behaviour = Behaviour(answer=TRANSLATED)
    return upstream


def ask(user: User, question: str, documents: Collection[Document], **options: object) -> Retrieval:
    async def search() -> Retrieval:
        try:
            return await retrieve(
                user_id=user.pk, question=question, document_ids=[document.pk for document in documents],
                **{"rewriter": "tiny:latest"} | options,  # type: ignore[arg-type]
            )  # fmt: skip
        finally:
            await client.aclose()

    return asyncio.run(search())


def n_asked(model: Upstream) -> int:
    return sum(request.path == "/api/chat" for request in model.requests)


def test_a_chinese_question_finds_english_text(ingested: Upload, alice: User, model: Upstream) -> None:
    document = ingested(alice, LIGHTHOUSE, "a.txt")
    assert ask(alice, QUESTION, [document], rewriter="").is_empty

    found = ask(alice, QUESTION, [document])

    assert "built in 1902" in found.passages[0].text
    trace = found.trace
    assert (trace.question, trace.searched, trace.rewritten_by) == (QUESTION, TRANSLATED, "translated")
    assert (trace.terms, trace.dense_trust) == (("year", "lighthous", "built"), 1.0)
    assert trace.rewrite_s > 0


def test_an_english_question_finds_chinese_text(ingested: Upload, alice: User, model: Upstream) -> None:
    model.behaviour = Behaviour(answer="灯塔是哪一年建造的？")
    document = ingested(alice, "灯塔建造于一九〇二年。\n\n守塔人住在岛上。", "灯塔.txt")

    found = ask(alice, "In which year was the lighthouse built?", [document])

    assert "一九〇二年" in found.passages[0].text
    assert found.trace.rewritten_by == "translated"
    assert "into Chinese" in model.requests[-1].body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("texts", "question"),
    [
        ([LIGHTHOUSE], "When was the lighthouse built?"),
        (["灯塔建造于一九〇二年。"], QUESTION),
        ([LIGHTHOUSE, "灯塔建造于一九〇二年。"], QUESTION),
        ([LIGHTHOUSE, "灯塔建造于一九〇二年。"], "When was the lighthouse built?"),
        (["灯塔建造于一九〇二年。"], "1902?"),
    ],
)
def test_no_model_is_asked_where_a_document_is_in_the_script_of_the_question(
    ingested: Upload, alice: User, model: Upstream, texts: list[str], question: str
) -> None:
    documents = [ingested(alice, text, f"{number}.txt") for number, text in enumerate(texts)]

    assert ask(alice, question, documents).trace.rewritten_by == ""
    assert n_asked(model) == 0


def test_no_model_is_asked_where_the_embedder_knows_both(ingested: Upload, alice: User, model: Upstream) -> None:
    document = ingested(alice, LIGHTHOUSE, "a.txt")
    IndexVersion.objects.update(cjk_trust=1.0)

    assert ask(alice, QUESTION, [document]).trace.searched == QUESTION
    assert n_asked(model) == 0


def test_a_follow_up_is_put_into_words_first(ingested: Upload, alice: User, model: Upstream) -> None:
    document = ingested(alice, LIGHTHOUSE, "a.txt")
    earlier = [Said("user", "港口的灯塔有多高？"), Said("assistant", "三十八米。")]

    found = ask(alice, "它是哪一年建造的？", [document], earlier=earlier)

    # What the model gave for the first request is no question about this conversation.
    assert (found.trace.searched, n_asked(model)) == (TRANSLATED, 2)
    assert "港口的灯塔" in model.requests[-1].body["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("灯塔建于一九〇二年。", "not a question"),
        ("It was built in 1902.\nThe keeper lives there.", "not a question"),
        ("word " * 500, "not a question"),
    ],
)
def test_whatever_else_a_model_writes_is_not_searched(
    ingested: Upload, alice: User, model: Upstream, answer: str, problem: str
) -> None:
    model.behaviour = Behaviour(answer=answer)
    document = ingested(alice, LIGHTHOUSE, "a.txt")

    trace = ask(alice, QUESTION, [document]).trace

    assert (trace.searched, trace.rewritten_by, trace.rewrite_problem) == (QUESTION, "", problem)


def test_a_model_that_is_gone_or_slow_leaves_the_question_as_it_was(
    ingested: Upload, alice: User, model: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = ingested(alice, LIGHTHOUSE, "a.txt")
    monkeypatch.setattr(translating, "TIMEOUT_S", 0.05)
    model.behaviour = Behaviour(answer=TRANSLATED, delay=5000)

    assert ask(alice, QUESTION, [document]).trace.rewrite_problem == "TimeoutError"
    assert ask(alice, QUESTION, [document], rewriter="gone").trace.rewrite_problem == "ModelNotFound"


@pytest.mark.parametrize(
    ("answer", "question", "language", "translation"),
    [
        ('"How many disks may RAID-6 lose?"', "RAID-6 能坏几块硬盘？", "English", "How many disks may RAID-6 lose?"),
        ("Question: Where is it?", "它在哪里？", "English", "Where is it?"),
        ("How many disks may it lose?", "RAID-6 能坏几块硬盘？", "English", ""),
        ("灯塔在哪里？", "Where is the lighthouse?", "Chinese", "灯塔在哪里？"),
        ("The lighthouse is in 1902.", "Where is the lighthouse?", "Chinese", ""),
    ],
)
def test_a_translation_is_one_line_in_its_language_with_the_same_numbers(
    answer: str, question: str, language: str, translation: str
) -> None:
    assert parse(answer, question, language) == translation
