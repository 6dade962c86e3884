"""What small models say when they are asked for a title, tags or questions, and what is taken from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.chats.answering.afterthought_texts import (
    MAX_QUESTION_CHARS,
    MAX_TAG_CHARS,
    MAX_TITLE_CHARS,
    questions_in,
    tags_in,
    title_in,
)

TITLES = [
    ("Blue Skies Explained", "Blue Skies Explained"),
    ("  Blue skies.  \n", "Blue skies"),
    ('"Blue skies"', "Blue skies"),
    ("“Blue skies”.", "Blue skies"),
    ("「蓝天的原因」", "蓝天的原因"),
    ("《天空为什么是蓝色》", "天空为什么是蓝色"),
    ("标题：天空为什么是蓝色。", "天空为什么是蓝色"),
    ("Title: Blue skies", "Blue skies"),
    ("**Title:** Blue skies", "Blue skies"),
    ("**Blue skies**", "Blue skies"),
    ('### Title: "Blue *skies*"', "Blue skies"),
    ("Suggested title: Blue skies", "Blue skies"),
    ("1. Blue skies\n2. Why the sky is blue", "Blue skies"),
    ("Here is a title:\n\nBlue skies", "Blue skies"),
    ('Sure! Here\'s a title for you:\n"Blue skies"', "Blue skies"),
    ("Title:\nBlue skies", "Blue skies"),
    ("Blue skies\n\nThis title says what the conversation is about.", "Blue skies"),
    ("<think>The user wants a title.</think>\nBlue skies", "Blue skies"),
    ("The user wants a title.\n</think>\n\nBlue skies", "Blue skies"),
    ("<think>The user wants a title. It could be", ""),
    ('{"title": "Blue skies"}', "Blue skies"),
    ('```json\n{"title": "Blue skies"}\n```', "Blue skies"),
    ("```\nBlue skies\n```", "Blue skies"),
    ("Why is the sky blue?", "Why is the sky blue?"),
    ("Rock 'n' roll", "Rock 'n' roll"),
    ("'Hamlet' and 'Macbeth'", "'Hamlet' and 'Macbeth'"),
    ('The "blue" sky', 'The "blue" sky'),
    ("C++: an introduction", "C++: an introduction"),
    ("🔥 Fire", "🔥 Fire"),
    ("", ""),
    ("   \n \n", ""),
    ("...", ""),
    ('""', ""),
    ("{}", ""),
    ("[]", ""),
    ("{not json", "{not json"),
    ("Title:", ""),
    ("Here is the title of the conversation:", ""),
    ("I think that the conversation is about why the sky is blue and so one could call it many things", ""),
    ("x" * (MAX_TITLE_CHARS + 1), ""),
]
TAGS = [
    ("physics, light", ["physics", "light"]),
    ("Tags: physics, light.", ["physics", "light"]),
    ("#physics #light #sky", ["physics", "light", "sky"]),
    ("- physics\n- light\n", ["physics", "light"]),
    ("1. physics\n2. light", ["physics", "light"]),
    ('["physics", "light"]', ["physics", "light"]),
    ('{"tags": ["physics", "light"]}', ["physics", "light"]),
    ("物理、光学", ["物理", "光学"]),
    ("标签：物理，光学", ["物理", "光学"]),
    ("Physics, physics, PHYSICS, light", ["Physics", "light"]),
    ("a, b, c, d, e", ["a", "b", "c"]),
    ('"physics"; `light`', ["physics", "light"]),
    ("Here are the tags:\nphysics, light", ["physics", "light"]),
    ("physics\n\nThis conversation is about the physics of light in the air.", ["physics"]),
    ("I would call it a conversation about physics", []),
    ("x" * (MAX_TAG_CHARS + 1), []),
    ("", []),
    (", ; ,", []),
    ("<think>physics, light", []),
    ('{"title": 3}', []),
]
QUESTIONS = [
    ("Why red?\nWhy not violet?\nAnd on Mars?", ["Why red?", "Why not violet?", "And on Mars?"]),
    ("1. Why red?\n2) Why not violet?\n(3) And on Mars?", ["Why red?", "Why not violet?", "And on Mars?"]),
    ('- "Why red?"\n* **Why not violet?**\n• _And_ on Mars?', ["Why red?", "Why not violet?", "_And_ on Mars?"]),
    ("Q1: Why red?\nQuestion 2: Why not violet?", ["Why red?", "Why not violet?"]),
    ("Here are three questions:\n\nWhy red?\n\nI hope that helps!", ["Why red?"]),
    ('["Why red?", "Why not violet?"]', ["Why red?", "Why not violet?"]),
    ('```json\n{"questions": ["Why red?"]}\n```', ["Why red?"]),
    ("为什么是红色？\n火星上呢？", ["为什么是红色？", "火星上呢？"]),
    ("Tell me about red.\nTell me about Mars.", ["Tell me about red.", "Tell me about Mars."]),
    ("Why red?\nwhy RED?\nWhy red?", ["Why red?"]),
    ("Why is the sky blue?\nWhy red?", ["Why red?"]),
    ("a?\nb?\nWhy red?", ["Why red?"]),
    ("1?\n" + "\n".join(f"Why number {n}?" for n in range(9)), [f"Why number {n}?" for n in range(3)]),
    ("I do not know what you could ask.", []),
    ("y" * MAX_QUESTION_CHARS + "?", []),
    ("<think>Why red?\nWhy not?", []),
    ("", []),
]


@pytest.mark.parametrize(("said", "title"), TITLES)
def test_a_title_is_found_in_what_was_said(said: str, title: str) -> None:
    assert title_in(said) == title


@pytest.mark.parametrize(("said", "tags"), TAGS)
def test_tags_are_found_in_what_was_said(said: str, tags: list[str]) -> None:
    assert tags_in(said) == tags


@pytest.mark.parametrize(("said", "questions"), QUESTIONS)
def test_questions_are_found_in_what_was_said(said: str, questions: list[str]) -> None:
    assert questions_in(said, besides="why is the sky blue?") == questions


@given(st.text(alphabet="aB1 \n\t\"'*_#:-.,?[]{}<>/`think标题：。", max_size=200))
def test_whatever_is_said_what_is_taken_keeps_its_bounds(said: str) -> None:
    title, tags, questions = title_in(said), tags_in(said), questions_in(said)

    assert len(title) <= MAX_TITLE_CHARS
    assert "\n" not in title
    assert len(tags) <= 3
    assert all(tag.strip() == tag and 0 < len(tag) <= MAX_TAG_CHARS for tag in tags)
    assert len(questions) <= 3
    assert all(len(question) <= MAX_QUESTION_CHARS and "\n" not in question for question in questions)
