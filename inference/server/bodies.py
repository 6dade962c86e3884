"""Read a request's JSON body into typed values; everything wrong becomes one readable InvalidRequest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from django.http import HttpRequest, RawPostDataException

from inference.errors import InvalidRequest
from inference.runner.types import MOST_LOGPROBS
from inference.server.durations import parse_duration
from inference.server.errors import BodyTooLarge
from inference.server.fields import typed_field
from inference.server.images import parse_images
from inference.server.messages import parse_messages, parse_tools
from inference.server.options import MAX_CONTEXT
from inference.types import ChatMessage, ResponseFormat, Think, Tool

SMALL_BODY = 1024 * 1024
LARGE_BODY = 64 * 1024 * 1024
"""For chats: a long one, or one with images."""

MAX_INPUTS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBody:
    """What `/api/chat` and `/api/generate` have in common.

    Attributes:
        messages: None for `/api/generate`.
        images: Those of `/api/generate`; a chat's are in its messages.
        keep_alive_s: None when not given.
        template: A Go template for this answer alone.
        must_call_tool, top_logprobs, truncate, shift: As in `GenerateRequest`.
        logit_bias: As in `Options`. Only OpenAI's routes know it.
        seed_offset: Added to the seed: how many answers to the same question came before.
    """

    model: str
    messages: Sequence[ChatMessage] | None = None
    prompt: str = ""
    images: Sequence[bytes] = ()
    system: str = ""
    raw: bool = False
    stream: bool = True
    think: Think | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    keep_alive_s: float | None = None
    tools: Sequence[Tool] = ()
    must_call_tool: bool = False
    format: ResponseFormat | None = None
    top_logprobs: int | None = None
    suffix: str = ""
    context: Sequence[int] = ()
    template: str = ""
    truncate: bool = False
    shift: bool = False
    logit_bias: Mapping[str, float] = field(default_factory=dict)
    seed_offset: int = 0

    @property
    def is_empty(self) -> bool:
        """True when nothing is asked: the model is only to be loaded or unloaded."""
        return not self.messages if self.messages is not None else not (self.prompt or self.suffix or self.images)

    @property
    def all_images(self) -> list[bytes]:
        return [*self.images, *(image for message in self.messages or () for image in message.images)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedBody:
    model: str
    inputs: Sequence[str]
    truncate: bool = True
    dimensions: int | None = None
    options: Mapping[str, Any]
    keep_alive_s: float | None = None


def read_json(request: HttpRequest, limit_bytes: int) -> dict[str, Any]:
    """Return the body's object.

    Raises:
        BodyTooLarge
        InvalidRequest: Missing, not JSON, or not an object.
    """
    body = read_bytes(request, limit_bytes)
    if not body.strip():
        raise InvalidRequest("missing request body")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        hint = "; strings are written in double quotes" if body.lstrip().startswith((b"{'", b"'")) else ""
        raise InvalidRequest(f"the request body is not valid JSON: {exc}{hint}") from exc
    if not isinstance(value, dict):
        raise InvalidRequest("the request body must be a JSON object")
    return value


def read_bytes(request: HttpRequest, limit_bytes: int) -> bytes:
    """Return the body as it came. Raises BodyTooLarge, InvalidRequest."""
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        raise InvalidRequest("the Content-Length header is not a number") from None
    if length > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    try:
        body = request.read(limit_bytes + 1)
    except RawPostDataException as exc:
        raise RuntimeError("the body was read twice") from exc
    if len(body) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    return body


def parse_chat(body: Mapping[str, Any]) -> AnswerBody:
    return AnswerBody(
        model=parse_model(body),
        messages=parse_messages(body),
        stream=typed_field(body, "stream", bool, True),
        think=_think(body),
        tools=parse_tools(body),
        options=typed_field(body, "options", dict, {}),
        keep_alive_s=parse_keep_alive(body),
        format=_format(body),
        top_logprobs=_top_logprobs(body),
        truncate=typed_field(body, "truncate", bool, False),
        shift=typed_field(body, "shift", bool, False),
    )


def parse_generate(body: Mapping[str, Any]) -> AnswerBody:
    parsed = AnswerBody(
        model=parse_model(body),
        prompt=typed_field(body, "prompt", str, ""),
        images=parse_images(body),
        system=typed_field(body, "system", str, ""),
        suffix=typed_field(body, "suffix", str, ""),
        context=_context(body),
        template=typed_field(body, "template", str, ""),
        raw=typed_field(body, "raw", bool, False),
        stream=typed_field(body, "stream", bool, True),
        think=_think(body),
        options=typed_field(body, "options", dict, {}),
        keep_alive_s=parse_keep_alive(body),
        format=_format(body),
        top_logprobs=_top_logprobs(body),
        truncate=typed_field(body, "truncate", bool, False),
        shift=typed_field(body, "shift", bool, False),
    )
    if parsed.raw and (parsed.system or parsed.template or parsed.context):
        raise InvalidRequest("raw mode does not support template, system, or context")
    if parsed.raw and parsed.images:
        raise InvalidRequest("raw mode does not support images")
    if parsed.suffix and parsed.images:
        raise InvalidRequest("suffix does not support images")
    return parsed


def parse_embed(body: Mapping[str, Any]) -> EmbedBody:
    given = body.get("input")
    inputs = [given] if isinstance(given, str) and given else given or []
    if not isinstance(inputs, list) or not all(isinstance(text, str) for text in inputs):
        raise InvalidRequest("invalid input type")
    return _embed_body(body, inputs)


def parse_embeddings(body: Mapping[str, Any]) -> EmbedBody:
    """Read the body of the older route, which takes one `prompt`."""
    prompt = typed_field(body, "prompt", str, "")
    return _embed_body(body, [prompt] if prompt else [])


def _embed_body(body: Mapping[str, Any], inputs: Sequence[str]) -> EmbedBody:
    if len(inputs) > MAX_INPUTS:
        raise InvalidRequest(f"input may hold at most {MAX_INPUTS} texts")
    dimensions = typed_field(body, "dimensions", int, 0)
    if dimensions < 0:
        raise InvalidRequest("dimensions must not be negative")
    return EmbedBody(
        model=parse_model(body),
        inputs=inputs,
        truncate=typed_field(body, "truncate", bool, True),
        dimensions=dimensions or None,
        options=typed_field(body, "options", dict, {}),
        keep_alive_s=parse_keep_alive(body),
    )


def parse_model(body: Mapping[str, Any]) -> str:
    """Return the model's name; older clients call the field `name`."""
    model = typed_field(body, "model", str, "") or typed_field(body, "name", str, "")
    if not model.strip():
        raise InvalidRequest("model is required")
    return model


def parse_flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    return typed_field(body, name, bool, default)


def parse_count(body: Mapping[str, Any], name: str) -> int:
    count = typed_field(body, name, int, -1)
    if count < 0:
        raise InvalidRequest(f"{name} must be a whole number, 0 or more")
    return count


def parse_text(body: Mapping[str, Any], name: str) -> str:
    text = typed_field(body, name, str, "")
    if not text:
        raise InvalidRequest(f"{name} is required")
    return text


def _think(body: Mapping[str, Any]) -> Think | None:
    value = body.get("think")
    if value is None or isinstance(value, bool) or value in ("high", "medium", "low"):
        return cast(Think | None, value)
    raise InvalidRequest(f'invalid think value: {value!r:.60} (must be "high", "medium", "low", true, or false)')


def parse_keep_alive(body: Mapping[str, Any]) -> float | None:
    """Return how many seconds the model shall stay loaded; None when the request does not say."""
    value = body.get("keep_alive")
    if value is None:
        return None
    try:
        return parse_duration(value)
    except ValueError as exc:
        raise InvalidRequest(str(exc)) from None


def _format(body: Mapping[str, Any]) -> ResponseFormat | None:
    value = body.get("format")
    if value is None or value == "":
        return None
    if value == "json" or isinstance(value, dict):
        return cast(ResponseFormat, value)
    raise InvalidRequest(f'invalid format: {str(value)[:40]!r}; expected "json" or a valid JSON Schema object')


def _context(body: Mapping[str, Any]) -> Sequence[int]:
    tokens = typed_field(body, "context", list, [])
    if len(tokens) > MAX_CONTEXT:
        raise InvalidRequest(f"context may hold at most {MAX_CONTEXT} tokens")
    if not all(type(token) is int and 0 <= token < 2**31 for token in tokens):
        raise InvalidRequest("context must be an array of tokens, as an earlier answer gave it")
    return tokens


def _top_logprobs(body: Mapping[str, Any]) -> int | None:
    top = typed_field(body, "top_logprobs", int, 0)
    if not 0 <= top <= MOST_LOGPROBS:
        raise InvalidRequest(f"top_logprobs must be between 0 and {MOST_LOGPROBS}")
    return top if typed_field(body, "logprobs", bool, False) else None
