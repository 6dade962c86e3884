"""Anthropic's route `/v1/messages` of the upstream double."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Literal

from aiohttp import web

from tests.doubles.upstream_pieces import (
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

Block = Literal["text", "thinking"]
REASONS: dict[Reason, str] = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


class AnthropicRoutes:
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/messages", self.messages)]

    async def messages(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        name = body.get("model") or ""
        if body.get("max_tokens") is None:
            return error_response("max_tokens is required", 400, "anthropic")
        if not body.get("messages"):
            return error_response("messages must hold at least one message", 400, "anthropic")
        model = self.upstream.find(name)
        if model is None:
            return not_found(name, "anthropic")
        if body.get("tools") and "tools" not in model.capabilities:
            return error_response(f'"{name}" does not support tools', 400, "anthropic")

        wishes = Wishes(
            prompt=prompt_of(body),
            has_tools=bool(body.get("tools")),
            stop=body.get("stop_sequences"),
            limit=body["max_tokens"],
        )
        behaviour = self.upstream.behaviour_of(body["model"], wishes.prompt)
        n_prompt_tokens = max(1, len(wishes.prompt.split()))
        if body.get("stream"):
            wire = anthropic_wire(name, n_prompt_tokens)
            return await self.upstream.stream(request, behaviour, wire, model, wishes)

        await asyncio.sleep(behaviour.delay / 1000)
        pieces, reason = answer_to(model, behaviour, wishes)
        whole = {"content": blocks(pieces), "stop_reason": REASONS[reason]}
        return web.json_response(message(name) | whole | {"usage": usage(n_prompt_tokens, len(pieces))})


def message(model: str) -> JsonObject:
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage(0, 0),
    }


def usage(n_prompt_tokens: int, n_pieces: int) -> JsonObject:
    return {"input_tokens": n_prompt_tokens, "output_tokens": n_pieces}


def blocks(pieces: list[Piece]) -> list[JsonObject]:
    thought = thinking_of(pieces)
    content = [{"type": "thinking", "thinking": thought, "signature": ""}] if thought else []
    if text := text_of(pieces):
        content.append({"type": "text", "text": text})
    return content + [tool_use(call) for call in calls_of(pieces)]


def tool_use(call: JsonObject) -> JsonObject:
    return {"type": "tool_use", "id": f"toolu_{call['name']}", "name": call["name"], "input": call["arguments"]}


def anthropic_wire(model: str, n_prompt_tokens: int) -> Wire:
    """Write blocks one after the other; text and thinking grow, a call comes in one delta."""
    opened: list[Block] = []
    n_blocks = 0

    def event(kind: str, **values: object) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **values})}\n\n".encode()

    def start(block: JsonObject) -> bytes:
        return event("content_block_start", index=n_blocks, content_block=block)

    def delta(**told: object) -> bytes:
        return event("content_block_delta", index=n_blocks, delta=told)

    def stop() -> bytes:
        nonlocal n_blocks
        n_blocks += 1
        return event("content_block_stop", index=n_blocks - 1)

    def close() -> bytes:
        if not opened:
            return b""
        opened.clear()
        return stop()

    def switch_to(kind: Block, block: JsonObject) -> bytes:
        if opened == [kind]:
            return b""
        written = close()
        opened.append(kind)
        return written + start(block)

    def piece(piece: Piece) -> bytes:
        if piece.call is not None:
            used = tool_use(piece.call)
            told = delta(type="input_json_delta", partial_json=json.dumps(used["input"]))
            return close() + start(used | {"input": {}}) + told + stop()
        if piece.is_thinking:
            written = switch_to("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            return written + delta(type="thinking_delta", thinking=piece.text)
        return switch_to("text", {"type": "text", "text": ""}) + delta(type="text_delta", text=piece.render())

    def end(n_pieces: int, reason: Reason) -> bytes:
        ended = {"stop_reason": REASONS[reason], "stop_sequence": None}
        counts = usage(n_prompt_tokens, n_pieces)
        return close() + event("message_delta", delta=ended, usage=counts) + event("message_stop")

    return Wire(
        content_type="text/event-stream",
        begin=event("message_start", message=message(model)),
        piece=piece,
        end=end,
        error=lambda text: event("error", error={"type": "api_error", "message": text}),
        control=b'event: ping\ndata: {"type": "ping"}\n\n',
        negative_end=b"",
    )
