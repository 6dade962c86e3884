"""Calls of tools on the wire: put together from the pieces of a stream, and tied to their results. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from inference.dialects.errors import MalformedStream
from inference.dialects.values import count, items, mapping, text
from inference.types import ChatMessage, Tool, ToolCall

MAX_CALLS = 128
MAX_ARGUMENTS_CHARACTERS = 1024 * 1024
SHORT_ID = re.compile(r"[A-Za-z0-9]{9}")


def tool_body(tool: Tool) -> dict[str, object]:
    """Return a tool as OpenAI and Ollama write it."""
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def whole_calls(values: object) -> list[ToolCall]:
    """Return the calls of one line of Ollama's. Raises MalformedStream."""
    calls = []
    for value in map(mapping, items(values)):
        function = mapping(value.get("function"))
        name = text(function.get("name"))
        if name:
            calls.append(ToolCall(name=name, arguments=_arguments(function.get("arguments")), id=text(value.get("id"))))
    return calls


@dataclass(slots=True)
class _Partial:
    id: str = ""
    name: str = ""
    arguments: str = ""


class ToolCallAssembler:
    """Puts OpenAI's calls together, whose arguments come in pieces of JSON text under the call's index."""

    def __init__(self) -> None:
        self._partial: dict[int, _Partial] = {}

    def feed(self, values: object) -> None:
        """Take the `tool_calls` of one delta. Raises MalformedStream when they grow beyond all measure."""
        for value in map(mapping, items(values)):
            # Servers that send every call whole leave the index out.
            index = count(value.get("index"))
            index = index if index is not None else len(self._partial)
            partial = self._partial.setdefault(index, _Partial())
            function = mapping(value.get("function"))
            partial.id = partial.id or text(value.get("id"))
            partial.name = partial.name or text(function.get("name"))
            given = function.get("arguments")
            partial.arguments += orjson.dumps(given).decode() if isinstance(given, dict) else text(given)
            if len(self._partial) > MAX_CALLS or len(partial.arguments) > MAX_ARGUMENTS_CHARACTERS:
                raise MalformedStream("calls of tools without end")

    def finish(self, *, is_cut: bool = False) -> list[ToolCall]:
        """Return all calls, in order; of an answer that was cut off, the complete ones.

        Raises:
            MalformedStream: The arguments of a call are no JSON object.
        """
        calls = []
        for _index, partial in sorted(self._partial.items()):
            try:
                calls.append(ToolCall(name=partial.name, arguments=_arguments(partial.arguments), id=partial.id))
            except MalformedStream:
                if not is_cut:
                    raise
        self._partial.clear()
        return [call for call in calls if call.name]


def _arguments(value: object) -> Mapping[str, object]:
    if isinstance(value, str) and value.strip():
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise MalformedStream("the arguments of a tool call are not JSON") from None
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise MalformedStream("the arguments of a tool call are no object")
    return value


def with_ids(messages: Sequence[ChatMessage], *, short: bool = False) -> list[ChatMessage]:
    """Tie results to calls where a client did not: by name, else in the order of the calls.

    Args:
        short: Every id has nine letters and digits, as some chat templates demand.
    """
    ids = _Ids(short)
    return [ids.tied(message) for message in messages]


class _Ids:
    def __init__(self, short: bool) -> None:
        self._short = short
        self._n_made = 0
        self._made: dict[str, str] = {}
        self._open: list[ToolCall] = []

    def tied(self, message: ChatMessage) -> ChatMessage:
        if message.tool_calls:
            calls = [replace(call, id=self._id(call.id)) for call in message.tool_calls]
            self._open = list(calls)
            return replace(message, tool_calls=calls)
        if message.role != "tool":
            return message
        call = self._answered(message)
        identity = self._id(message.tool_call_id) if message.tool_call_id or call is None else call.id
        name = message.tool_name or (call.name if call is not None else "")
        return replace(message, tool_call_id=identity, tool_name=name)

    def _answered(self, message: ChatMessage) -> ToolCall | None:
        """Return the open call that a result belongs to, and close it."""
        if message.tool_call_id:
            identity = self._made.get(message.tool_call_id, message.tool_call_id)
            fitting = [call for call in self._open if call.id == identity]
        else:
            fitting = [call for call in self._open if message.tool_name in ("", call.name)]
        if not fitting:
            return None
        self._open.remove(fitting[0])
        return fitting[0]

    def _id(self, given: str) -> str:
        if given and (not self._short or SHORT_ID.fullmatch(given)):
            return given
        if given in self._made:
            return self._made[given]
        self._n_made += 1
        made = f"{self._n_made:09d}"
        if given:
            self._made[given] = made
        return made
