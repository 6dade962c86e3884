"""Render a chat with a Go template as Ollama does.

Source: ollama's template/template.go, `Execute` and `collate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NotRequired, TypedDict

from inference.runner.go_template.evaluator import execute
from inference.runner.go_template.nodes import (
    Action,
    Body,
    Branch,
    Chain,
    Command,
    Field,
    Node,
    Operand,
    Pipe,
    Variable,
)
from inference.runner.go_template.parser import Template, parse
from inference.runner.go_template.values import JsonList, JsonMap, PropertyType, Record

RESPONSE = Action(Pipe((Command((Field(("Response",)),)),)))


class GoMessage(TypedDict):
    role: str
    content: str
    thinking: str
    n_images: int
    tool_calls: list[dict[str, Any]]
    tool_name: str
    tool_call_id: str


class GoValues(TypedDict):
    """What a template is rendered over.

    Attributes:
        tools: In OpenAI's shape.
        think_level: `low`, `medium`, `high` or nothing.
        suffix: With it, the last message is the text before a gap to fill in.
    """

    messages: list[GoMessage]
    tools: list[dict[str, Any]]
    think: bool
    think_level: str
    is_think_set: bool
    suffix: NotRequired[str]


def render_chat(source: str, values: GoValues, *, max_characters: int) -> str:
    """Return the prompt. Raises GoTemplateError."""
    template = parsed(source)
    thinking = {
        "Think": values["think"],
        "ThinkLevel": values["think_level"],
        "IsThinkSet": values["is_think_set"],
    }
    if suffix := values.get("suffix"):
        prompt = values["messages"][-1]["content"]
        data = {"Prompt": prompt, "Suffix": suffix, "Response": "", **thinking}
        return execute(template, data, max_characters=max_characters)
    system, messages = collated(values["messages"])
    if "Messages" in names_in(template):
        data = {
            "System": system,
            "Messages": [_message(message) for message in messages],
            "Tools": JsonList(_tool(tool) for tool in values["tools"]),
            "Response": "",
            **thinking,
        }
        return execute(template, data, max_characters=max_characters)
    return _turn_by_turn(template, messages, thinking, max_characters)


@lru_cache(maxsize=4)
def parsed(source: str) -> Template:
    """Parse a template; one that names neither the messages nor the answer gets the answer at its end."""
    template = parse(source)
    if not names_in(template) & {"Messages", "Response"}:
        template = replace(template, body=[*template.body, RESPONSE])
    return template


def collated(messages: Sequence[GoMessage]) -> tuple[str, list[GoMessage]]:
    """Return all system texts as one, and the messages with those of one role in a row made one, but for results."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    joined: list[GoMessage] = []
    for message in messages:
        if joined and joined[-1]["role"] == message["role"] != "tool":
            last = joined[-1]
            content = f"{last['content']}\n\n{message['content']}"
            n_images = last["n_images"] + message["n_images"]
            calls = [*last["tool_calls"], *message["tool_calls"]]
            joined[-1] = {**last, "content": content, "n_images": n_images, "tool_calls": calls}
        else:
            joined.append(message)
    return system, joined


def _turn_by_turn(
    template: Template, messages: Sequence[GoMessage], thinking: Mapping[str, Any], max_characters: int
) -> str:
    """Render a template that knows one system text, one prompt and one answer, once for each such turn."""
    written: list[str] = []
    turn = {"System": "", "Prompt": "", "Response": ""}

    def end_turn(ending: Template) -> None:
        room = max_characters - sum(map(len, written))
        written.append(execute(ending, {**turn, **thinking}, max_characters=room))
        turn.update(System="", Prompt="", Response="")

    for message in messages:
        match message["role"]:
            case "system":
                if turn["Prompt"] or turn["Response"]:
                    end_turn(template)
                turn["System"] = message["content"]
            case "user":
                if turn["Response"]:
                    end_turn(template)
                turn["Prompt"] = message["content"]
            case "assistant":
                turn["Response"] = message["content"]
    end_turn(cut_after_response(template))
    return "".join(written)


def cut_after_response(template: Template) -> Template:
    """Return a template that ends with the answer, which the model then goes on with."""
    return replace(template, body=_Cut().body(template.body))


class _Cut:
    """Drops all that comes behind the first `.Response`. Conditions are left alone."""

    def __init__(self) -> None:
        self._is_behind = False

    def body(self, body: Body) -> Body:
        kept: list[Node] = []
        for node in body:
            if self._is_behind:
                return kept
            match node:
                case Branch():
                    inside = self.body(node.body)
                    kept.append(replace(node, body=inside, otherwise=self.body(node.otherwise)))
                case Action():
                    kept.append(node)
                    self._is_behind = _shows_response(node.pipe)
                case _:
                    kept.append(node)
        return kept


def _shows_response(operand: Operand) -> bool:
    """Tell whether `.Response` itself is there; Ollama looks for no other way to write it."""
    if isinstance(operand, Pipe):
        return any(_shows_response(part) for command in operand.commands for part in command.operands)
    return isinstance(operand, Field) and "Response" in operand.names


def names_in(template: Template) -> frozenset[str]:
    """Return the names of all fields that a template looks at."""
    bodies = [template.body, *template.defined.values()]
    return frozenset(name for body in bodies for node in body for name in _names_of(node))


def _names_of(node: Node) -> set[str]:
    match node:
        case Action():
            return _names(node.pipe)
        case Branch():
            inside = set[str]().union(*map(_names_of, node.body), *map(_names_of, node.otherwise))
            return _names(node.pipe) | inside
    pipe = getattr(node, "pipe", None)
    return _names(pipe) if pipe is not None else set()


def _names(operand: Operand) -> set[str]:
    match operand:
        case Field():
            return set(operand.names)
        case Variable():
            return set(operand.fields)
        case Chain():
            return set(operand.fields) | _names(operand.operand)
        case Pipe():
            return {name for command in operand.commands for part in command.operands for name in _names(part)}
    return set()


def _message(message: GoMessage) -> Record:
    fields = {
        "Role": message["role"],
        "Content": message["content"],
        "Thinking": message["thinking"],
        "Images": [""] * message["n_images"],
        "ToolCalls": [_tool_call(number, call) for number, call in enumerate(message["tool_calls"])],
        "ToolName": message["tool_name"],
        "ToolCallID": message["tool_call_id"],
    }
    return Record("api.Message", fields, {"role": message["role"], "content": message["content"]})


def _tool_call(number: int, call: Mapping[str, Any]) -> Record:
    name, arguments = call["function"]["name"], JsonMap(call["function"]["arguments"])
    json = {"name": name, "arguments": arguments}
    function = Record("api.ToolCallFunction", {"Index": number, "Name": name, "Arguments": arguments}, json)
    return Record("api.ToolCall", {"ID": call["id"], "Function": function}, {"function": json})


def _tool(tool: Mapping[str, Any]) -> Record:
    given = tool["function"]
    parameters = _parameters(given["parameters"])
    json = {"name": given["name"]} | ({"description": given["description"]} if given["description"] else {})
    json["parameters"] = parameters
    fields = {"Name": given["name"], "Description": given["description"], "Parameters": parameters}
    function = Record("api.ToolFunction", fields, json)
    return Record(
        "api.Tool",
        {"Type": "function", "Items": None, "Function": function},
        {"type": "function", "function": function},
    )


_PARAMETER_KEYS = ("type", "$defs", "items", "required", "properties")
_PROPERTY_KEYS = ("anyOf", "type", "items", "description", "enum")


def _parameters(schema: Mapping[str, Any]) -> Record:
    properties = schema.get("properties")
    records = {name: _property(value) for name, value in properties.items()} if isinstance(properties, Mapping) else {}
    fields = {
        "Type": schema.get("type", ""),
        "Defs": schema.get("$defs"),
        "Items": schema.get("items"),
        "Required": schema.get("required") or [],
        "Properties": records,
    }
    return Record("api.ToolFunctionParameters", fields, _ordered(schema, _PARAMETER_KEYS) | {"properties": records})


def _property(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    kind = schema.get("type")
    kinds = [kind] if isinstance(kind, str) else kind if isinstance(kind, list) else []
    fields = {
        "AnyOf": [_property(choice) for choice in choices] if isinstance(choices := schema.get("anyOf"), list) else [],
        "Type": PropertyType(name for name in kinds if isinstance(name, str)),
        "Items": schema.get("items"),
        "Description": schema.get("description", ""),
        "Enum": schema.get("enum") or [],
    }
    return Record("api.ToolProperty", fields, _ordered(schema, _PROPERTY_KEYS))


def _ordered(schema: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return a schema with these keys first, as Go writes a struct."""
    known = {key: schema[key] for key in keys if key in schema}
    return known | {key: value for key, value in schema.items() if key not in known}
