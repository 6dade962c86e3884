"""Cut a Go template into texts and the tokens between `{{` and `}}`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from inference.runner.go_template.errors import GoTemplateError

Kind = Literal["string", "raw", "char", "number", "field", "dot", "variable", "name", "mark", "end"]

MAX_TOKENS = 100_000

_SPACES = " \t\r\n"
_OPEN = re.compile(r"\{\{(?:-(?=[ \t\r\n]))?")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(
    r"""
      (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<raw>`[^`]*`)
    | (?P<char>'(?:[^'\\\n]|\\.)+')
    | (?P<number>[+-]?(?:0[xXoObB][0-9a-fA-F_]+|(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))
    | (?P<field>\.[^\W\d]\w*)
    | (?P<dot>\.)
    | (?P<variable>\$\w*)
    | (?P<name>[^\W\d]\w*)
    | (?P<mark>:=|[=|(),])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an action; `is_apart` when white space stands before it."""

    kind: Kind
    text: str
    line: int
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class TextPart:
    text: str


@dataclass(frozen=True, slots=True)
class ActionPart:
    """The tokens of one action, the last one of kind `end`."""

    tokens: tuple[Token, ...]


def parts(source: str) -> Iterator[TextPart | ActionPart]:
    """Yield the parts of a template, trimmed as `{{-` and `-}}` demand. Raises GoTemplateError."""
    at, line, n_tokens = 0, 1, 0
    trims_left = False
    while (begun := _OPEN.search(source, at)) is not None:
        text = source[at : begun.start()].lstrip(_SPACES if trims_left else "")
        if text := text.rstrip(_SPACES if begun.group() != "{{" else ""):
            yield TextPart(text)
        line += source.count("\n", at, begun.end())
        action = _Action(source, begun.end(), line)
        tokens = action.tokens()
        n_tokens += len(tokens)
        if n_tokens > MAX_TOKENS:
            raise GoTemplateError("it is too long")
        if len(tokens) > 1:
            yield ActionPart(tokens)
        elif not action.is_comment:
            raise GoTemplateError("an action is empty")
        at, line, trims_left = action.at, action.line, action.trims
    if rest := source[at:].lstrip(_SPACES if trims_left else ""):
        yield TextPart(rest)


class _Action:
    """Reads one action; afterwards `at` stands behind it, and `trims` tells whether it ended with `-}}`."""

    def __init__(self, source: str, at: int, line: int) -> None:
        self.at = at
        self.trims = False
        self.is_comment = False
        self._source = source
        self.line = line

    def tokens(self) -> tuple[Token, ...]:
        found: list[Token] = []
        self._skip_comment()
        while True:
            is_apart = self._skip_space()
            if self._closes(is_apart):
                return (*found, Token("end", "", self.line, is_apart))
            match = _TOKEN.match(self._source, self.at)
            if match is None or self.is_comment:
                raise GoTemplateError(f"line {self.line}: {self._unexpected()}")
            kind: Kind = match.lastgroup  # type: ignore[assignment]
            found.append(Token(kind, match.group(), self.line, is_apart))
            self.line += match.group().count("\n")
            self.at = match.end()

    def _skip_comment(self) -> None:
        self._skip_space()
        comment = _COMMENT.match(self._source, self.at)
        if comment is not None:
            self.line += comment.group().count("\n")
            self.at = comment.end()
            self.is_comment = True

    def _skip_space(self) -> bool:
        begun = self.at
        while self.at < len(self._source) and self._source[self.at] in _SPACES:
            self.line += self._source[self.at] == "\n"
            self.at += 1
        return self.at > begun

    def _closes(self, is_apart: bool) -> bool:
        self.trims = is_apart and self._source.startswith("-}}", self.at)
        if self.trims or self._source.startswith("}}", self.at):
            self.at += 3 if self.trims else 2
            return True
        return False

    def _unexpected(self) -> str:
        rest = self._source[self.at : self.at + 10]
        return f"unexpected {rest!r} in an action" if rest else "an action is not closed"
