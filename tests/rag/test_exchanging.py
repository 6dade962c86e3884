"""Follow-ups that name another thing are asked of it, where it is plain what it takes the place of."""

from __future__ import annotations

import asyncio
import time

import pytest

from rag.retrieval.exchanging import exchanged
from rag.retrieval.rewriting import rewrite
from rag.types import Said


@pytest.mark.parametrize(
    ("before", "question", "expected"),
    [
        ("Who leads Aurora?", "And Borealis?", "Who leads Borealis?"),
        ("How much did Oslo cost in Q2?", "What about Chengdu?", "How much did Chengdu cost in Q2?"),
        ("How much did Oslo cost in Q2?", "and Q3?", "How much did Oslo cost in Q3?"),
        ("Who is Siv Moen?", "How about Ola Berg, then?", "Who is Ola Berg?"),
        ("When did Siv Moen join?", "How about Ola Berg?", "When did Ola Berg join?"),
        ("How many visitors came in 2019?", "And 2020?", "How many visitors came in 2020?"),
        ("How many visitors came in 2019?", "And in 2020?", "How many visitors came in 2020?"),
        ("When was the first boat built?", "And the second one?", "When was the second boat built?"),
        ("When was the first boat of the club built?", "the second?", "When was the second boat of the club built?"),
        ("How long is parental leave?", "And annual leave?", "How long is annual leave?"),
        ("Who approves leave?", "And unpaid leave?", "Who approves unpaid leave?"),
        ("Which small boat is older?", "And the large boat?", "Which large boat is older?"),
        ("What does the small boat cost?", "And the large boat?", "What does the large boat cost?"),
        ("How many visitors come in summer?", "And in winter?", "How many visitors come in winter?"),
        ("How long does the train from Oslo to Bergen take?", "and to Trondheim?", ""),
        ("How long is the train ride from Oslo to Bergen?", "and to Trondheim?",
         "How long is the train ride from Oslo to Trondheim?"),
        ("一线城市的住宿标准是多少？", "其他城市呢？", "其他城市的住宿标准是多少？"),
        ("年假有多少天？", "那病假呢？", "病假有多少天？"),
        ("第一章讲什么？", "那第二章呢？", "第二章讲什么？"),
        ("灯塔的高度是多少？", "宽度呢？", "灯塔的宽度是多少？"),
    ],
)  # fmt: skip
def test_the_question_before_is_asked_of_what_a_follow_up_names(before: str, question: str, expected: str) -> None:
    assert exchanged(question, before) == expected


@pytest.mark.parametrize(
    ("before", "question"),
    [
        ("Who leads Aurora?", "And why?"),
        ("Who leads Aurora?", "And who pays for it?"),
        ("Who leads Aurora?", "And Aurora?"),
        ("Who leads Aurora or Borealis?", "And Cirrus?"),
        ("Who leads the release?", "And Cirrus?"),
        ("When was the first boat built after the second war?", "And the third one?"),
        ("Which laptop does a developer get?", "and sales?"),
        ("Which boat is older than the other boat?", "The red boat?"),
        ("Who leads Aurora?", "And?"),
        ("Who leads Aurora?", ""),
        ("Aurora " * 100 + "?", "And Borealis?"),
        ("灯塔的高度是多少？", "那年代呢？"),
        ("灯塔多高？", "为什么？"),
        ("谁负责机房？", "那他呢？"),
        ("年假和病假各有多少天？", "那事假呢？"),
    ],
)
def test_where_it_is_not_plain_nothing_is_exchanged(before: str, question: str) -> None:
    assert exchanged(question, before) == ""


def test_long_and_strange_texts_take_no_time() -> None:
    strange = ["and " * 20_000, "A " * 150, "那" * 20_000, "in " * 20_000, "a-" * 10_000, "?" * 20_000, " " * 20_000]
    started = time.process_time()

    for question in strange:
        for before in strange:
            exchanged(question, before[:300])

    assert time.process_time() - started < 1


def follow(*asked: str) -> tuple[str, str]:
    said = [Said("user", text) for text in asked[:-1]]
    found = asyncio.run(rewrite(asked[-1], said, "", asked_by="1"))
    return found.by, found.question


def test_a_conversation_is_followed_to_what_it_is_about_now() -> None:
    assert follow("Who leads Aurora?", "And Borealis?", "And Cirrus?") == ("exchanged", "Who leads Cirrus?")
    assert follow("Who leads Aurora?", "And Borealis?", "When does it ship?") == (
        "joined",
        "Who leads Borealis? When does it ship?",
    )
