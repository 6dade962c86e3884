"""A process of its own that renders chat templates, because a template may loop or grow for ever.

Templates come with model files, so from strangers. Jinja's immutable sandbox keeps them from code, this process keeps
them from time and memory: the kernel ends it after some CPU seconds and refuses it more memory. Whoever started it
watches the clock on the wall (`inference.runner.templates.TemplateProcess`).

The environment is the one that Transformers gives to chat templates.
Source: transformers, `utils/chat_template_utils.py`; https://huggingface.co/docs/transformers/chat_templating
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Literal, TypedDict, cast

import orjson
from jinja2 import Template, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, LoopControlExtension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.runner.go_template.chat import GoValues, render_chat
from inference.runner.go_template.errors import GoTemplateError
from inference.runner.literals import CLOSE, OPEN
from inference.runner.protocol import FrameDecoder, encode_frame

MAX_MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 4
MAX_GROWTH_CHARACTERS = 1_000_000
"""How much longer than its input the rendered text may be."""


Language = Literal["jinja", "go"]

_ESCAPED_PLACEHOLDER = re.compile(r"\\ue000([0-9]+)\\ue001")


class RenderCommand(TypedDict):
    """`variables` are the names a Jinja template sees, or the `GoValues` of a Go template."""

    language: Language
    template: str
    variables: Mapping[str, object]


class RenderReply(TypedDict):
    """`refused` is what the template itself said with raise_exception."""

    outcome: Literal["text", "refused", "broken"]
    text: str


class TemplateRefusal(TemplateError):
    """The template called raise_exception."""


class GenerationTag(Extension):
    """`{% generation %}` marks what an assistant wrote, for training; here it only passes its body on."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def render(command: RenderCommand) -> str:
    """Render a chat template. Raises TemplateError, GoTemplateError or MemoryError, or what its expressions raise."""
    limit = MAX_GROWTH_CHARACTERS + len(orjson.dumps(command["variables"]))
    if command["language"] == "go":
        return render_chat(command["template"], cast(GoValues, command["variables"]), max_characters=limit)
    return _render_jinja(command["template"], command["variables"], limit)


def _render_jinja(template: str, variables: Mapping[str, object], limit: int) -> str:
    parts: list[str] = []
    n_characters = 0
    for part in _compiled(template).generate(_with_spelled_arguments(variables)):
        n_characters += len(part)
        if n_characters > limit:
            raise TemplateError("its output has no end")
        parts.append(part)
    return "".join(parts)


class Arguments(dict[str, object]):
    """A call's arguments, for templates that take them for an object and for those that take them for JSON text."""

    def __str__(self) -> str:
        return _to_json(self)

    def __add__(self, other: str) -> str:
        return str(self) + other

    def __radd__(self, other: str) -> str:
        return other + str(self)


def _with_spelled_arguments(variables: Mapping[str, object]) -> Mapping[str, object]:
    messages = variables.get("messages")
    for message in messages if isinstance(messages, list) else ():
        for call in message.get("tool_calls") or ():
            call["function"]["arguments"] = Arguments(call["function"]["arguments"])
    return variables


@lru_cache(maxsize=4)
def _compiled(source: str) -> Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, LoopControlExtension]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment.from_string(source)


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    text = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    return _ESCAPED_PLACEHOLDER.sub(rf"{OPEN}\1{CLOSE}", text) if ensure_ascii else text


def _raise_exception(message: object) -> None:
    raise TemplateRefusal(str(message))


def _strftime_now(layout: str) -> str:
    return datetime.now().astimezone().strftime(layout)


def _answer(command: RenderCommand) -> RenderReply:
    try:
        return RenderReply(outcome="text", text=render(command))
    except TemplateRefusal as exc:
        return RenderReply(outcome="refused", text=str(exc))
    except GoTemplateError as exc:
        return RenderReply(outcome="broken", text=str(exc))
    except SecurityError:
        return RenderReply(outcome="broken", text="it reaches for something a template may not touch")
    except MemoryError:
        return RenderReply(outcome="broken", text="it needs too much memory")
    except RecursionError:
        return RenderReply(outcome="broken", text="it nests too deeply")
    except Exception as exc:  # noqa: BLE001 - the outermost loop: a stranger's expressions can raise anything
        return RenderReply(outcome="broken", text=f"{type(exc).__name__}: {str(exc)[:200]}")


def _limit_cpu_of_next_render() -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used_s = int(usage.ru_utime + usage.ru_stime) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + CPU_SECONDS, resource.RLIM_INFINITY))


def main() -> None:
    """Answer render commands until the other side closes the pipe."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    decoder = FrameDecoder()
    while data := os.read(sys.stdin.fileno(), 1 << 20):
        for frame in decoder.feed(data):
            _limit_cpu_of_next_render()
            command: RenderCommand = orjson.loads(frame.json)
            reply = encode_frame(_answer(command))
            try:
                sys.stdout.buffer.write(reply)
                sys.stdout.buffer.flush()
            except BrokenPipeError:
                os._exit(0)  # the runner died meanwhile; a normal exit would try to flush once more


if __name__ == "__main__":
    main()
