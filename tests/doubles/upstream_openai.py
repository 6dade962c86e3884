"""OpenAI's older routes of the upstream double: chats, completions, embeddings and models."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.doubles.upstream_pieces import (
    FakeModel,
    JsonObject,
    Piece,
    Reason,
    Wire,
    Wishes,
    answer_to,
    calls_of,
    error_response,
    not_found,
    prompt_of,
    text_of,
    thinking_of,
)

if TYPE_CHECKING:
    from tests.doubles.upstream import Upstream

CREATED = 1_767_225_600
MAX_CHOICES = 16


class OpenAIRoutes:
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/models", self.models),
            web.get("/v1/models/{name}", self.model),
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/completions", self.completions),
            web.post("/v1/embeddings", self.embeddings),
            web.post("/v1/rerank", self.rerank),
        ]

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [card(model.name) for model in self.upstream.models]})

    async def model(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response(card(name)) if self.upstream.find(name) else not_found(name, "openai")

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not body.get("messages"):
            return error_response("messages must hold at least one message", 400, "openai")
        return await self.answer(request, body, is_chat=True)

    async def completions(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not body.get("prompt"):
            return error_response("prompt is required", 400, "openai")
        return await self.answer(request, body, is_chat=False)

    async def answer(self, request: web.Request, body: JsonObject, *, is_chat: bool) -> web.StreamResponse:
        name = body.get("model") or ""
        if not name:
            return error_response("model is required", 400, "openai")
        model = self.upstream.find(name)
        if model is None:
            return not_found(name, "openai")
        if refusal := refusal_of(model, body):
            return refusal
        if self.upstream.refuses_stream_options and "stream_options" in body:
            return error_response("Unrecognized request argument supplied: stream_options", 400, "openai")

        n = 1 if body.get("n") is None else body["n"]
        if not 1 <= n <= MAX_CHOICES:
            return error_response(f"n must be between 1 and {MAX_CHOICES}", 400, "openai")
        wishes = wishes_of(body)
        behaviour = self.upstream.behaviour_of(body["model"], wishes.prompt)
        n_prompt_tokens = max(1, len(wishes.prompt.split()))
        if body.get("stream"):
            wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            wire = openai_wire(name, is_chat=is_chat, wants_usage=wants_usage, n_prompt_tokens=n_prompt_tokens, n=n)
            return await self.upstream.stream(request, behaviour, wire, model, wishes)

        await asyncio.sleep(behaviour.delay / 1000)
        pieces, reason = answer_to(model, behaviour, wishes)
        told: JsonObject = {"message": message(pieces)} if is_chat else {"text": text_of(pieces)}
        return web.json_response(
            frame(name, is_chat=is_chat)
            | {
                "choices": [{"index": index, "finish_reason": reason, "logprobs": None} | told for index in range(n)],
                "usage": openai_usage(n_prompt_tokens, n * len(pieces)),
            }
        )

    async def embeddings(self, request: web.Request) -> web.Response:
        body = await request.json()
        name = body.get("model") or ""
        if not body.get("input"):
            return error_response("input is required", 400, "openai")
        if self.upstream.find(name) is None:
            return not_found(name, "openai")
        if body.get("encoding_format") not in (None, "float", "base64"):
            return error_response("encoding_format must be float or base64", 400, "openai")
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        vectors: list[Any] = [self.upstream.embed(text) for text in texts]
        if body.get("encoding_format") == "base64":
            told: list[object] = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors]
        else:
            told = list(vectors)
        data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(told)]
        n_tokens = sum(max(1, len(text.split())) for text in texts)
        usage = {"prompt_tokens": n_tokens, "total_tokens": n_tokens}
        return web.json_response({"object": "list", "model": name, "data": data, "usage": usage})

    async def rerank(self, request: web.Request) -> web.Response:
        return web.json_response(self.upstream.rank(await request.json()))


def card(name: str) -> JsonObject:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "library"}


def refusal_of(model: FakeModel, body: JsonObject) -> web.Response | None:
    """Return why a model cannot do what is asked, in OpenAI's shape."""
    if "completion" not in model.capabilities:
        return error_response(f'"{body["model"]}" does not support chat', 400, "openai")
    if body.get("tools") and "tools" not in model.capabilities:
        return error_response(f'"{body["model"]}" does not support tools', 400, "openai")
    return None


def wishes_of(body: JsonObject) -> Wishes:
    form = body.get("response_format") or {}
    kinds: dict[str | None, JsonObject] = {
        "json_object": {},
        "json_schema": (form.get("json_schema") or {}).get("schema", {}),
    }
    limit = body.get("max_completion_tokens")
    return Wishes(
        prompt=prompt_of(body),
        has_tools=bool(body.get("tools")),
        schema=kinds.get(form.get("type")),
        stop=body.get("stop"),
        limit=limit if limit is not None else body.get("max_tokens"),
    )


def message(pieces: list[Piece]) -> JsonObject:
    told: JsonObject = {"role": "assistant", "content": text_of(pieces)}
    if thinking := thinking_of(pieces):
        told["reasoning_content"] = thinking
    if calls := calls_of(pieces):
        told["tool_calls"] = [tool_call(call) for call in calls]
    return told


def tool_call(call: JsonObject) -> JsonObject:
    function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
    return {"id": f"call_{call['name']}", "type": "function", "function": function}


def openai_usage(n_prompt_tokens: int, n_pieces: int) -> JsonObject:
    return {
        "prompt_tokens": n_prompt_tokens,
        "completion_tokens": n_pieces,
        "total_tokens": n_prompt_tokens + n_pieces,
    }


def frame(model: str, *, is_chat: bool, is_chunk: bool = False) -> JsonObject:
    kind = "text_completion" if not is_chat else "chat.completion.chunk" if is_chunk else "chat.completion"
    return {"id": "chatcmpl-fake" if is_chat else "cmpl-fake", "object": kind, "created": CREATED, "model": model}


def openai_wire(model: str, *, is_chat: bool, wants_usage: bool, n_prompt_tokens: int, n: int = 1) -> Wire:
    """Write `n` choices that grow side by side."""

    def event(values: JsonObject) -> bytes:
        return b"data: " + json.dumps(frame(model, is_chat=is_chat, is_chunk=True) | values).encode() + b"\n\n"

    def choice(told: JsonObject, reason: str | None = None) -> bytes:
        held = {"delta": told} if is_chat else {"text": told.get("content", "")}
        return b"".join(event({"choices": [{"index": index, "finish_reason": reason} | held]}) for index in range(n))

    def piece(piece: Piece) -> bytes:
        if piece.call is not None:
            return choice({"tool_calls": [{"index": 0} | tool_call(piece.call)]})
        return choice({"reasoning_content" if piece.is_thinking else "content": piece.render()})

    def end(n_pieces: int, reason: Reason, sign: int = 1) -> bytes:
        usage = {"choices": [], "usage": openai_usage(sign * n_prompt_tokens, sign * n * n_pieces)}
        return choice({}, reason) + (event(usage) if wants_usage else b"") + b"data: [DONE]\n\n"

    return Wire(
        content_type="text/event-stream",
        begin=choice({"role": "assistant", "content": ""}) if is_chat else b"",
        piece=piece,
        end=end,
        error=lambda text: b"data: " + json.dumps({"error": {"message": text, "code": 500}}).encode() + b"\n\n",
        control=b'event: execute\nid: 7\nretry: 1\ndata: {"type": "execute", "code": "alert(1)"}\n\n: ping\n\n',
        negative_end=end(7, "stop", -1),
    )
