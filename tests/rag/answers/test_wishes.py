from __future__ import annotations

import pytest

from rag.answers.wishes import Wish, allows, grants, is_about_itself, kind_of, wish_of


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
        ("What does the ticket cost?", Wish.MONEY),
        ("灯塔有多高？", Wish.LENGTH),
        ("门票多少钱？", Wish.MONEY),
        ("How heavy is it?", Wish.WEIGHT),
        ("投影仪有多重？", Wish.WEIGHT),
        ("How long is the bridge?", Wish.EXTENT),
        ("What is the keeper's salary?", Wish.MONEY),
        ("How often is it cleaned?", Wish.AMOUNT),
        ("需要多少公克奶油？", Wish.WEIGHT),
        ("這個多少錢？", Wish.MONEY),
        ("什麼時候開門？", Wish.DATE),
        ("Who was the keeper?", Wish.PERSON),
        ("守塔人是谁？", Wish.PERSON),
        ("Who painted the tower?", Wish.AUTHOR),
        ("塔是谁设计的？", Wish.AUTHOR),
        ("The people who painted the tower are old.", None),
        ("Why is the tower closed?", Wish.REASON),
        ("为什么灯塔关了？", Wish.REASON),
        ("What colour is the door?", Wish.COLOUR),
        ("门是什么颜色的？", Wish.COLOUR),
        ("Which hotel is near?", None),
        ("How do I list the files?", None),
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
        (Wish.AMOUNT, "It is cleaned once a year.", True),
        (Wish.MONEY, "A card costs 18 euros.", True),
        (Wish.MONEY, "It costs 350 rupees.", True),
        (Wish.MONEY, "Clubs use it without payment.", True),
        (Wish.MONEY, "He stayed for nineteen years.", False),
        (Wish.MONEY, "林女士从2016年起担任馆长。", False),
        (Wish.MONEY, "成人每年交十八欧元。", True),
        (Wish.WEIGHT, "up to twenty kilos", True),
        (Wish.WEIGHT, "The pressure is 1.2 bar.", False),
        (Wish.WEIGHT, "最多二十公斤", True),
        (Wish.WEIGHT, "奶油兩百公克", True),
        (Wish.AMOUNT, "需要奶油兩百公克", True),
        (Wish.MONEY, "每月三萬元", True),
        (Wish.DATE, "三點開門", True),
        (Wish.WEIGHT, "门票六十克朗", False),
        (Wish.LENGTH, "The tower is 38 metres high.", True),
        (Wish.LENGTH, "The room holds thirty people.", False),
        (Wish.LENGTH, "二楼的会议室可以坐三十个人", False),
        (Wish.MONEY, "它在等待一台设备的响应", False),
        (Wish.PERSON, "The guide is made for beginners and users.", True),
        (Wish.PERSON, "The lamp is red.", False),
        (Wish.AUTHOR, "It was painted by Lund.", True),
        (Wish.AUTHOR, "Users may paint it.", False),
        (Wish.AUTHOR, "本手册由林女士撰写。", True),
        (Wish.REASON, "It is closed because of a storm.", True),
        (Wish.REASON, "It is closed.", False),
        (Wish.REASON, "为了省电，灯关了。", True),
        (Wish.COLOUR, "The door is red.", True),
        (Wish.COLOUR, "The door is open.", False),
        (Wish.COLOUR, "门是绿色的。", True),
        (Wish.EXTENT, "It is closed until autumn.", True),
        (Wish.EXTENT, "turned down by nine votes to four", False),
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
        ("一本书可以续借几次？", False),
        ("最多可以借几本书？", False),
        ("Is this true?", False),
        ("What does the report say?", False),
    ],
)
def test_whether_a_question_is_about_the_document_itself(question: str, is_so: bool) -> None:
    assert is_about_itself(question) is is_so


def test_a_name_of_the_question_is_not_the_person_asked_for() -> None:
    text = "The painting of the tower Fortuna is old."

    assert not grants(Wish.AUTHOR, text, "Who painted the Fortuna?")
    assert grants(Wish.AUTHOR, text, "Who painted the tower?")


def test_what_has_happened_has_a_date_and_no_condition() -> None:
    text = "If it rains, the tower is closed."

    assert allows(Wish.DATE, text, "When is the tower closed?")
    assert not allows(Wish.DATE, text, "When was the tower closed?")


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Which hotel is near the tower?", {"hotel"}),
        ("In which city does the keeper live?", {"citi"}),
        ("Which kind of paint is needed?", {"paint"}),
        ("Which of them is old?", set()),
        ("What does it mean?", set()),
        ("它在哪个城市？", {"城市"}),
        ("这是什么意思？", set()),
        ("Which command lists the files?", set()),
    ],
)
def test_of_what_kind_the_answer_is(question: str, kind: set[str]) -> None:
    assert kind_of(question) == kind
