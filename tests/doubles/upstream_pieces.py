"""What the upstream double answers with: the pieces of an answer, how they are spoiled, and the shapes of errors."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from aiohttp import web

Mode = Literal["words", "echo", "think", "think-tags", "stamp"]
Fault = Literal[
    "",
    # Whole answers, on every route:
    "status",  # the error status `Behaviour.status` with an error body
    "html",  # an HTML page with status 200
    "hang",  # nothing at all, until the client leaves
    "redirect",  # to `Behaviour.redirect_to`
    # Inside a stream, after `at` pieces:
    "drop",  # the connection is reset
    "truncate",  # the body ends in good order, without the last line
    "error",  # an error object in the stream, with status 200
    "garbage",  # bytes that are neither JSON nor UTF-8
    "stall",  # the stream stays open and silent
    "huge-line",  # a line without an end
    "control",  # events and fields that nobody asked for
    "negative",  # counts and durations below zero
]

WORDS = ("The ", "model ", "answers ", "with ", "a ", "list ", "of ", "short ", "words. ")
N_DIMS = 384
CREATED_AT = "2026-01-01T00:00:00.000000Z"
DIRECTIVE = re.compile(r"@fake((?: +[a-z_]+=[\w.:/-]+)+)")
JsonObject = dict[str, Any]
ProtocolName = Literal["ollama", "openai", "anthropic"]
Reason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a request is answered.

    Attributes:
        answer: The text to stream; without it `mode` makes `tokens` pieces.
        rate: Pieces per second, 0 for as fast as possible.
        delay: Milliseconds before the first piece.
        at: Pieces sent before `fault` strikes.
        window: So many words of a prompt are read, and counted, as an Ollama with a small window does; 0 for all.
        replies: What is answered instead where a prompt has a text in it: (text, answer), the first that fits.
    """

    answer: str = ""
    mode: Mode = "words"
    tokens: int = 5
    rate: float = 0
    delay: float = 0
    fault: Fault = ""
    at: int = 0
    status: int = 500
    redirect_to: str = ""
    window: int = 0
    replies: tuple[tuple[str, str], ...] = ()

    def steered_by(self, prompt: str) -> Behaviour:
        """Return this behaviour, changed by the last `@fake` of a prompt."""
        if reply := next((answer for text, answer in self.replies if text in prompt), None):
            return replace(self, answer=reply)
        found = DIRECTIVE.findall(prompt)
        if not found:
            return self
        words = dict(word.split("=", 1) for word in found[-1].split())
        types = {"tokens": int, "at": int, "window": int, "status": int, "rate": float, "delay": float}
        return replace(self, **{key: types.get(key, str)(value) for key, value in words.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeModel:
    name: str
    size_bytes: int = 4_000_000_000
    family: str = "fake"
    parameter_size: str = "7B"
    quantization: str = "Q4_K_M"
    context_length: int = 8192
    capabilities: tuple[str, ...] = ("completion",)
    has_digest: bool = True
    """Some services that speak Ollama's protocol list their models without digests."""
    source: str = "pulled"
    verdict: JsonObject = field(default_factory=dict)
    contents: JsonObject = field(default_factory=dict)
    calls: tuple[JsonObject, ...] = ()
    """What it calls when it is given tools: objects with a `name` and `arguments`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How one protocol writes the parts of a stream."""

    content_type: str
    piece: Callable[[Piece], bytes]
    end: Callable[[int, Reason], bytes]
    error: Callable[[str], bytes]
    control: bytes
    negative_end: bytes
    begin: bytes = b""


@dataclass(frozen=True, slots=True)
class Piece:
    text: str = ""
    is_thinking: bool = False
    call: JsonObject | None = None

    def render(self) -> str:
        """Return the text; a stamp is the clock at the moment of sending, in microseconds."""
        return f"{time.monotonic_ns() // 1000} " if self.text == "<stamp>" else self.text


def pieces_of(behaviour: Behaviour, prompt: str) -> list[Piece]:
    if behaviour.answer:
        return [Piece(text) for text in re.findall(r"\s*\S+\s*?|\s+$", behaviour.answer)]
    words = [WORDS[number % len(WORDS)] for number in range(behaviour.tokens)]
    match behaviour.mode:
        case "echo":
            return [Piece(text) for text in re.findall(r"\s*\S+", prompt[-4000:])]
        case "stamp":
            return [Piece("<stamp>")] * behaviour.tokens
        case "think":
            return [Piece("Let me ", True), Piece("think.", True), *map(Piece, words)]
        case "think-tags":
            return [Piece("<thi"), Piece("nk>Let me "), Piece("think.</th"), Piece("ink>"), *map(Piece, words)]
    return [Piece(word) for word in words]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What of a request decides which pieces answer it.

    Attributes:
        schema: Of the JSON that is wanted; empty for any object.
        limit: At most so many pieces; -1 for all.
    """

    prompt: str
    has_tools: bool = False
    schema: JsonObject | None = None
    stop: str | list[str] | None = None
    limit: int | None = None


def answer_to(model: FakeModel, behaviour: Behaviour, wishes: Wishes) -> tuple[list[Piece], Reason]:
    """Return the pieces of an answer, and why it ends after them."""
    if wishes.schema is not None:
        pieces = [Piece(json.dumps(instance_of(wishes.schema)))]
    elif wishes.has_tools and model.calls:
        thinking = [Piece("The call, then.", is_thinking=True)] if "thinking" in model.capabilities else []
        return [*thinking, Piece("I look it up."), *(Piece(call=call) for call in model.calls)], "tool_calls"
    else:
        pieces = pieces_of(behaviour, wishes.prompt)
    stops = [wishes.stop] if isinstance(wishes.stop, str) else wishes.stop or []
    pieces = cut(pieces, stops) if stops else pieces
    if wishes.limit is not None and 0 <= wishes.limit < len(pieces):
        return pieces[: wishes.limit], "length"
    return pieces, "stop"


def cut(pieces: list[Piece], stops: list[str]) -> list[Piece]:
    """End the text before the first of some strings."""
    text = text_of(pieces)
    ends = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    return [Piece(part) for part in re.findall(r"\s*\S+", text[: min(ends)])] if ends else pieces


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.render() for piece in pieces if not piece.is_thinking)


def thinking_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if piece.is_thinking)


def calls_of(pieces: list[Piece]) -> list[JsonObject]:
    return [piece.call for piece in pieces if piece.call is not None]


def instance_of(schema: JsonObject) -> object:
    """Return the least that a JSON schema allows, of the words that tests use."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type", "object"):
        case "object":
            return {name: instance_of(inner) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return [instance_of(schema.get("items", {}))]
        case "boolean":
            return True
        case "integer" | "number":
            return 1
    return "text"


async def paced(pieces: list[Piece], behaviour: Behaviour) -> AsyncIterator[tuple[int, Piece]]:
    """Yield numbered pieces at absolute times, so that lateness does not add up."""
    loop = asyncio.get_running_loop()
    start = loop.time() + behaviour.delay / 1000
    for number, piece in enumerate(pieces):
        due = start + (number / behaviour.rate if behaviour.rate else 0)
        await asyncio.sleep(max(0.0, due - loop.time()))
        yield number, piece


async def strike(
    request: web.Request, response: web.StreamResponse, fault: str, wire: Wire, n_pieces: int, error_text: str
) -> web.StreamResponse:
    """Spoil a stream that has begun."""
    match fault:
        case "drop":
            assert request.transport
            request.transport.abort()
        case "error":
            await response.write(wire.error(error_text))
        case "garbage":
            await response.write(b"data: \xff\xfe\x00{{{ nonsense\n\n")
        case "stall":
            await asyncio.Event().wait()
        case "huge-line":
            while True:
                await response.write(b"x" * 65536)
        case "control":
            await response.write(wire.control + wire.piece(Piece("still here")) + wire.end(n_pieces, "stop"))
        case "negative":
            await response.write(wire.piece(Piece("below zero")) + wire.negative_end)
    return response


OPENAI_KINDS = {401: "authentication_error", 404: "not_found_error", 400: "invalid_request_error"}
ANTHROPIC_KINDS = OPENAI_KINDS | {500: "api_error", 503: "overloaded_error"}
FIELD_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "messages": (list,),
    "stream": (bool,),
    "options": (dict,),
    "tools": (list,),
    "temperature": (int, float),
    "max_tokens": (int,),
    "n": (int,),
    "prompt": (str, list),
    "input": (str, list),
}


def protocol_of(path: str) -> ProtocolName:
    if path.startswith("/v1/messages"):
        return "anthropic"
    return "openai" if path.startswith("/v1") else "ollama"


def error_response(text: str, status: int, protocol: ProtocolName, code: str | None = None) -> web.Response:
    """Return an error as its protocol shapes it."""
    match protocol:
        case "ollama":
            body: JsonObject = {"error": text}
        case "openai":
            kind = OPENAI_KINDS.get(status, "server_error")
            body = {"error": {"message": text, "type": kind, "param": None, "code": code}}
        case "anthropic":
            kind = ANTHROPIC_KINDS.get(status, "invalid_request_error")
            body = {"type": "error", "error": {"type": kind, "message": text}}
    return web.json_response(body, status=status)


def not_found(name: str, protocol: ProtocolName) -> web.Response:
    return error_response(f"model '{name}' not found", 404, protocol, "model_not_found")


async def body_of(request: web.Request) -> JsonObject:
    """Return the body's object. Raises ValueError with a sentence for the client."""
    try:
        body = await request.json()
    except ValueError as exc:
        raise ValueError(f"the request body is not valid JSON: {exc}") from exc
    if not isinstance(body, dict):
        raise ValueError("the request body must be a JSON object")
    for name, kinds in FIELD_TYPES.items():
        value = body.get(name)
        if value is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            raise ValueError(f"{name} has the wrong type")
    if not all(isinstance(message, dict) for message in body.get("messages") or ()):
        raise ValueError("each of messages must be an object")
    return body


def prompt_of(body: JsonObject) -> str:
    messages = body.get("messages")
    if isinstance(messages, list):
        return "\n".join(str(message.get("content", "")) for message in messages)
    return str(body.get("prompt", ""))


def ranking_of(body: JsonObject) -> JsonObject:
    """Return the answer of a rerank route: documents that share words with the query come first."""
    query = set(body["query"].split())
    shares = [len(query & set(text.split())) / len(query) for text in body["documents"]]
    results = [{"index": index, "relevance_score": share} for index, share in enumerate(shares)]
    results.sort(key=lambda result: -result["relevance_score"])
    return {"model": body["model"], "object": "list", "results": results}


def embedding_of(text: str) -> list[float]:
    """Return a hashed bag of words of length 1: texts that share words lie close together."""
    vector = [0.0] * N_DIMS
    for word in re.findall(r"\w+", text.lower()) or ["nothing"]:
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        vector[int.from_bytes(digest[:4], "little") % N_DIMS] += 1.0 if digest[4] & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]
