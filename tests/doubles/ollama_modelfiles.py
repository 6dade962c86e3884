"""Modelfiles as Ollama reads them: one character after the other, without looking ahead.

Says what `ollama create` would make of a text of ours. Written from the rules in its parser/parser.go:

* characters that Go's `strconv.IsPrint` does not know as printable are dropped, inside of texts too; of the blanks
  only the space is printable, and tabs and line ends come through inside of a value;
* a value goes on to the first line end at which what was read so far, without the blanks around it, is no open
  quotation: one that begins with three marks and does not end in three others, or with one and not in another one;
* names of instructions are of any case, roles and parameters are as they stand.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LETTERS = re.compile(r"[A-Za-z]+")
INSTRUCTIONS = {
    "from", "license", "template", "system", "adapter", "draft", "renderer", "parser", "parameter", "message",
    "requires",
}  # fmt: skip
NAMES = {"parameter": re.compile(r"[A-Za-z0-9_]+"), "message": re.compile(r"system|user|assistant")}

Read = tuple[str, str, str]
"""An instruction, the name or role that stands after it or "", and the text."""


class OllamaRefuses(Exception):
    """Ollama would make nothing of the text."""


def read_by_ollama(text: str) -> list[Read]:
    """Return what Ollama understands. Raises OllamaRefuses."""
    found = list(_instructions(text))
    if not any(keyword == "from" for keyword, _, _ in found):
        raise OllamaRefuses("no FROM line")
    return found


def _instructions(text: str) -> Iterator[Read]:
    at = 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
        elif text[at] == "#":
            at = _line_end(text, at)
        else:
            keyword, at = _word(text, at, LETTERS)
            if keyword.lower() not in INSTRUCTIONS:
                raise OllamaRefuses(f"no instruction: {keyword!r}")
            name = ""
            if pattern := NAMES.get(keyword.lower()):
                name, at = _word(text, at, pattern)
            value, at = _value(text, at)
            yield keyword.lower(), name, value


def _word(text: str, at: int, pattern: re.Pattern[str]) -> tuple[str, int]:
    """Return a word and the place behind the blank that follows it."""
    match = pattern.match(text, at)
    if match is None or text[match.end() : match.end() + 1] not in (" ", "\t"):
        raise OllamaRefuses(f"no word: {text[at : at + 20]!r}")
    return match.group(), match.end() + 1


def _value(text: str, at: int) -> tuple[str, int]:
    read = ""
    while at < len(text):
        is_line_end = text[at] in "\r\n"
        if is_line_end and (value := _closed(read)) is not None:
            return value, at
        if is_line_end or text[at] == "\t" or printable(text[at]):
            read += text[at]
        at += 1
    if (value := _closed(read)) is None:
        raise OllamaRefuses("a quotation is open at the end")
    return value, at


def _closed(read: str) -> str | None:
    """Return the text between its marks, or None as long as they are open."""
    words = read.strip(" \t\r\n")
    for mark in ('"""', '"'):
        if words.startswith(mark):
            is_closed = len(words) >= 2 * len(mark) and words.endswith(mark)
            return words[len(mark) : -len(mark)] if is_closed else None
    return words


def _line_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in "\r\n":
        at += 1
    return at


def printable(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] in "LMNPS"


def left_of(text: str) -> str:
    """Return what Ollama keeps of a text."""
    return "".join(character for character in text if character in "\t\r\n" or printable(character))
