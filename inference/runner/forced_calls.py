"""The grammar of an answer that is a call of one of the tools, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from inference.errors import InvalidRequest
from inference.runner.answers import AnswerShape
from inference.runner.call_cursor import NAME
from inference.runner.gbnf_text import literal
from inference.runner.grammar import Grammar
from inference.runner.json_schema import grammar_around
from inference.types import Tool


def call_key(answer: AnswerShape) -> str:
    """Return what the grammar is made from."""
    tools = [{"name": tool.name, "parameters": tool.parameters} for tool in answer.tools]
    return f"{answer.call_spelling} {orjson.dumps(tools).decode()}"


def call_grammar(answer: AnswerShape) -> Grammar:
    """Return the grammar for one call, written as the model writes calls, whose arguments satisfy its tool's schema.

    Raises:
        InvalidRequest: There are no tools, or the schema of one cannot be honoured.
    """
    spelling, tools = answer.call_spelling, answer.tools
    if not tools or spelling is None:
        raise InvalidRequest("a call is demanded, and there are no tools")

    def root(arguments: Sequence[str]) -> str:
        calls = [
            f"{literal(spelling.before + _spelled(tool) + spelling.between)} {expression}"
            for tool, expression in zip(tools, arguments, strict=True)
        ]
        return f"({' | '.join(calls)}) {literal(spelling.after)}" if spelling.after else " | ".join(calls)

    return Grammar(grammar_around([_schema(tool) for tool in tools], root))


def _spelled(tool: Tool) -> str:
    if not NAME.fullmatch(tool.name):
        raise InvalidRequest(f"a tool of the name {tool.name!r:.80} cannot be called for certain")
    return tool.name


def _schema(tool: Tool) -> Mapping[str, object]:
    schema = {"type": "object"} | dict(tool.parameters)
    if schema["type"] != "object":
        raise InvalidRequest(f"the parameters of {tool.name!r:.80} must be of type object")
    # A tool that names no parameters takes none.
    return schema if schema.get("properties") else schema | {"properties": {}, "additionalProperties": False}
