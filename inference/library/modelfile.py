"""Modelfiles: what a model is made of, written as text. Reading and printing, no files and no models.

Source: Ollama's parser/parser.go and docs/modelfile.md. There are no escapes: a text in quotation marks ends with the
first line that ends in as many of them as it began with, one or three.
"""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

Keyword = Literal[
    "FROM", "PARAMETER", "TEMPLATE", "SYSTEM", "ADAPTER", "LICENSE", "MESSAGE",
    "RENDERER", "PARSER", "REQUIRES", "DRAFT",
]  # fmt: skip
KEYWORDS: tuple[Keyword, ...] = get_args(Keyword)
MESSAGE_ROLES = ("system", "user", "assistant")

MAX_MODELFILE_BYTES = 16 * 1024 * 1024

ParameterValue = int | float | bool | str | list[str]

PARAMETER_TYPES: Mapping[str, type[int] | type[float] | type[bool] | type[list[str]]] = {
    "num_ctx": int,
    "num_batch": int,
    "num_gpu": int,
    "main_gpu": int,
    "use_mmap": bool,
    "num_thread": int,
    "num_keep": int,
    "num_predict": int,
    "draft_num_predict": int,
    "top_k": int,
    "top_p": float,
    "min_p": float,
    "typical_p": float,
    "temperature": float,
    "repeat_last_n": int,
    "repeat_penalty": float,
    "presence_penalty": float,
    "frequency_penalty": float,
    "seed": int,
    "stop": list,
}
"""Source: Ollama's api/types.go, `Options` and `Runner`."""

PARAMETER_NAME = re.compile(r"[A-Za-z0-9_]+")

_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})
_LINE_END = re.compile(r"\r\n|\r|\n")
_INSTRUCTION = re.compile(r"(?P<keyword>[A-Za-z]+)(?:[ \t]+(?P<rest>.*))?")
_NAMED = re.compile(r"(?P<name>[A-Za-z0-9_]+)[ \t]+(?P<rest>.*)")
_THREE = '"""'
_THREE_AT_A_LINE_END = re.compile(r'"{3,}(?=\s*[\r\n])')
_JOINERS = "\u200c\u200d"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class BadModelfile(Exception):
    """Why a text is no Modelfile, in one sentence; `line` counts from 1, and is 0 for the whole text."""

    def __init__(self, detail: str, line: int = 0) -> None:
        super().__init__(detail, line)
        self.detail = detail
        self.line = line

    def __str__(self) -> str:
        return f"(line {self.line}): {self.detail}" if self.line else self.detail


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `name` is the name of a PARAMETER or the role of a MESSAGE; others have none."""

    keyword: Keyword
    value: str
    name: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Modelfile:
    instructions: tuple[Instruction, ...]

    def values(self, keyword: Keyword) -> list[str]:
        return [instruction.value for instruction in self.instructions if instruction.keyword == keyword]

    def last(self, keyword: Keyword) -> str | None:
        """Return the value that holds where an instruction stands more than once."""
        values = self.values(keyword)
        return values[-1] if values else None

    def messages(self) -> list[tuple[str, str]]:
        """Return (role, content) of every MESSAGE."""
        return [(item.name, item.value) for item in self.instructions if item.keyword == "MESSAGE"]

    def parameters(self) -> dict[str, ParameterValue]:
        """Return the known options, typed. Raises BadModelfile for a value of another type."""
        found: dict[str, ParameterValue] = {}
        for item in self._parameters():
            kind = PARAMETER_TYPES.get(item.name)
            if kind is list:
                found[item.name] = [*cast(list[str], found.get(item.name, [])), item.value]
            elif kind is not None:
                found[item.name] = _typed(item, kind)
        return found

    def warnings(self) -> list[str]:
        """Return a sentence for each PARAMETER that nobody knows; Modelfiles of older versions have some."""
        names = dict.fromkeys(item.name for item in self._parameters() if item.name not in PARAMETER_TYPES)
        return [f"PARAMETER {name} is not known here and is left out" for name in names]

    def _parameters(self) -> Iterator[Instruction]:
        return (item for item in self.instructions if item.keyword == "PARAMETER")


def decoded(data: bytes) -> str:
    """Return a Modelfile's text: UTF-8, or what its byte order mark says. Raises BadModelfile."""
    if len(data) > MAX_MODELFILE_BYTES:
        raise BadModelfile("the Modelfile is too large")
    bom, encoding = next(((bom, name) for bom, name in _BOMS if data.startswith(bom)), (b"", "utf-8"))
    try:
        return data[len(bom) :].decode(encoding)
    except UnicodeDecodeError as exc:
        line = 1 + data.count(b"\n", 0, len(bom) + exc.start)
        raise BadModelfile(f"the Modelfile is not {encoding[:6].upper()} text", line) from None


def parse(text: str) -> Modelfile:
    """Read a Modelfile.

    Raises:
        BadModelfile: An unknown instruction, a missing value, a quotation mark that is never closed, or no FROM.
    """
    modelfile = Modelfile(tuple(_instructions(_Lines(_printable(text)))))
    if not modelfile.values("FROM"):
        raise BadModelfile("no FROM line")
    return modelfile


def printed(modelfile: Modelfile) -> str:
    """Return the text that parses back to this Modelfile.

    Only a line inside a text that ends in three quotation marks cannot be written; it loses one, so that what a
    stranger wrote can never become an instruction. Neither here nor for Ollama, which overlooks more characters than
    we do: a text whose marks would come to stand together there loses these characters here too.
    """
    return "".join(f"{_printed(item)}\n" for item in modelfile.instructions)


def _printed(item: Instruction) -> str:
    words = [item.keyword, item.name, _quoted(item.value)]
    return " ".join(word for word in words if word)


def _quoted(value: str) -> str:
    seen = _seen_by_ollama(value)
    is_plain = all(text == text.strip() and not text.startswith('"') for text in (value, seen))
    if seen and is_plain and not _LINE_END.search(value):
        return value
    if '"' not in value:
        return f'"{value}"'
    if _THREE_AT_A_LINE_END.search(seen):
        value = _THREE_AT_A_LINE_END.sub('""', seen)
    return _THREE + value + _THREE


def _seen_by_ollama(text: str) -> str:
    """Leave out what Go's `strconv.IsPrint` does not know as printable, the space but no other blank among it."""
    return "".join(
        character for character in text if character in " \t\r\n" or unicodedata.category(character)[0] in "LMNPS"
    )


class _Lines(Iterator[tuple[str, str]]):
    """Hands out lines together with what ended them, and counts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position: int | None = 0
        self.number = 0

    def __next__(self) -> tuple[str, str]:
        start = self._position
        if start is None:
            raise StopIteration
        self.number += 1
        end = _LINE_END.search(self._text, start)
        self._position = end.end() if end else None
        return (self._text[start : end.start()], end.group()) if end else (self._text[start:], "")


def _instructions(lines: _Lines) -> Iterator[Instruction]:
    for line, line_end in lines:
        content = line.lstrip(" \t")
        if not content or content.startswith("#"):
            continue
        number = lines.number
        keyword, rest = _split_keyword(content, number)
        name = ""
        if keyword in ("PARAMETER", "MESSAGE"):
            name, rest = _split_name(keyword, rest, number)
        value = _value(rest, line_end, lines)
        if keyword == "FROM" and not value.strip():
            raise BadModelfile("FROM needs a model or a file", number)
        yield Instruction(keyword, value, name, number)


def _split_keyword(content: str, number: int) -> tuple[Keyword, str]:
    match = _INSTRUCTION.fullmatch(content)
    keyword = match["keyword"].upper() if match else ""
    if match is None or keyword not in KEYWORDS:
        known = ", ".join(f'"{keyword.lower()}"' for keyword in KEYWORDS)
        raise BadModelfile(f"command must be one of {known}", number)
    if match["rest"] is None:
        raise BadModelfile(f"{keyword} needs a value on the same line", number)
    return cast(Keyword, keyword), match["rest"]


def _split_name(keyword: Keyword, rest: str, number: int) -> tuple[str, str]:
    match = _NAMED.fullmatch(rest)
    if match is None:
        example = "temperature 0.7" if keyword == "PARAMETER" else "user Hello"
        raise BadModelfile(f"{keyword} needs a name and a value, such as {keyword} {example}", number)
    if keyword == "PARAMETER":
        return match["name"], match["rest"]
    role = match["name"].lower()
    if role not in MESSAGE_ROLES:
        raise BadModelfile('message role must be one of "system", "user", or "assistant"', number)
    return role, match["rest"]


def _value(rest: str, line_end: str, lines: _Lines) -> str:
    """Return the value that begins with `rest`, taking further lines while its quotation mark is open."""
    first = rest.strip()
    mark = next((mark for mark in (_THREE, '"') if first.startswith(mark)), "")
    if not mark:
        return first
    began = lines.number
    parts, n_characters = [rest.lstrip()], 0
    while not _closes(parts[-1].rstrip(), n_characters, mark):
        n_characters += len(parts[-1]) + len(line_end)
        parts.append(line_end)
        following = next(lines, None)
        if following is None:
            raise BadModelfile(f"the quotation mark {mark} is never closed at the end of a line", began)
        line, line_end = following
        parts.append(line)
    return "".join(parts).rstrip()[len(mark) : -len(mark)]


def _closes(line: str, n_before: int, mark: str) -> bool:
    return line.endswith(mark) and n_before + len(line) >= 2 * len(mark)


def _printable(text: str) -> str:
    """Leave out control characters and unseen format characters. Joiners stay: scripts and emoji are made of them."""
    dropped = {
        ord(character): None
        for character in set(text)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co") and character not in f"\t\r\n{_JOINERS}"
    }
    return text.translate(dropped)


def _typed(item: Instruction, kind: type) -> ParameterValue:
    text = item.value.strip()
    if kind is bool and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    try:
        if kind is int and len(text) <= 20:
            return int(text)
        if kind is float and math.isfinite(number := float(text)):
            return number
    except ValueError:
        pass  # Told below, together with the numbers that are too long or not finite.
    wanted = {int: "a whole number", float: "a number", bool: "true or false"}[kind]
    raise BadModelfile(f"PARAMETER {item.name} must be {wanted}, not {text[:40]!r}", item.line)
