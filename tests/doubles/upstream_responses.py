"""OpenAI's newer route `/v1/responses` of the upstream double."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import TYPE_CHECKING

from aiohttp import web

from tests.doubles.upstream_openai import CREATED, refusal_of
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
)

if TYPE_CHECKING:
    from tests.doubles.upstream import Upstream


class ResponsesRoutes:
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/responses", self.responses)]

    async def responses(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        name, given = body.get("model") or "", body.get("input")
        if not given:
            return error_response("input must be a string or an array of items, and not empty", 400, "openai")
        model = self.upstream.find(name)
        if model is None:
            return not_found(name, "openai")
        if refusal := refusal_of(model, body):
            return refusal

        form = (body.get("text") or {}).get("format") or {}
        wishes = Wishes(
            prompt=given if isinstance(given, str) else prompt_of({"messages": given}),
            has_tools=bool(body.get("tools")),
            schema=form.get("schema") if form.get("type") == "json_schema" else None,
            limit=body.get("max_output_tokens"),
        )
        behaviour = self.upstream.behaviour_of(body["model"], wishes.prompt)
        n_prompt_tokens = max(1, len(wishes.prompt.split()))
        if body.get("stream"):
            wire = responses_wire(name, n_prompt_tokens)
            return await self.upstream.stream(request, behaviour, wire, model, wishes)

        await asyncio.sleep(behaviour.delay / 1000)
        pieces, reason = answer_to(model, behaviour, wishes)
        return web.json_response(ended(response(name), items(pieces), reason, n_prompt_tokens, len(pieces)))


def response(model: str) -> JsonObject:
    return {
        "id": "resp_fake",
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "model": model,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "usage": None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def items(pieces: list[Piece]) -> list[JsonObject]:
    said = [message_item(text_of(pieces))] if text_of(pieces) else []
    return said + [call_item(call) for call in calls_of(pieces)]


def message_item(text: str, status: str = "completed") -> JsonObject:
    content = [text_part(text)] if status == "completed" else []
    return {"id": "msg_fake", "type": "message", "role": "assistant", "status": status, "content": content}


def text_part(text: str) -> JsonObject:
    return {"type": "output_text", "text": text, "annotations": []}


def call_item(call: JsonObject) -> JsonObject:
    return {
        "id": "fc_fake",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_{call['name']}",
        "name": call["name"],
        "arguments": json.dumps(call["arguments"]),
    }


def ended(
    begun: JsonObject, output: list[JsonObject], reason: Reason, n_prompt_tokens: int, n_pieces: int
) -> JsonObject:
    is_cut = reason == "length"
    return begun | {
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "output": output,
        "usage": {
            "input_tokens": n_prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": n_pieces,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": n_prompt_tokens + n_pieces,
        },
    }


def responses_wire(model: str, n_prompt_tokens: int) -> Wire:
    """Write one item of text, opened before its first piece, and one item for each call."""
    numbers = count()
    said: list[str] = []
    output: list[JsonObject] = []

    def event(kind: str, **values: object) -> bytes:
        told = {"type": kind, "sequence_number": next(numbers), **values}
        return f"event: {kind}\ndata: {json.dumps(told)}\n\n".encode()

    def place() -> JsonObject:
        return {"item_id": "msg_fake", "output_index": len(output), "content_index": 0}

    def close_text() -> bytes:
        if not said:
            return b""
        text = "".join(said)
        item = message_item(text)
        written = event("response.output_text.done", **place(), text=text, logprobs=[])
        written += event("response.content_part.done", **place(), part=text_part(text))
        written += event("response.output_item.done", output_index=len(output), item=item)
        output.append(item)
        said.clear()
        return written

    def piece(piece: Piece) -> bytes:
        if piece.is_thinking:
            return b""
        if piece.call is not None:
            return close_text() + call(piece.call)
        written = b""
        if not said:
            item = message_item("", "in_progress")
            written += event("response.output_item.added", output_index=len(output), item=item)
            written += event("response.content_part.added", **place(), part=text_part(""))
        said.append(piece.render())
        return written + event("response.output_text.delta", **place(), delta=said[-1], logprobs=[])

    def call(asked: JsonObject) -> bytes:
        item = call_item(asked)
        where = {"item_id": item["id"], "output_index": len(output)}
        begun = item | {"arguments": "", "status": "in_progress"}
        written = event("response.output_item.added", output_index=len(output), item=begun)
        written += event("response.function_call_arguments.delta", **where, delta=item["arguments"])
        written += event(
            "response.function_call_arguments.done", **where, name=item["name"], arguments=item["arguments"]
        )
        written += event("response.output_item.done", output_index=len(output), item=item)
        output.append(item)
        return written

    def end(n_pieces: int, reason: Reason) -> bytes:
        written = close_text()
        last = ended(response(model), output, reason, n_prompt_tokens, n_pieces)
        return written + event(f"response.{last['status']}", response=last)

    begin = event("response.created", response=response(model))
    return Wire(
        content_type="text/event-stream",
        begin=begin + event("response.in_progress", response=response(model)),
        piece=piece,
        end=end,
        error=lambda text: event("error", code="server_error", message=text, param=None),
        control=b": ping\n\n",
        negative_end=b"",
    )
