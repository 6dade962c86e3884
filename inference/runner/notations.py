"""How models write down the calls of tools. Each notation reads the calls at the beginning of a text.

Which of them a model uses is seen in its chat template, which shows it the calls of earlier answers the same way.
Source: the chat templates that the model families publish.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from inference.runner.call_cursor import MAX_HEAD_CHARACTERS, Cursor, NotACall
from inference.runner.written_calls import Written, arguments_of, calls_of, typed
from inference.types import Tool


@dataclass(frozen=True, slots=True)
class Spelling:
    """What stands before the name of a call, between it and its arguments, and behind them."""

    before: str
    between: str
    after: str


class Notation(Protocol):
    """One way to write calls.

    Attributes:
        opener: What every call begins with.
        only_first: The opener is too common to mean a call anywhere but at the beginning of an answer.
        spelling: How a single call is written; None for what is no call by itself.
    """

    @property
    def opener(self) -> str: ...

    @property
    def only_first(self) -> bool: ...

    @property
    def spelling(self) -> Spelling | None: ...

    def read(self, cursor: Cursor, tools: Mapping[str, Tool]) -> list[Written]:
        """Read one call or one list of them; the cursor stands behind the opener.

        Raises:
            NotACall
            NeedMore
        """
        ...


@dataclass(frozen=True, slots=True)
class JsonCalls:
    """Objects with a name and arguments, or lists of them: `<tool_call>{"name": …}</tool_call>`."""

    opener: str
    closer: str = ""
    lead: str = ""
    only_first: bool = False
    keys: tuple[str, str] = ("name", "arguments")

    @property
    def spelling(self) -> Spelling:
        name, arguments = self.keys
        lead = f" {self.lead}\n" if self.lead else ""
        tail = f"\n{self.closer}" if self.lead else self.closer
        return Spelling(f'{self.opener}{lead}[{{"{name}": "', f'", "{arguments}": ', f"}}]{tail}")

    def read(self, cursor: Cursor, tools: Mapping[str, Tool]) -> list[Written]:
        calls: list[Written] = []
        cursor.skip_space()
        cursor.expect(self.lead)
        while True:
            cursor.skip_space()
            if calls and (cursor.is_at_end or cursor.next_character() not in "{["):
                break
            if cursor.next_character() not in "{[":
                raise NotACall
            calls += calls_of(cursor.json())
            if not self.closer:
                return calls
        cursor.accept(self.closer)
        return calls


@dataclass(frozen=True, slots=True)
class BareJson:
    """An answer that is nothing but `{"name": …, "parameters": {…}}`, or several of them with `;` between."""

    opener: str = "{"
    only_first: bool = True
    spelling: Spelling = Spelling('{"name": "', '", "parameters": ', "}")

    def read(self, cursor: Cursor, tools: Mapping[str, Tool]) -> list[Written]:
        cursor.at -= 1
        self._check_first_key(cursor.text[cursor.at : cursor.at + MAX_HEAD_CHARACTERS])
        calls = calls_of(cursor.json())
        # Any other object of this shape is an answer in JSON.
        if not all(call.name in tools for call in calls):
            raise NotACall
        return calls

    def _check_first_key(self, begun: str) -> None:
        """Let an answer in JSON be shown as soon as it is clear that it is no call."""
        inside = begun[1:].lstrip()
        key = re.match(r'"(\w*)("?)', inside)
        if key is None:
            if inside:
                raise NotACall
            return
        keys = {"name", "type", "function", "parameters", "arguments", "id"}
        if not (key[1] in keys if key[2] else len(key[0]) < len(inside) or any(k.startswith(key[1]) for k in keys)):
            raise NotACall


@dataclass(frozen=True, slots=True)
class HeadedCall:
    """A name, then its arguments as an object: `[TOOL_CALLS]name[ARGS]{…}`.

    Attributes:
        head: All between the opener and the object; its groups are `name` and perhaps `id`.
    """

    opener: str
    head: re.Pattern[str]
    fence: str = ""
    closer: str = ""
    only_first: bool = False
    spelling: Spelling | None = None

    def read(self, cursor: Cursor, tools: Mapping[str, Tool]) -> list[Written]:
        found = self.head.fullmatch(cursor.until("{", within=MAX_HEAD_CHARACTERS))
        if found is None:
            raise NotACall
        cursor.at -= 1
        arguments = arguments_of(cursor.json())
        for mark in filter(None, (self.fence, self.closer)):
            cursor.accept_behind_space(mark)
        return [Written(found["name"], arguments, found.groupdict().get("id") or "")]


@dataclass(frozen=True, slots=True)
class MistralCalls:
    """`[TOOL_CALLS]`, then a list of objects in older models, or `name[ARGS]{…}` in newer ones."""

    opener: str = "[TOOL_CALLS]"
    only_first: bool = False
    spelling: Spelling = Spelling('[TOOL_CALLS][{"name": "', '", "arguments": ', "}]")

    def read(self, cursor: Cursor, tools: Mapping[str, Tool]) -> list[Written]:
        cursor.skip_space()
        if cursor.next_character() == "[":
            return calls_of(cursor.json())
        return HeadedCall(self.opener, _MISTRAL).read(cursor, tools)


@dataclass(frozen=True, slots=True)
class FunctionTag:
    """`<function=name>`, then an object, or `<parameter=key>value</parameter>` for each argument; `</function>`."""

    opener: str = "<function="
    only_first: bool = False
    spelling: Spelling = Spelling("<function=", ">", "</function>")

    def read(self, cursor: Cursor, tools: Mapping[str, Tool]) -> list[Written]:
        name = cursor.name(">")
        cursor.skip_space()
        if cursor.next_character() == "{":
            arguments = arguments_of(cursor.json())
            cursor.accept_behind_space("</function>")
            return [Written(name, arguments)]
        arguments = {}
        while not cursor.accept("</function>"):
            cursor.expect("<parameter=")
            key = cursor.name(">")
            value = cursor.until("</parameter>").removeprefix("\n").removesuffix("\n")
            arguments[key] = typed(value, tools.get(name), key)
            cursor.skip_space()
        return [Written(name, arguments)]


@dataclass(frozen=True, slots=True)
class ToolCallTag:
    """`<tool_call>` around whatever a family puts there: objects, a `<function=…>`, or a name with its arguments."""

    opener: str = "<tool_call>"
    only_first: bool = False
    spelling: Spelling = Spelling('<tool_call>\n{"name": "', '", "arguments": ', "}\n</tool_call>")

    def read(self, cursor: Cursor, tools: Mapping[str, Tool]) -> list[Written]:
        cursor.skip_space()
        if cursor.next_character() in "{[":
            return JsonCalls(self.opener, "</tool_call>").read(cursor, tools)
        if cursor.accept("<function="):
            calls = FunctionTag().read(cursor, tools)
            cursor.accept_behind_space("</tool_call>")
            return calls
        return [self._named(cursor, tools)]

    def _named(self, cursor: Cursor, tools: Mapping[str, Tool]) -> Written:
        name = cursor.name("<")
        cursor.at -= 1
        arguments: dict[str, object] = {}
        while not cursor.accept("</tool_call>"):
            cursor.expect("<arg_key>")
            key = cursor.name("</arg_key>")
            cursor.skip_space()
            cursor.expect("<arg_value>")
            arguments[key] = typed(cursor.until("</arg_value>"), tools.get(name), key)
            cursor.skip_space()
        return Written(name, arguments)


@dataclass(frozen=True, slots=True)
class Frame:
    """A mark around calls that says nothing by itself."""

    opener: str
    only_first: bool = False
    spelling: None = None

    def read(self, cursor: Cursor, tools: Mapping[str, Tool]) -> list[Written]:
        return []


_NAME = r"(?P<name>[\w.:/-]{1,200})"
_MISTRAL = re.compile(rf"\s*{_NAME}(?:\[CALL_ID\](?P<id>\w+))?(?:\[ARGS\])?\s*")
_DEEPSEEK = re.compile(rf"\s*(?:function<｜tool▁sep｜>)?{_NAME}(?:<｜tool▁sep｜>)?\s*(?:```(?:json)?\s*)?")
_KIMI = re.compile(r"\s*(?P<id>(?:functions\.)?(?P<name>[\w./-]{1,200}):\d+)\s*<\|tool_call_argument_begin\|>\s*")

_COMMAND_KEYS = ("tool_name", "parameters")


def _deepseek(before: str, between: str, after: str) -> HeadedCall:
    spelling = Spelling(
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{before}",
        between,
        f"{after}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    )
    return HeadedCall("<｜tool▁call▁begin｜>", _DEEPSEEK, "```", "<｜tool▁call▁end｜>", spelling=spelling)


_SHOWN: Sequence[tuple[tuple[str, ...], Sequence[Notation]]] = (
    (("<tool_call>",), (ToolCallTag(),)),
    (("<function=",), (FunctionTag(),)),
    (("<|python_tag|>",), (BareJson(), JsonCalls("<|python_tag|>"))),
    (('{"name": function name',), (BareJson(),)),
    (("[ARGS]",), (MistralCalls(spelling=Spelling("[TOOL_CALLS]", "[ARGS]", "")),)),
    (("[TOOL_CALLS]",), (MistralCalls(),)),
    (("<｜tool▁call▁begin｜>", "```json"), (_deepseek("function<｜tool▁sep｜>", "\n```json\n", "\n```"),)),
    (
        ("<｜tool▁call▁begin｜>",),
        (
            _deepseek("", "<｜tool▁sep｜>", ""),
            Frame("<｜tool▁calls▁begin｜>"),
            Frame("<｜tool▁calls▁end｜>"),
        ),
    ),
    (
        ("<|tool_call_begin|>",),
        (
            HeadedCall(
                "<|tool_call_begin|>",
                _KIMI,
                closer="<|tool_call_end|>",
                spelling=Spelling(
                    "<|tool_calls_section_begin|><|tool_call_begin|>functions.",
                    ":0<|tool_call_argument_begin|>",
                    "<|tool_call_end|><|tool_calls_section_end|>",
                ),
            ),
            Frame("<|tool_calls_section_begin|>"),
            Frame("<|tool_calls_section_end|>"),
        ),
    ),
    (("<|tool_call|>",), (JsonCalls("<|tool_call|>", "<|/tool_call|>"),)),
    (("<|START_ACTION|>",), (JsonCalls("<|START_ACTION|>", "<|END_ACTION|>", keys=_COMMAND_KEYS),)),
    (("Action:",), (JsonCalls("Action:", "```", lead="```json", keys=_COMMAND_KEYS),)),
    (("functools[",), (JsonCalls("functools"),)),
)
"""What a chat template shows, and how its model therefore writes calls."""

UNSAID: Sequence[Notation] = (ToolCallTag(), BareJson())
"""For templates that name the tools and show no call: most models were trained on one of these."""


def notations_of(template: str) -> tuple[Notation, ...]:
    """Return the notations that a model with this chat template may use."""
    shown = [
        notation for marks, notations in _SHOWN if all(mark in template for mark in marks) for notation in notations
    ]
    by_opener = {notation.opener: notation for notation in reversed(shown)}
    return tuple(dict.fromkeys(by_opener[notation.opener] for notation in shown)) or tuple(UNSAID)


def marks_of(notations: Sequence[Notation]) -> set[str]:
    """Return all that may be a control token in the vocabulary and still has to be seen in an answer."""
    if not notations:
        return set()
    marks = {notation.opener for notation in notations}
    for notation in notations:
        if isinstance(notation, JsonCalls | HeadedCall):
            marks.add(notation.closer)
    return marks | {"</tool_call>", "[ARGS]", "[CALL_ID]", "<｜tool▁sep｜>", "<|tool_call_argument_begin|>"}
