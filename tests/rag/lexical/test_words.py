from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.lexical.stemming import stem
from rag.lexical.words import (
    as_often_as_they_count,
    asks,
    query_characters,
    query_terms,
    share_of_latin,
    term_set,
    terms,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Café's menus", ["the", "cafe", "s", "menu"]),
        ("数据库的备份", ["数据", "据库", "库的", "的备", "备份"]),
        ("用 SQLite 3.40 版", ["用", "sqlite", "3", "40", "版"]),
        ("ＡＢＣ１２３", ["abc123"]),
        ("資料庫的備份", ["资料", "料库", "库的", "的备", "备份"]),
        ("カード 한국어", ["カー", "ード", "한국", "국어"]),
        ('"; DROP TABLE x; --', ["drop", "tabl", "x"]),
        ("", []),
    ],
)
def test_texts_become_terms(text: str, found: list[str]) -> None:
    assert terms(text) == found


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("What is the access code of Doctor Belavan?", ["access", "code", "doctor", "belavan"]),
        ("数据库的备份怎么恢复？", ["数据", "据库", "备份", "恢复"]),
        ("谁主持年会？", ["主持", "持年", "年会"]),
        ("Who is she?", ["who", "is", "she"]),
    ],
)
def test_a_question_is_reduced_to_what_it_asks_for(question: str, found: list[str]) -> None:
    assert query_terms(question) == found


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [
        ("資料庫什麼時候備份？", "资料库什么时候备份？"),
        ("請問這棟樓有多高？", "请问这栋楼有多高？"),
        ("裡面應該裝什麼？", "里面应该装什么？"),
        ("誰負責維護？", "谁负责维护？"),
    ],
)
def test_a_question_is_the_same_in_traditional_characters(traditional: str, simplified: str) -> None:
    assert query_terms(traditional) == query_terms(simplified)
    assert query_characters(traditional) == query_characters(simplified)


def test_the_single_characters_of_a_question_are_those_that_tell() -> None:
    assert query_characters("怎么恢复 SQLite 的数据？") == frozenset("恢复数据")


# From the examples of Porter's paper.
@pytest.mark.parametrize(
    ("word", "root"),
    [
        ("caresses", "caress"), ("ponies", "poni"), ("feed", "feed"), ("agreed", "agre"), ("plastered", "plaster"),
        ("motoring", "motor"), ("sing", "sing"), ("hopping", "hop"), ("filing", "file"), ("happy", "happi"),
        ("sky", "sky"), ("relational", "relat"), ("conditional", "condit"), ("vietnamization", "vietnam"),
        ("hopefulness", "hope"), ("triplicate", "triplic"), ("electrical", "electr"), ("revival", "reviv"),
        ("adoption", "adopt"), ("rate", "rate"), ("cease", "ceas"), ("controlling", "control"), ("roll", "roll"),
        ("generalizations", "gener"), ("oscillators", "oscil"),
    ],
)  # fmt: skip
def test_english_words_are_stemmed(word: str, root: str) -> None:
    assert stem(word) == root


@pytest.mark.parametrize(
    ("text", "share"), [("only english words", 1.0), ("只有中文", 0.0), ("用 SQLite", 0.5), ("?", 1.0)]
)
def test_the_share_of_latin_words(text: str, share: float) -> None:
    assert share_of_latin(text) == share


@given(st.text(max_size=200))
def test_nothing_in_a_term_can_end_a_quotation_or_act_in_a_query(text: str) -> None:
    assert not set("".join(terms(text))) & set(" \t\n\"'\\|&!()*:^-+")
    assert term_set(text) == frozenset(terms(text))


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("How are pumps drained", True),
        ("pumps in winter?", True),
        ("my pump leaks", True),
        ("怎么给水泵放水", True),
        ("Draining of the pumps", False),
        ("冬季水泵排水", False),
    ],
)
def test_a_question_is_told_from_key_words(text: str, does: bool) -> None:
    assert asks(text) is does


def test_a_latin_word_counts_for_more_beside_chinese_pairs() -> None:
    assert as_often_as_they_count(["rsync", "备份"]).count("rsync") > 1
    assert as_often_as_they_count(["rsync", "备份"]).count("备份") == 1
    assert as_often_as_they_count(["rsync", "backup"]) == ["rsync", "backup"]
