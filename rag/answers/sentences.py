"""Cuts text into sentences, and into statements: sentences with what they need to be understood when quoted alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from rag.lexical import words

_SENTENCE_END = re.compile(r"(?<=[。！？；])[”’」』）]*|(?<=[.!?])[\"'”’)\]]*(?=\s+[^a-z\s])|\n+")
# A full stop behind these does not end a sentence; the number of a heading or an item is one of them.
_ABBREVIATION = re.compile(
    r"(?:^\s*\d{1,4}|\b(?:Dr|Mr|Mrs|Ms|Prof|St|No|Nr|vs|etc|e\.g|i\.e|cf|Fig|al|Inc|Ltd|Jr|Sr)|\b[A-Z])\.$"
)
_LINE = re.compile(r"[^\n]+")
_CLOSED = re.compile(r"[.!?。！？；;…][\"'”’)\]」』）]*\s*$")
_ITEM = re.compile(r"\s*(?:[-*+•‣▪◦–—·]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s|\s*[一二三四五六七八九十]+、")
_MARKDOWN_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_ROW = re.compile(r"\t| \| |^\s*\|.*\|\s*$")
_RULE_OF_TABLE = re.compile(r"\s*\|?[\s:|-]*-{2,}[\s:|-]*$")
_LEADS_IN = re.compile("[:：]\\s*$")
# Of a shell: its prompt, which no heading of Markdown looks like where it follows a line.
_COMMAND = re.compile(r"\s*(?:\$|#(?=\s+[a-z./~]))\s+\S")
# With an option, and so no title.
_BARE_COMMAND = re.compile(r"\s*[a-z./~]\S*\s(?:.*\s)?--?[a-zA-Z]")
# A sentence that breaks off before such a line goes on in it.
_GOES_ON = re.compile(r"\s*[a-z./~$-]")
# Of a list of items, also with a full stop.
_ANNOUNCES = re.compile(
    rf"{_LEADS_IN.pattern}|\b(?:following|below|several|some|ways?)\b|下面|以下|下列|如下|[几两三四五]种", re.I
)
# What these words speak of stands in the sentence before.
_POINTS_BACK = re.compile(
    r"(?:It|Its|He|She|His|Her|They|Their|This|That|These|Those|Such|Both|Here|There)\b"
    r"|[他她它]|这(?!时候)|那(?!时候)|此(?!外)|该|其(?!他|余|实|次)|两者|后来"
)
_HEADING_MAX_CHARACTERS = 100
_LIST_MAX_LINES = 12
_LIST_MAX_CHARACTERS = 600


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, English or Chinese, without the blanks around them."""
    return [text[start:end] for start, end in sentence_spans(text)]


def sentence_spans(text: str, first: int = 0, last: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield where each sentence of text[first:last] stands, without the blanks around it."""
    last = len(text) if last is None else last
    start = first
    for found in _SENTENCE_END.finditer(text, first, last):
        if "\n" not in found[0] and _ABBREVIATION.search(text[start : found.end()]):
            continue
        yield from _trimmed(text, start, found.end())
        start = found.end()
    yield from _trimmed(text, start, last)


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    if stripped := piece.strip():
        begin = start + len(piece) - len(piece.lstrip())
        yield begin, begin + len(stripped)


class Kind(Enum):
    PROSE = auto()
    HEADING = auto()
    ITEM = auto()
    ROW = auto()
    COMMAND = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A sentence, an item or a row, with what must be quoted with it.

    Attributes:
        text: The sentence alone.
        lines: What is quoted, each as it stands in the text: a sentence that points back with the one before; one that
            leads to commands or a list with them; a heading with the sentence below; a row with the head of its table.
        headings: What stands above it.
        start: Offset of `text`.
    """

    text: str
    lines: tuple[str, ...]
    headings: tuple[str, ...]
    kind: Kind
    start: int

    @property
    def quoted(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    kind: Kind


def statements(text: str) -> Iterator[Statement]:
    """Yield the statements of a text in order. Whatever has no word in it is none."""
    lines = list(_lines(text))
    headings: list[tuple[int, str]] = []
    head = lead_in = ""
    before: tuple[int, int] | None = None
    for index, line in enumerate(lines):
        content = text[line.start : line.end].strip()
        below = lines[index + 1 :]
        if line.kind is not Kind.ROW:
            head = ""
        elif not head and below and _is_rule(text, below[0]):
            head = content
            continue
        if line.kind is Kind.HEADING:
            level = len(content) - len(content.lstrip("#")) or 7
            headings = [above for above in headings if above[0] < level]
        above = tuple(heading for _, heading in headings)
        for start, end in sentence_spans(text, line.start, line.end):
            own = text[start:end]
            if not _has_words(own):
                continue
            if line.kind is Kind.HEADING:
                quoted = (own, *_opening(text, below))
            elif line.kind is Kind.ROW:
                quoted = tuple(filter(None, (head, own)))
            elif line.kind in (Kind.ITEM, Kind.COMMAND):
                quoted = tuple(filter(None, (lead_in, own)))
            else:
                own_lines = text[before[0] : end] if before and _POINTS_BACK.match(own) else own
                is_last = end >= line.end - 1
                quoted = (own_lines, *(_led_to(text, own, below) if is_last else ()))
            yield Statement(text=own, lines=quoted, headings=above, kind=line.kind, start=start)
            before = (start, end) if line.kind is Kind.PROSE else None
        if line.kind is Kind.HEADING:
            headings.append((level, content))
        if line.kind is Kind.PROSE:
            last = text[start:end]
            lead_in = last if next(_led_to(text, last, below), "") else ""
        elif line.kind not in (Kind.ITEM, Kind.COMMAND):
            lead_in = ""


def _has_words(text: str) -> bool:
    return bool(words.LATIN_WORD.search(text) or words.CJK_CHARACTER.search(text))


def _lines(text: str) -> Iterator[_Line]:
    spans = [found.span() for found in _LINE.finditer(text) if found[0].strip()]
    contents = [text[start:end] for start, end in spans]
    for index, (start, end) in enumerate(spans):
        following = contents[index + 1] if index + 1 < len(contents) else ""
        follows = index > 0 and text.count("\n", spans[index - 1][1], start) == 1
        is_command = _COMMAND.match(contents[index]) and (follows or contents[index].lstrip().startswith("$"))
        yield _Line(start, end, Kind.COMMAND if is_command else _kind_of(contents[index], following))


def _kind_of(line: str, following: str) -> Kind:
    if _MARKDOWN_HEADING.match(line):
        return Kind.HEADING
    if _ROW.search(line) or _RULE_OF_TABLE.match(line):
        return Kind.ROW
    if _ITEM.match(line):
        return Kind.ITEM
    if _is_title(line) and following.strip() and not _is_title(following):
        return Kind.HEADING
    return Kind.PROSE


def _is_title(line: str) -> bool:
    """Whether a line could be a heading: short, and no sentence. Several below one another are none."""
    if len(line) > _HEADING_MAX_CHARACTERS or _CLOSED.search(line) or _LEADS_IN.search(line):
        return False
    return not (_ROW.search(line) or _ITEM.match(line) or _BARE_COMMAND.match(line))


def _is_rule(text: str, line: _Line) -> bool:
    return bool(_RULE_OF_TABLE.match(text[line.start : line.end]))


def _opening(text: str, below: list[_Line]) -> Iterator[str]:
    """Yield the first sentence below a heading, unless another heading comes first."""
    if below and below[0].kind is not Kind.HEADING:
        start, end = next(sentence_spans(text, below[0].start, below[0].end))
        yield text[start:end]


def _led_to(text: str, sentence: str, below: list[_Line]) -> Iterator[str]:
    """Yield what the last sentence of a line leads to: commands, a list, or the line in which it goes on."""
    if not below or below[0].kind is Kind.HEADING:
        return
    first = below[0]
    announces = _LEADS_IN if first.kind is not Kind.ITEM else _ANNOUNCES
    if first.kind is Kind.COMMAND or announces.search(sentence):
        yield from _listed(text, below)
    elif not _CLOSED.search(sentence) and first.kind is Kind.PROSE and _GOES_ON.match(text, first.start):
        yield text[first.start : first.end].strip()


def _listed(text: str, below: list[_Line]) -> Iterator[str]:
    """Yield the items, rows or commands that come first, or the one line that does."""
    n_characters = 0
    for n_lines, line in enumerate(below[:_LIST_MAX_LINES]):
        if n_lines and line.kind is not below[0].kind:
            return
        content = text[line.start : line.end].strip()
        n_characters += len(content)
        if n_characters > _LIST_MAX_CHARACTERS:
            return
        if not _is_rule(text, line):
            yield content
        if line.kind is Kind.PROSE:
            return
