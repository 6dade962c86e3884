from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.chats.search.folding import fold, folded_offsets
from webui.chats.search.grams import grams_of, grams_to_find, words_of
from webui.chats.search.snippets import has_all
from webui.chats.search.typed import read_query

PIECES = st.text(
    st.one_of(st.sampled_from("aAé ßﬁ#_-'\"\x00\n１ｶﾞ中国灯塔한글ไทย"), st.characters(exclude_categories=["Cs"])),
    max_size=30,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Café", "cafe"),
        ("Cafe\u0301", "cafe"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ＡＢＣ１２３", "abc123"),
        ("Ёлка", "елка"),
        ("がく", "がく"),
        ("한글", "한글"),
        ("灯塔", "灯塔"),
    ],
)
def test_what_people_do_not_type_makes_no_difference(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(PIECES)
def test_offsets_lead_from_each_character_to_its_place_in_the_folded_text(text: str) -> None:
    offsets = folded_offsets(text)

    assert offsets[-1] == len(fold(text))
    for at in range(len(text)):
        assert fold(text)[offsets[at] : offsets[at + 1]] == fold(text[at])


@pytest.mark.parametrize("text", ["the lighthouse", "C# and Go", "灯塔建于1902年", "学C语言"])
def test_grams_have_one_to_three_characters_and_no_blank(text: str) -> None:
    assert all(1 <= len(gram) <= 3 and not gram.isspace() for gram in grams_of(text))


def test_short_grams_begin_where_words_do_and_anywhere_in_chinese() -> None:
    assert {gram for gram in grams_of("Lighthouse") if len(gram) < 3} == {"l", "li"}
    assert {"灯", "灯塔", "塔", "塔守", "守"} <= grams_of("灯塔守")
    assert {"c", "c#", "#"} <= grams_of("C#")


@given(PIECES, PIECES)
def test_whatever_the_patterns_find_the_grams_lead_to(text: str, typed: str) -> None:
    query = read_query(f'"{typed.replace(chr(34), "")}"')
    if query.terms and has_all(text, query.patterns):
        assert set(query.grams) <= grams_of(text)


@given(PIECES)
def test_every_long_piece_of_a_word_is_found(text: str) -> None:
    for word in words_of(fold(text)):
        for at in range(len(word) - 2):
            assert grams_to_find(word[at:]) <= grams_of(text)
