from __future__ import annotations

import pytest

from rag.answers.wishes import Wish, grants, is_about_itself, wish_of


@pytest.mark.parametrize(
    ("question", "wish"),
    [
        ("What year is this summary from?", Wish.YEAR),
        ("灯塔是哪年建的？", Wish.YEAR),
        ("When was it built?", Wish.DATE),
        ("Tell me when the lamp was lit.", Wish.DATE),
        ("Who built it, and when?", Wish.DATE),
        ("What happens to these files when the machine restarts?", None),
        ("When the machine restarts, what happens to these files?", None),
        ("什么时候开门？", Wish.DATE),
        ("How many steps are there?", Wish.AMOUNT),
        ("What does the ticket cost?", Wish.AMOUNT),
        ("灯塔有多高？", Wish.AMOUNT),
        ("门票多少钱？", Wish.AMOUNT),
        ("Who was the keeper?", None),
        ("守塔人是谁？", None),
    ],
)
def test_what_a_question_wishes(question: str, wish: Wish | None) -> None:
    assert wish_of(question) is wish


@pytest.mark.parametrize(
    ("wish", "text", "is_granted"),
    [
        (Wish.YEAR, "Built in 1902.", True),
        (Wish.YEAR, "It costs 12 euros.", False),
        (Wish.YEAR, "See the [summary of 2019](https://a.example/2018) and www.a.example/2017.", False),
        (Wish.DATE, "We open at 9:30 on Mondays.", True),
        (Wish.DATE, "within thirty days", True),
        (Wish.DATE, "last year it was closed", False),
        (Wish.DATE, "1958年接上了电网", True),
        (Wish.AMOUNT, "eleven men", True),
        (Wish.AMOUNT, "第一任守塔人", False),
        (Wish.AMOUNT, "塔高三十八米", True),
        (Wish.AMOUNT, "The lamp is red.", False),
    ],
)
def test_which_texts_hold_the_figure(wish: Wish, text: str, is_granted: bool) -> None:
    assert grants(wish, text) is is_granted


@pytest.mark.parametrize(
    ("question", "is_so"),
    [
        ("What year is this summary from?", True),
        ("Who wrote this annual report?", True),
        ("这份总结是哪一年的？", True),
        ("本文的作者是谁？", False),
        ("本报告的作者是谁？", True),
        ("Is this true?", False),
        ("What does the report say?", False),
    ],
)
def test_whether_a_question_is_about_the_document_itself(question: str, is_so: bool) -> None:
    assert is_about_itself(question) is is_so
