from __future__ import annotations

import pytest

from inference.runner.text import TextAssembler

TEXT = "naïve 日本語 🙂‍↔️ end"


def assemble(pieces: list[bytes], stop: tuple[str, ...] = ()) -> tuple[str, bool]:
    assembler = TextAssembler(stop)
    text = "".join([*map(assembler.feed, pieces), assembler.finish()])
    return text, assembler.is_stopped


def test_characters_split_at_any_byte_arrive_whole() -> None:
    data = TEXT.encode()
    for position in range(len(data) + 1):
        assert assemble([data[:position], data[position:]]) == (TEXT, False)


def test_characters_arrive_whole_byte_by_byte() -> None:
    assembler = TextAssembler()
    released = [assembler.feed(bytes([byte])) for byte in TEXT.encode()]

    assert "".join(released) == TEXT
    assert "\ufffd" not in "".join(released)


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    assert assemble([b"a\xffb", b"\xe6\x97"]) == ("a\ufffdb\ufffd", False)


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("one STOP two", ("STOP",), "one "),
        ("one STO two", ("STOP",), "one STO two"),
        ("one STO", ("STOP",), "one STO"),
        ("aab", ("ab",), "a"),
        ("aaab", ("aab",), "a"),
        ("x\n\ny", ("\n\n",), "x"),
        ("first second", ("second", "first"), ""),
        ("ab", ("b", "ab"), ""),
        ("日本語です", ("語",), "日本"),
        ("nothing to see", ("", "zzz"), "nothing to see"),
    ],
)
def test_the_text_ends_before_the_first_stop_string_at_every_split(
    text: str, stop: tuple[str, ...], expected: str
) -> None:
    data = text.encode()
    is_stopped = any(item and item in text for item in stop)

    for position in range(len(data) + 1):
        assert assemble([data[:position], data[position:]], stop) == (expected, is_stopped)
    assert assemble([bytes([byte]) for byte in data], stop) == (expected, is_stopped)


def test_text_that_cannot_begin_a_stop_string_is_not_held_back() -> None:
    assembler = TextAssembler(("STOP",))

    assert assembler.feed(b"hello S") == "hello "
    assert assembler.feed(b"un") == "Sun"


def test_nothing_comes_after_a_stop_string() -> None:
    assembler = TextAssembler(("x",))

    assert assembler.feed(b"axb") == "a"
    assert assembler.feed(b"more") == ""
    assert assembler.finish() == ""
