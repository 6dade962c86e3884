from __future__ import annotations

import pytest

from inference.dialects.thinking import ThinkingSplitter

CASES = [
    ("Hello.", "", "Hello."),
    ("<think>\nHm.\n</think>\n\nHello.", "Hm.", "Hello."),
    ("  <think>Hm, well.</think>Hello.", "Hm, well.", "Hello."),
    ("<think>\n\n</think>\n\nHello.", "", "Hello."),
    ("<think>a < b, </thin</think>c", "a < b, </thin", "c"),
    ("<think>never ends", "never ends", ""),
    ("<think>ends with a piece of </thi", "ends with a piece of </thi", ""),
    ("Write <think> like this.</think>", "", "Write <think> like this.</think>"),
    ("<thinker>x</thinker>", "", "<thinker>x</thinker>"),
    ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
    ("<thi", "", "<thi"),
    ("", "", ""),
    (" \n", "", " \n"),
    ("<think>one  two\n\nthree</think>  \n four  ", "one  two\n\nthree", "four  "),
]


def split(pieces: list[str], **options: bool) -> tuple[str, str]:
    splitter = ThinkingSplitter(**options)
    parts = [splitter.feed(piece) for piece in pieces] + [splitter.finish()]
    return "".join(part.thinking for part in parts), "".join(part.content for part in parts)


@pytest.mark.parametrize(("text", "thinking", "content"), CASES)
def test_thinking_and_content_are_told_apart_at_every_split(text: str, thinking: str, content: str) -> None:
    for position in range(len(text) + 1):
        assert split([text[:position], text[position:]]) == (thinking, content)


@pytest.mark.parametrize(("text", "thinking", "content"), CASES)
def test_thinking_and_content_are_told_apart_character_by_character(text: str, thinking: str, content: str) -> None:
    assert split(list(text)) == (thinking, content)


def test_a_prompt_that_opens_the_thinking_leaves_only_its_end_to_the_answer() -> None:
    assert split(list("Hm.\n</think>\nHello."), starts_thinking=True) == ("Hm.", "Hello.")


def test_content_is_passed_on_without_delay() -> None:
    splitter = ThinkingSplitter()

    assert splitter.feed("He").content == "He"
    assert splitter.feed("<think").content == "<think"
