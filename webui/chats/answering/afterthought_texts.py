"""Reading what small models say when they are asked for a title, tags or questions. Pure: text in, words out.

They quote, label, number, explain, think aloud and talk on. What cannot be read for certain is nothing: then the page
shows what it showed before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

MAX_TITLE_CHARS: Final = 80
MAX_TITLE_WORDS: Final = 14
MAX_TAGS: Final = 3
MAX_TAG_CHARS: Final = 30
MAX_TAG_WORDS: Final = 3
MAX_QUESTIONS: Final = 3
MAX_QUESTION_CHARS: Final = 160
MIN_QUESTION_CHARS: Final = 4

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.S | re.I)
_OPEN_THINKING = re.compile(r"<(?:think|thinking|reasoning)>", re.I)
# Where the opening mark was part of the prompt.
_CLOSED_THINKING = re.compile(r"^.*?</(?:think|thinking|reasoning)>", re.S | re.I)
_FENCE = re.compile(r"^\s*(?:```|~~~).*$", re.M)
_BULLET = re.compile(r"^\s*(?:[-*+•–—·]\s+|#{1,6}\s+|>\s+|\(?\d{1,2}[.):、．]\s*|[Qq]\d{0,2}[.:]\s+)")
_LABEL = re.compile(
    r"^\s*(?:(?:suggested|chat|conversation|possible|the|a|your|final)\s+)*"
    r"(?:titles?|tags?|subjects?|topics?|questions?|follow[- ]?ups?|titel|título|titre|标题|題目|标签|主题|问题|"
    r"тема|заголовок)"
    r"(?:\s+\d{1,2})?\s*[:：]\s*",
    re.I,
)
_EMPHASIS = re.compile(r"(\*\*|__|\*|`)(?=\S)(.+?)(?<=\S)\1")
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")
_QUOTES: Final = "\"'“”„‟‘’‚«»‹›「」『』《》【】"
_ENDS: Final = ".。．…,，;；:：!！"
_LIST_MARKS = re.compile(r"[,，、;；\n|]|\s#")
_SENTENCE_MARKS = re.compile(r"[.。?？!！:：](?:\s|$)|[<>{}\[\]=]")
_KEYS = ("title", "tags", "questions", "follow_ups", "followups", "follow_up_questions", "suggestions")


def title_in(said: str) -> str:
    """Return the title that a model gave; empty when what it said is none."""
    lines = list(_lines(said))
    # "Here is a title:" and the title.
    while len(lines) > 1 and _is_preamble(lines[0]):
        del lines[0]
    if not lines:
        return ""
    title = _bare(lines[0]).rstrip(_ENDS).strip()
    if len(title) > MAX_TITLE_CHARS or len(title.split()) > MAX_TITLE_WORDS:
        return ""
    return title if _has_words(title) and not _is_preamble(lines[0]) else ""


def tags_in(said: str) -> list[str]:
    """Return up to three tags, each once; none when it talks instead."""
    tags: list[str] = []
    for line in _lines(said):
        if _is_preamble(line):
            continue
        parts = [_bare(part).lstrip("#").rstrip(_ENDS).strip() for part in _LIST_MARKS.split(line)]
        if any(len(part) > MAX_TAG_CHARS or len(part.split()) > MAX_TAG_WORDS for part in parts):
            # A sentence: about the tags, or instead of them.
            continue
        tags += [part for part in parts if _has_words(part) and not _SENTENCE_MARKS.search(part)]
    return _each_once(tags)[:MAX_TAGS]


def questions_in(said: str, *, besides: str = "") -> list[str]:
    """Return up to three questions, each once and none of them the one that was asked."""
    questions = []
    for line in _lines(said):
        question = _bare(line)
        if not _is_preamble(line) and MIN_QUESTION_CHARS <= len(question) <= MAX_QUESTION_CHARS:
            questions.append(question)
    if any(_asks(question) for question in questions):
        # What else it said stands around the questions.
        questions = [question for question in questions if _asks(question)]
    elif len(questions) < 2:
        return []
    asked = besides.strip().casefold()
    return [question for question in _each_once(questions) if question.casefold() != asked][:MAX_QUESTIONS]


def _lines(said: str) -> Iterator[str]:
    """Yield the lines with words in them, or what JSON has for lines."""
    text = _THINKING.sub("", said)
    text = _CLOSED_THINKING.sub("", text)
    if opened := _OPEN_THINKING.search(text):
        text = text[: opened.start()]
    text = _FENCE.sub("", text).strip()
    values = _json_texts(text)
    for line in text.splitlines() if values is None else values:
        if line.strip():
            yield " ".join(line.split())


def _json_texts(text: str) -> list[str] | None:
    """Return the texts of a JSON object or array; None where there is none."""
    if not text.startswith(("{", "[")):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, dict):
        value = next((value[key] for key in _KEYS if key in value), None)
    if isinstance(value, str):
        return [value]
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def _bare(line: str) -> str:
    """Return a line without what was put around its words."""
    before = ""
    text = line
    while text != before:
        before = text
        text = _BULLET.sub("", text)
        text = _EMPHASIS.sub(r"\2", text)
        text = _LABEL.sub("", text)
        text = _unquoted(text.strip())
    return text


def _unquoted(text: str) -> str:
    ended = text.rstrip(_ENDS)
    if len(ended) < 2 or ended[0] not in _QUOTES or ended[-1] not in _QUOTES:
        return text
    # An apostrophe may stand inside; with other quotes there, these two are not a pair.
    inner = _APOSTROPHE.sub("", ended[1:-1])
    return text if any(mark in _QUOTES for mark in inner) else ended[1:-1]


def _is_preamble(line: str) -> bool:
    return line.rstrip("*_ ").endswith((":", "："))


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _asks(question: str) -> bool:
    return question.endswith(("?", "？", "؟", ";"))


def _each_once(words: Iterable[str]) -> list[str]:
    return list({word.casefold(): word for word in reversed(list(words))}.values())[::-1]
