"""An upstream that speaks Ollama and OpenAI on a real loopback port, and misbehaves when told to.

What it does comes from `Upstream.behaviour`, or from words in a prompt that a product merely forwards:

    @fake tokens=200 rate=50 delay=100 mode=echo
    @fake fault=drop at=3

`tests/contracts/` holds it to the same contract as the built-in model server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.doubles.serving import MAX_BODY_BYTES, AiohttpDouble
from tests.doubles.upstream_anthropic import AnthropicRoutes
from tests.doubles.upstream_ollama import OllamaRoutes
from tests.doubles.upstream_openai import OpenAIRoutes
from tests.doubles.upstream_pieces import (
    N_DIMS,
    Behaviour,
    FakeModel,
    JsonObject,
    Wire,
    Wishes,
    answer_to,
    body_of,
    embedding_of,
    error_response,
    paced,
    prompt_of,
    protocol_of,
    ranking_of,
    strike,
)
from tests.doubles.upstream_responses import ResponsesRoutes

__all__ = [
    "N_DIMS",
    "Behaviour",
    "FakeModel",
    "RecordedRequest",
    "SentAnswer",
    "Upstream",
    "default_models",
    "embedding_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request as it arrived. The names of its headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: JsonObject


@dataclass(slots=True)
class SentAnswer:
    """What has been sent of an answer: its pieces, and when each left, on the machine's monotonic clock."""

    prompt: str
    pieces: list[tuple[float, str]] = field(default_factory=list)


def default_models() -> list[FakeModel]:
    return [
        FakeModel(name="tiny:latest"),
        FakeModel(name="large:latest", parameter_size="70B", context_length=131072),
        FakeModel(name="embed:latest", capabilities=("embedding",), context_length=512),
    ]


@dataclass
class Upstream(AiohttpDouble):
    """One running double. Use as a context manager; every attribute may be changed while it runs."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    by_model: dict[str, Behaviour] = field(default_factory=dict)
    """Models that behave otherwise, by their names."""
    models: list[FakeModel] = field(default_factory=default_models)
    api_key: str | None = None
    requests: list[RecordedRequest] = field(default_factory=list)
    sent: list[SentAnswer] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)
    pull_steps: list[JsonObject] = field(default_factory=list)
    create_steps: list[JsonObject] = field(default_factory=list)
    kept: dict[str, JsonObject] = field(default_factory=dict)
    no_gpu_reason: str = "none is there"
    card_bytes: int = 0
    stores: list[JsonObject] = field(default_factory=list)
    broken_files: list[JsonObject] = field(default_factory=list)
    uploads: list[JsonObject] = field(default_factory=list)
    memory_bytes: int = 8_000_000_000
    disk: JsonObject = field(default_factory=lambda: {"free_bytes": 90_000_000_000, "total_bytes": 100_000_000_000})
    error_text: str = "the runner crashed"
    refusal_text: str = "told to fail"
    embed: Callable[[str], object] = embedding_of
    rank: Callable[[JsonObject], JsonObject] = ranking_of
    refuses_stream_options: bool = False
    may_end: bool = True
    """Whether the end of an answer is sent once its text is."""
    may_answer: bool = True
    """Whether the text of an answer is sent once its thinking is."""
    n_active: int = 0
    n_peak: int = 0
    n_started: int = 0
    n_finished: int = 0
    n_aborted: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def last(self, path: str) -> RecordedRequest:
        return [request for request in self.requests if request.path == path][-1]

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[self._guard])
        for kind in (OllamaRoutes, OpenAIRoutes, ResponsesRoutes, AnthropicRoutes):
            application.add_routes(kind(self).routes())
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        """Record the request, check its key, and strike with the faults that spoil a whole answer."""
        protocol = protocol_of(request.path)
        try:
            body = await body_of(request) if request.can_read_body else {}
        except ValueError as exc:
            return error_response(str(exc), 400, protocol)
        self.requests.append(
            RecordedRequest(
                method=request.method,
                path=request.path,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
            )
        )
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return error_response("invalid api key", 401, protocol)

        behaviour = self.behaviour_of(body.get("model"), prompt_of(body))
        match behaviour.fault:
            case "status":
                return error_response(self.refusal_text, behaviour.status, protocol)
            case "html":
                return web.Response(text="<!doctype html><title>Router login</title>", content_type="text/html")
            case "redirect":
                return web.Response(status=307, headers={"Location": behaviour.redirect_to})
            case "hang":
                await asyncio.Event().wait()
        response: web.StreamResponse = await handler(request)
        return response

    def behaviour_of(self, model: object, prompt: str) -> Behaviour:
        return self.by_model.get(str(model), self.behaviour).steered_by(prompt)

    def find(self, name: str) -> FakeModel | None:
        wanted = {name, f"{name}:latest"}
        return next((model for model in self.models if model.name in wanted), None)

    async def stream(
        self,
        request: web.Request,
        behaviour: Behaviour,
        wire: Wire,
        model: FakeModel,
        wishes: Wishes,
    ) -> web.StreamResponse:
        """Send the pieces of an answer at their times, each written on its own, and then the end."""
        response = web.StreamResponse(headers={"Content-Type": wire.content_type})
        self.n_started += 1
        self.n_active += 1
        self.n_peak = max(self.n_peak, self.n_active)
        is_finished = False
        self.sent.append(sent := SentAnswer(wishes.prompt))
        try:
            await response.prepare(request)
            pieces, reason = answer_to(model, behaviour, wishes)
            if wire.begin:
                await response.write(wire.begin)
            async for number, piece in paced(pieces, behaviour):
                if behaviour.fault and number == behaviour.at:
                    return await strike(request, response, behaviour.fault, wire, len(pieces), self.error_text)
                while not self.may_answer and not piece.is_thinking:
                    await asyncio.sleep(0.005)
                await response.write(wire.piece(piece))
                sent.pieces.append((time.monotonic(), "" if piece.is_thinking else piece.text))
            if behaviour.fault and behaviour.at >= len(pieces):
                return await strike(request, response, behaviour.fault, wire, len(pieces), self.error_text)
            while not self.may_end:
                await asyncio.sleep(0.005)
            await response.write(wire.end(len(pieces), reason))
            await response.write_eof()
            is_finished = True
            return response
        finally:
            self.n_active -= 1
            if is_finished:
                self.n_finished += 1
            else:
                self.n_aborted += 1
