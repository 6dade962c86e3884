"""Parse a Go template into its nodes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from inference.runner.go_template.errors import GoTemplateError
from inference.runner.go_template.lexer import ActionPart, TextPart, Token, parts
from inference.runner.go_template.nodes import (
    Action,
    Body,
    Branch,
    Call,
    Chain,
    Command,
    Dot,
    Field,
    Function,
    Leave,
    Literal,
    Nil,
    Node,
    Operand,
    Pipe,
    Text,
    Variable,
)

MAX_DEPTH = 100

_BRANCHES = ("if", "with", "range")
_CONSTANTS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template with those it defines by name."""

    body: Body
    defined: Mapping[str, Body] = field(default_factory=dict)


def parse(source: str) -> Template:
    """Raises GoTemplateError."""
    parser = _Parser(source)
    body, ending = parser.body(depth=0)
    if ending is not None:
        raise GoTemplateError(f"line {ending.line}: unexpected {{{{{ending.text}}}}}")
    return Template(body, parser.defined)


class _Parser:
    def __init__(self, source: str) -> None:
        self._parts: Iterator[TextPart | ActionPart] = parts(source)
        self.defined: dict[str, Body] = {}
        self._n_loops = 0

    def body(self, depth: int) -> tuple[Body, _Words | None]:
        """Return the nodes up to an `end` or `else`, and the words of that; None at the end of the template."""
        if depth > MAX_DEPTH:
            raise GoTemplateError("it nests too deeply")
        nodes: list[Node] = []
        for part in self._parts:
            if isinstance(part, TextPart):
                nodes.append(Text(part.text))
                continue
            words = _Words(part.tokens)
            if words.text in ("end", "else"):
                return nodes, words
            nodes += self._action(words, depth)
        return nodes, None

    def _action(self, words: _Words, depth: int) -> list[Node]:
        word = words.text if words.kind == "name" else ""
        if word in _BRANCHES:
            words.step()
            return [self._branch(word, words, depth)]
        if word in ("break", "continue"):
            if not self._n_loops:
                raise words.error(f"{word} outside of range")
            words.step()
            words.expect_end()
            return [Leave(word)]
        if word == "define":
            words.step()
            name = words.string()
            words.expect_end()
            self.defined[name] = self._closed_body(depth)
            return []
        if word in ("template", "block"):
            words.step()
            name = words.string()
            pipe = words.pipe(depth) if not words.is_at_end else None
            words.expect_end()
            if word == "block":
                self.defined[name] = self._closed_body(depth)
            return [Call(name, pipe)]
        pipe = words.pipe(depth)
        words.expect_end()
        return [Action(pipe)]

    def _closed_body(self, depth: int) -> Body:
        loops, self._n_loops = self._n_loops, 0
        body, ending = self.body(depth + 1)
        self._n_loops = loops
        if ending is None or ending.text != "end":
            raise GoTemplateError("a definition has no end")
        return body

    def _branch(self, word: str, words: _Words, depth: int) -> Branch:
        pipe = words.pipe(depth, may_declare_two=word == "range")
        words.expect_end()
        self._n_loops += word == "range"
        body, ending = self.body(depth + 1)
        self._n_loops -= word == "range"
        otherwise: Body = ()
        if ending is not None and ending.text == "else":
            ending.step()
            if not ending.is_at_end:
                # `else if` shares the `end` of its `if`.
                inner = ending.text
                if inner not in ("if", "with") or inner != word:
                    raise ending.error(f"unexpected {inner} after else")
                ending.step()
                return Branch(word, pipe, body, [self._branch(inner, ending, depth + 1)])
            otherwise, ending = self.body(depth + 1)
        if ending is None:
            raise GoTemplateError(f"line {words.line}: {word} has no end")
        if ending.text != "end":
            raise ending.error("unexpected else")
        ending.step()
        ending.expect_end()
        return Branch(word, pipe, body, otherwise)


class _Words:
    """The tokens of one action, read from left to right."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def kind(self) -> str:
        return self._tokens[self._at].kind

    @property
    def text(self) -> str:
        return self._tokens[self._at].text

    @property
    def line(self) -> int:
        return self._tokens[self._at].line

    @property
    def is_at_end(self) -> bool:
        return self.kind == "end"

    def step(self) -> str:
        text = self.text
        self._at += not self.is_at_end
        return text

    def error(self, what: str) -> GoTemplateError:
        return GoTemplateError(f"line {self.line}: {what}")

    def expect_end(self) -> None:
        if not self.is_at_end:
            raise self.error(f"unexpected {self.text!r:.40}")

    def string(self) -> str:
        if self.kind not in ("string", "raw"):
            raise self.error("a name in quotation marks is missing")
        return _string(self, self.step())

    def pipe(self, depth: int, *, may_declare_two: bool = False) -> Pipe:
        if depth > MAX_DEPTH:
            raise GoTemplateError("it nests too deeply")
        variables, assigns = self._declared(may_declare_two)
        commands: list[Command] = []
        while True:
            commands.append(self._command(depth))
            if self.text != "|" or self.kind != "mark":
                break
            self.step()
        return Pipe(tuple(commands), variables, assigns)

    def _declared(self, may_declare_two: bool) -> tuple[tuple[str, ...], bool]:
        begun, variables = self._at, list[str]()
        while self.kind == "variable" and len(variables) < (2 if may_declare_two else 1):
            variables.append(self.step())
            if self.kind == "mark" and self.text in (":=", "="):
                return tuple(variables), self.step() == "="
            if self.kind != "mark" or self.text != ",":
                break
            self.step()
        self._at = begun
        return (), False

    def _command(self, depth: int) -> Command:
        operands: list[Operand] = []
        while not self.is_at_end and not (self.kind == "mark" and self.text in "|)"):
            if operands and not self._tokens[self._at].is_apart:
                raise self.error(f"unexpected {self.text!r:.40}")
            operands.append(self._operand(depth))
        if not operands:
            raise self.error("a value is missing")
        return Command(tuple(operands))

    def _operand(self, depth: int) -> Operand:
        kind = self.kind
        if kind == "mark" and self.text == "(":
            self.step()
            pipe = self.pipe(depth + 1)
            if self.text != ")" or self.kind != "mark":
                raise self.error("a parenthesis is not closed")
            self.step()
            fields = self._fields()
            return Chain(pipe, fields) if fields else pipe
        text = self.text
        if kind in ("string", "raw", "char", "number"):
            self.step()
            return Literal(_literal(self, kind, text))
        if kind == "field":
            return Field(self._fields(first=True))
        self.step()
        if kind == "dot":
            return Dot()
        if kind == "variable":
            return Variable(text, self._fields())
        if kind == "name":
            if text in _CONSTANTS:
                return Literal(_CONSTANTS[text])
            return Nil() if text == "nil" else Function(text)
        raise self.error(f"unexpected {text!r:.40}")

    def _fields(self, *, first: bool = False) -> tuple[str, ...]:
        """Read `.A.B` that stands directly behind what came before."""
        fields: list[str] = []
        while self.kind == "field" and (not self._tokens[self._at].is_apart or (first and not fields)):
            fields.append(self.step()[1:])
        return tuple(fields)


def _literal(words: _Words, kind: str, text: str) -> str | int | float:
    if kind in ("string", "raw"):
        return _string(words, text)
    if kind == "char":
        value = _string(words, text)
        if len(value) != 1:
            raise words.error("a character constant has one character")
        return ord(value)
    plain = text.replace("_", "")
    try:
        return int(plain, 0)
    except ValueError:
        pass
    try:
        return int(plain) if plain.lstrip("+-").isdigit() else float(plain)
    except ValueError:
        raise words.error(f"bad number {text!r:.40}") from None


def _string(words: _Words, text: str) -> str:
    if text.startswith("`"):
        return text[1:-1].replace("\r", "")
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        raise words.error(f"bad string {text!r:.40}") from None
    if not isinstance(value, str):
        raise words.error(f"bad string {text!r:.40}")
    return value
