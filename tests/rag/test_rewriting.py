from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from inference import client
from inference.errors import ConnectionRefused, InferenceError
from inference.types import ChatEvent, ChatRequest, Delta
from rag.models import Document
from rag.retrieval import retrieve, rewriting
from rag.retrieval.rewriting import leans_on_conversation, parse, rewrite
from rag.types import Retrieval, Said
from webui.accounts.models import User

Upload = Callable[..., Document]

FIRST = "When was the lighthouse of Sandhagen built?"
TALK = [Said("user", FIRST), Said("assistant", "It was built in 1902 [1].")]


class Model:
    """Stands in for a chat model at `inference.client`; keeps what it was asked."""

    def __init__(self, answer: str = "", error: InferenceError | None = None, hangs: bool = False) -> None:
        self.answer, self.error, self.hangs = answer, error, hangs
        self.requests: list[ChatRequest] = []

    async def stream_chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        self.requests.append(request)
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        for character in self.answer:
            yield Delta(content=character)


@pytest.fixture
def ask_model(monkeypatch: pytest.MonkeyPatch) -> Callable[[Model], Model]:
    def use(model: Model) -> Model:
        monkeypatch.setattr(client, "stream_chat", model.stream_chat)
        return model

    return use


@pytest.mark.parametrize(
    "question",
    [
        "And the second one?", "What about the keeper?", "Why?", "When?", "Who built it?", "How tall is it?",
        "Are they open on Sundays?", "And in winter?", "Is there another one?", "What does that cost?",
        "Did he live there?", "In which year?", "Tell me more about them.", "How many pages?",
        "那第二个呢？", "它是什么时候建的？", "为什么？", "谁建的？", "那冬天呢？", "还有别的吗？",
        "这个多少钱？", "他住在那里吗？",        "另一个在哪里？", "什么时候？", "前者有多高？",
    ],
)  # fmt: skip
def test_follow_ups_lean_on_their_conversation(question: str) -> None:
    assert leans_on_conversation(question)


@pytest.mark.parametrize(
    "question",
    [
        FIRST, "What is greylisting?", "Who was Ole Brandt?", "How do I keep one package from being upgraded?",
        "What year is this summary from?", "What is in this document?", "Explain RAID-6.",
        "Is it possible to run several websites with different names from one Apache server?",
        "Which permissions does a new file get?", "Compare the costs of both harbours in 1902.",
        "桑港的灯塔是什么时候建的？", "什么是灰名单？", "这份文件是哪一年的？", "怎么恢复数据库的备份？",
        "硬链接和符号链接有什么区别？",
        "RAID-6 最多允许同时坏几块硬盘？", "公司的年会什么时候举行？",
    ],
)  # fmt: skip
def test_questions_that_stand_alone_are_known_as_such(question: str) -> None:
    assert not leans_on_conversation(question)


def test_a_question_that_stands_alone_asks_no_model(ask_model: Callable[[Model], Model]) -> None:
    model = ask_model(Model("What is the price of bread?"))

    found = asyncio.run(rewrite("What does bread cost at the harbour bakery?", TALK, "tiny", asked_by="1"))

    assert (found.by, model.requests) == ("", [])


def test_the_first_question_asks_no_model(ask_model: Callable[[Model], Model]) -> None:
    model = ask_model(Model("Who built the lighthouse?"))

    assert asyncio.run(rewrite("Who built it?", [], "tiny", asked_by="1")).question == "Who built it?"
    assert model.requests == []


def test_the_model_puts_a_follow_up_into_words(ask_model: Callable[[Model], Model]) -> None:
    model = ask_model(Model("Who built the lighthouse of Sandhagen?\n"))

    found = asyncio.run(rewrite("And who built it?", TALK, "tiny", asked_by="7"))

    assert (found.by, found.question) == ("model", "Who built the lighthouse of Sandhagen?")
    (request,) = model.requests
    assert (request.think, request.asked_by, request.options["num_predict"]) == (False, "7", rewriting.MAX_TOKENS)
    assert FIRST in request.messages[-1].content


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (Model(error=ConnectionRefused("http://127.0.0.1:1")), "ConnectionRefused"),
        (Model(hangs=True), "TimeoutError"),
        (Model("Paris is the capital of France, with some two million people."), "not a question"),
        (Model("Who built the lighthouse?\nIt was built by the harbour board."), "not a question"),
        (Model("It was built in 1902 [1]."), "not a question"),
        (Model("The lighthouse was built. It was built in 1902."), "not a question"),
        (Model("When was the lighthouse of Sandhagen?"), "not a question"),
        (Model("x" * 5000), "not a question"),
        (Model(""), "not a question"),
    ],
)
def test_when_the_model_fails_the_question_before_is_joined(
    ask_model: Callable[[Model], Model], monkeypatch: pytest.MonkeyPatch, model: Model, problem: str
) -> None:
    ask_model(model)
    monkeypatch.setattr(rewriting, "TIMEOUT_S", 0.05)

    found = asyncio.run(rewrite("And who built it?", TALK, "tiny", asked_by="1"))

    assert (found.by, found.problem) == ("joined", problem)
    assert found.question == f"{FIRST} And who built it?"
    assert "lighthous" in found.borrowed
    assert "built" not in found.borrowed


@pytest.mark.parametrize("answer", ["How many apples does crate 42 hold?", "How many apples are there?"])
def test_a_question_of_other_numbers_is_none_that_was_asked(answer: str) -> None:
    assert parse(answer, "And crate 43?", [Said("user", "How many apples does crate 42 hold?")]) == ""


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        ('"Who built the lighthouse?"', "Who built the lighthouse?"),
        ("Question: Who built the lighthouse?", "Who built the lighthouse?"),
        ("问题：lighthouse 是谁 built 的？", "lighthouse 是谁 built 的？"),
    ],
)
def test_what_models_write_around_a_question_is_left_out(answer: str, question: str) -> None:
    assert parse(answer, "Who built it?", TALK) == question


def ask(user: User, document: Document, question: str, *earlier: str) -> Retrieval:
    said = [Said("user", text) for text in earlier]
    return asyncio.run(retrieve(user_id=user.pk, question=question, document_ids=[document.pk], earlier=said))


def test_a_follow_up_finds_what_its_conversation_is_about(ingested: Upload, alice: User) -> None:
    pages = ["The pier of Oldby was built by Anna Lund.", "The lighthouse of Sandhagen was built by Ole Brandt."]
    document = ingested(alice, "\n\n".join(text + " It is open in summer." * 40 for text in pages), "coast.txt")

    found = ask(alice, document, "And who built it?", FIRST, "How high is it?")

    assert "Ole Brandt" in found.passages[0].text
    trace = found.trace.as_dict()
    assert (trace["question"], trace["rewritten_by"]) == ("And who built it?", "joined")
    assert trace["searched"] == f"{FIRST} And who built it?"


def test_a_chinese_follow_up_finds_its_passage(ingested: Upload, alice: User) -> None:
    texts = ["旧港的码头由林安娜建造。", "沙港的灯塔由李明建造。"]
    document = ingested(alice, "\n\n".join(text + "夏天对外开放。" * 60 for text in texts), "海岸.txt")

    found = ask(alice, document, "它是谁建的？", "沙港的灯塔有多高？")

    assert "李明" in found.passages[0].text
