from __future__ import annotations

import pytest

from webui.chats.services.titles import AUTOMATIC_TITLE_MAX_CHARS, first_words


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("How warm is it?", "How warm is it?"),
        ("\n\n  How   warm\tis it?\nReally.", "How warm is it?"),
        ("# A heading", "A heading"),
        ("> - **Quoted** list", "Quoted list"),
        ("`make up` fails", "make up fails"),
        ("```\n\n", ""),
        ("   ", ""),
        ("为什么天空是蓝色的？", "为什么天空是蓝色的？"),
    ],
)
def test_a_title_is_the_first_words(text: str, title: str) -> None:
    assert first_words(text) == title


def test_a_long_question_is_cut_between_words() -> None:
    title = first_words("word " * 40)

    assert len(title) <= AUTOMATIC_TITLE_MAX_CHARS
    assert title.endswith("word…")


def test_text_without_spaces_is_cut_where_the_room_ends() -> None:
    title = first_words("天" * 200)

    assert title == "天" * (AUTOMATIC_TITLE_MAX_CHARS - 1) + "…"
