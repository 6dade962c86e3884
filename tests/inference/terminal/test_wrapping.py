from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from inference.terminal.wrapping import WordWrapper, printable

_TAKEN_BACK = re.compile(r"\x1b\[(\d+)D\x1b\[K")


def shown(written: str) -> list[str]:
    """Return the lines that a terminal shows after it has followed the steps back."""
    while found := _TAKEN_BACK.search(written):
        before = written[: found.start()]
        n_columns = int(found[1])
        while n_columns > 0:
            n_columns -= cell_len(before[-1])
            before = before[:-1]
        written = before + written[found.end() :]
    return [line.rstrip() for line in written.split("\n")]


def wrapped(text: str, width: int, *cuts: int) -> list[str]:
    wrapper = WordWrapper()
    edges = [0, *cuts, len(text)]
    return shown("".join(wrapper.feed(text[a:b], width) for a, b in zip(edges, edges[1:], strict=False)))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("the quick brown fox", ["the quick", "brown fox"]),
        ("the quick\nbrown fox", ["the quick", "brown fox"]),
        ("the quick \nbrown", ["the quick", "brown"]),
        ("one two  three", ["one two", "three"]),
        ("abcdefghijklm no", ["abcdefghi", "jklm no"]),
        ("ab abcdefghijklm", ["ab", "abcdefghi", "jklm"]),
        ("你好世界你好世界", ["你好世界", "你好世界"]),
        ("a你好世界b c", ["a你好世界", "b c"]),
        ("e\u0301e\u0301 e\u0301e\u0301e\u0301 xyz", ["e\u0301e\u0301 e\u0301e\u0301e\u0301", "xyz"]),
        ("a\tb c", ["a\tb", "c"]),
        ("    indented code", ["", "indented", "code"]),
        ("", [""]),
    ],
)
def test_lines_break_between_words_wherever_the_pieces_end(text: str, lines: list[str]) -> None:
    for cut in range(len(text) + 1):
        assert wrapped(text, 10, cut) == lines, f"cut at {cut}"


@pytest.mark.parametrize("width", [1, 2, 3, 5, 17, 80])
def test_no_line_reaches_the_last_column_and_no_letter_is_lost(width: int) -> None:
    text = "Say 你好 to wonderfully-long-words, and to 世界! " * 5

    lines = wrapped(text, width)

    assert max(map(cell_len, lines)) <= max(width - 1, 2)
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)


def test_nothing_that_steers_a_terminal_gets_through() -> None:
    assert printable("a\x1b[2Jb\x07\x9bc\r\nd\te\x00\x7f") == "a[2Jbc\nd\te"
