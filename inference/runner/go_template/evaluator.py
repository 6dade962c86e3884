"""Run a parsed Go template over data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.runner.go_template.errors import GoTemplateError
from inference.runner.go_template.functions import FUNCTIONS
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
    Operand,
    Pipe,
    Text,
    Variable,
)
from inference.runner.go_template.parser import Template
from inference.runner.go_template.values import NO_VALUE, field_of, is_true, printed, type_name

MAX_STEPS = 500_000
MAX_CALL_DEPTH = 100

_MISSING = object()


def execute(template: Template, data: Any, *, max_characters: int) -> str:
    """Return what the template writes.

    Raises:
        GoTemplateError: It fails, writes more than `max_characters`, or takes too many steps.
    """
    run = _Run(template, data, max_characters)
    run.body(template.body, data)
    return "".join(run.written)


class _Left(Exception):
    """A `break` or `continue` on its way to its loop."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class _Run:
    def __init__(self, template: Template, data: Any, max_characters: int) -> None:
        self.written: list[str] = []
        self._template = template
        self._variables: list[tuple[str, Any]] = [("$", data)]
        self._room = self._longest_value = max_characters
        self._steps = MAX_STEPS
        self._depth = 0

    def body(self, body: Body, dot: Any) -> None:
        for node in body:
            self._step()
            match node:
                case Text():
                    self._write(node.text)
                case Action():
                    value = self._pipe(node.pipe, dot)
                    if not node.pipe.variables:
                        self._write(printed(value))
                case Branch(word="range"):
                    self._range(node, dot)
                case Branch():
                    self._branch(node, dot)
                case Call():
                    self._call(node, dot)
                case Leave():
                    raise _Left(node.word)

    def _step(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise GoTemplateError("it takes too many steps")

    def _write(self, text: str) -> None:
        self._room -= len(text)
        if self._room < 0:
            raise GoTemplateError("its output has no end")
        self.written.append(text)

    def _branch(self, node: Branch, dot: Any) -> None:
        n_variables = len(self._variables)
        value = self._pipe(node.pipe, dot)
        is_with = node.word == "with"
        if is_true(value):
            self.body(node.body, value if is_with else dot)
        else:
            self.body(node.otherwise, dot)
        del self._variables[n_variables:]

    def _range(self, node: Branch, dot: Any) -> None:
        n_variables = len(self._variables)
        value = self._pipe(Pipe(node.pipe.commands), dot)
        is_empty = True
        for key, item in _items(value):
            is_empty = False
            self._step()
            self._set_loop_variables(node.pipe, key, item)
            try:
                self.body(node.body, item)
            except _Left as left:
                if left.word == "break":
                    break
            finally:
                del self._variables[n_variables:]
        if is_empty:
            self.body(node.otherwise, dot)
        del self._variables[n_variables:]

    def _set_loop_variables(self, pipe: Pipe, key: Any, item: Any) -> None:
        values = (item,) if len(pipe.variables) == 1 else (key, item)
        for name, value in zip(pipe.variables, values, strict=False):
            self._set(name, value, assigns=pipe.assigns)

    def _call(self, node: Call, dot: Any) -> None:
        defined = self._template.defined.get(node.name)
        if defined is None:
            raise GoTemplateError(f"template {node.name!r:.60} not defined")
        if self._depth >= MAX_CALL_DEPTH:
            raise GoTemplateError("it calls itself without end")
        data = self._pipe(node.pipe, dot) if node.pipe is not None else NO_VALUE
        outer, self._variables = self._variables, [("$", data)]
        self._depth += 1
        self.body(defined, data)
        self._depth -= 1
        self._variables = outer

    def _pipe(self, pipe: Pipe, dot: Any) -> Any:
        value: Any = _MISSING
        for command in pipe.commands:
            value = self._command(command, dot, value)
        for name in pipe.variables:
            self._set(name, value, assigns=pipe.assigns)
        return value

    def _set(self, name: str, value: Any, *, assigns: bool) -> None:
        if not assigns:
            self._variables.append((name, value))
            return
        for at in range(len(self._variables) - 1, -1, -1):
            if self._variables[at][0] == name:
                self._variables[at] = (name, value)
                return
        raise GoTemplateError(f"undefined variable {name!r:.60}")

    def _command(self, command: Command, dot: Any, last: Any) -> Any:
        self._step()
        first, *rest = command.operands
        if isinstance(first, Function):
            return self._function(first.name, rest, dot, last)
        if rest or last is not _MISSING:
            raise GoTemplateError("can't give an argument to a value that is no function")
        if isinstance(first, Nil):
            raise GoTemplateError("nil is not a command")
        return self._operand(first, dot)

    def _function(self, name: str, operands: list[Operand], dot: Any, last: Any) -> Any:
        if name in ("and", "or"):
            return self._first_that_decides(operands, dot, last, looks_for=name == "or")
        if name not in FUNCTIONS:
            raise GoTemplateError(f"function {name!r:.60} not defined")
        values = [self._operand(operand, dot) for operand in operands]
        if last is not _MISSING:
            values.append(last)
        function, least, most = FUNCTIONS[name]
        if not least <= len(values) <= most:
            raise GoTemplateError(f"wrong number of arguments for {name}: {len(values)}")
        result = function(*values)
        if isinstance(result, str) and len(result) > self._longest_value:
            raise GoTemplateError("a text grows without end")
        return result

    def _first_that_decides(self, operands: list[Operand], dot: Any, last: Any, *, looks_for: bool) -> Any:
        """Return the first value that is true, or false; later ones are not looked at."""
        value: Any = _MISSING
        for operand in operands:
            value = self._operand(operand, dot)
            if is_true(value) is looks_for:
                return value
        value = last if last is not _MISSING else value
        if value is _MISSING:
            raise GoTemplateError("wrong number of arguments for and, or: 0")
        return value

    def _operand(self, operand: Operand, dot: Any) -> Any:
        match operand:
            case Dot():
                return dot
            case Nil():
                return None
            case Literal():
                return operand.value
            case Field():
                return _fields(dot, operand.names)
            case Variable():
                return _fields(self._variable(operand.name), operand.fields)
            case Chain():
                return _fields(self._pipe(operand.operand, dot), operand.fields)
            case Pipe():
                return self._pipe(operand, dot)
            case Function():
                return self._function(operand.name, [], dot, _MISSING)

    def _variable(self, name: str) -> Any:
        for known, value in reversed(self._variables):
            if known == name:
                return value
        raise GoTemplateError(f"undefined variable {name!r:.60}")


def _fields(value: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        value = field_of(value, name)
    return value


def _items(value: Any) -> Any:
    """Return what `range` goes over, as pairs of a key and an item."""
    if value is NO_VALUE or value is None:
        return ()
    if isinstance(value, Mapping):
        return ((key, value[key]) for key in sorted(value))
    if isinstance(value, list | tuple):
        return enumerate(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return ((number, number) for number in range(max(0, value)))
    raise GoTemplateError(f"range can't iterate over {type_name(value)}")
