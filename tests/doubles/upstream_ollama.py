"""The routes of Ollama, and ours under `/hearth/`, of the upstream double."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from tests.doubles.upstream_pieces import (
    CREATED_AT,
    FakeModel,
    JsonObject,
    Piece,
    Reason,
    Wire,
    Wishes,
    answer_to,
    calls_of,
    error_response,
    prompt_of,
    text_of,
    thinking_of,
)

if TYPE_CHECKING:
    from tests.doubles.upstream import Upstream


class OllamaRoutes:
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.home),
            web.get("/api/version", self.version),
            web.get("/api/tags", self.tags),
            web.get("/api/ps", self.ps),
            web.post("/api/show", self.show),
            web.post("/api/chat", self.chat),
            web.post("/api/generate", self.generate),
            web.post("/api/embed", self.embed),
            web.post("/api/embeddings", self.embeddings),
            web.post("/api/pull", self.pull),
            web.delete("/api/delete", self.delete),
            web.get("/hearth/stores", self.stores),
            web.get("/hearth/status", self.status),
            web.get("/hearth/settings", self.settings),
            web.get("/hearth/library", self.library),
            web.get("/hearth/uploads", self.uploads),
            web.post("/hearth/attach", self.attach),
            web.post("/hearth/contents", self.contents),
            web.post("/hearth/forecast", self.forecast),
            web.post("/hearth/load", self.load_with),
            web.post("/hearth/kept", self.keep),
            web.post("/api/create", self.create),
        ]

    async def home(self, request: web.Request) -> web.Response:
        return web.Response(text="Ollama is running")

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.12.0"})

    async def tags(self, request: web.Request) -> web.Response:
        return web.json_response({"models": [self.card(model) for model in self.upstream.models]})

    async def ps(self, request: web.Request) -> web.Response:
        cards = [
            self.card(model)
            | {
                "expires_at": datetime.now(UTC).isoformat(),
                "size_vram": 0,
                "context_length": model.context_length,
            }
            for model in self.upstream.models
            if model.name in self.upstream.loaded
        ]
        return web.json_response({"models": cards})

    async def show(self, request: web.Request) -> web.Response:
        model = self.find((await request.json()).get("model", ""))
        return web.json_response(
            {
                "modelfile": "",
                "parameters": "",
                "template": "{{ .Prompt }}",
                "details": self.card(model)["details"],
                "model_info": {
                    "general.architecture": model.family,
                    f"{model.family}.context_length": model.context_length,
                },
                "capabilities": list(model.capabilities),
                "modified_at": CREATED_AT,
            }
        )

    async def chat(self, request: web.Request) -> web.StreamResponse:
        return await self.answer(request, "messages")

    async def generate(self, request: web.Request) -> web.StreamResponse:
        return await self.answer(request, "prompt")

    async def answer(self, request: web.Request, key: str) -> web.StreamResponse:
        body = await request.json()
        model = self.find(body.get("model", ""))
        if not body.get(key):
            return self.load_or_unload(model, body, is_chat=key == "messages")
        if body.get("format") and body["format"] != "json" and not isinstance(body["format"], dict):
            return error_response(f"invalid format: {body['format']}", 400, "ollama")
        if "completion" not in model.capabilities:
            return error_response(f'"{body["model"]}" does not support chat', 400, "ollama")
        if body.get("tools") and "tools" not in model.capabilities:
            return error_response(f'"{body["model"]}" does not support tools', 400, "ollama")

        self.upstream.loaded.add(model.name)
        wishes = wishes_of(body)
        behaviour = self.upstream.behaviour_of(body["model"], wishes.prompt)
        n_words = len(wishes.prompt.split())
        n_read = min(n_words, behaviour.window or n_words)
        wire = ollama_wire(body["model"], is_chat=key == "messages", n_prompt_tokens=n_read)
        if body.get("stream", True):
            return await self.upstream.stream(request, behaviour, wire, model, wishes)

        await asyncio.sleep(behaviour.delay / 1000)
        pieces, reason = answer_to(model, behaviour, wishes)
        content: JsonObject = {"role": "assistant", "content": text_of(pieces)}
        if calls := calls_of(pieces):
            content["tool_calls"] = [{"function": call} for call in calls]
        if thinking := thinking_of(pieces):
            content["thinking"] = thinking
        told = {"message": content} if key == "messages" else {"response": text_of(pieces)}
        return web.json_response(json.loads(wire.end(len(pieces), reason)) | told)

    def load_or_unload(self, model: FakeModel, body: JsonObject, *, is_chat: bool) -> web.Response:
        """A request without a prompt loads a model, or unloads it with `keep_alive` 0."""
        reason = "unload" if body.get("keep_alive") == 0 else "load"
        self.upstream.loaded.discard(model.name)
        if reason == "load":
            self.upstream.loaded.add(model.name)
        content: JsonObject = {"message": {"role": "assistant", "content": ""}} if is_chat else {"response": ""}
        return web.json_response(
            {"model": body["model"], "created_at": CREATED_AT, "done": True, "done_reason": reason} | content
        )

    async def embed(self, request: web.Request) -> web.Response:
        body = await request.json()
        model = self.find(body.get("model", ""))
        given = body.get("input") or []
        texts = [given] if isinstance(given, str) else given
        return web.json_response(
            {
                "model": model.name,
                "embeddings": [self.upstream.embed(text) for text in texts],
                "total_duration": 1_000_000,
                "load_duration": 1_000,
                "prompt_eval_count": sum(len(text.split()) for text in texts),
            }
        )

    async def embeddings(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.find(body.get("model", ""))
        return web.json_response({"embedding": self.upstream.embed(body.get("prompt", ""))})

    async def pull(self, request: web.Request) -> web.StreamResponse:
        name = (await request.json())["model"]
        steps = self.upstream.pull_steps or [
            {"status": "pulling manifest"},
            *({"status": "pulling 1a2b", "digest": "sha256:1a2b", "total": 100, "completed": n} for n in (0, 50, 100)),
            {"status": "verifying sha256 digest"},
            {"status": "success"},
        ]
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        behaviour = self.upstream.behaviour
        self.upstream.n_active += 1
        is_finished = False
        try:
            for step in steps:
                await response.write(json.dumps(step).encode() + b"\n")
                await asyncio.sleep(1 / behaviour.rate if behaviour.rate else 0)
            is_finished = True
        finally:
            self.upstream.n_active -= 1
            self.upstream.n_aborted += not is_finished
        if steps[-1].get("status") == "success":
            self.upstream.models.append(FakeModel(name=name if ":" in name else f"{name}:latest"))
        await response.write_eof()
        return response

    async def delete(self, request: web.Request) -> web.Response:
        self.upstream.models.remove(self.find((await request.json()).get("model", "")))
        return web.Response()

    async def stores(self, request: web.Request) -> web.Response:
        return web.json_response({"stores": self.upstream.stores})

    async def settings(self, request: web.Request) -> web.Response:
        meaning = "How long a model stays loaded after its last use; `-1` for ever, `0` not at all."
        setting = {"default": "5m", "support": "honoured", "meaning": meaning}
        unused = {"default": "", "support": "not supported", "meaning": "llama.cpp decides."}
        settings = [
            setting | {"name": "OLLAMA_KEEP_ALIVE", "value": "24h"},
            unused | {"name": "OLLAMA_VULKAN", "value": "1"},
        ]
        cpu = {
            "name": "CPU",
            "description": "A processor",
            "type": "cpu",
            "memory_bytes": 8_000_000_000,
            "free_bytes": 0,
        }
        return web.json_response({"settings": settings, "devices": [cpu], "no_gpu_reason": self.upstream.no_gpu_reason})

    async def status(self, request: web.Request) -> web.Response:
        runners = [
            {
                "name": model.name,
                "state": "ready",
                "rss_bytes": model.size_bytes,
                "forecast_bytes": model.size_bytes,
                "cache_bytes": model.size_bytes // 8,
                "card_bytes": self.upstream.card_bytes,
                "context_length": model.context_length,
                "n_slots": 4,
                "n_active": 0,
                "expires_at": datetime.now(UTC).isoformat(),
            }
            for model in self.upstream.models
            if model.name in self.upstream.loaded
        ]
        return web.json_response({"models": runners, "n_waiting": 0, "broken": self.upstream.broken_files})

    async def library(self, request: web.Request) -> web.Response:
        disk = {"models_bytes": sum(model.size_bytes for model in self.upstream.models)}
        memory = {"free_bytes": self.upstream.memory_bytes, "total_bytes": 16_000_000_000}
        models = [self.entry(model) for model in self.upstream.models]
        return web.json_response({"models": models, "disk": disk | self.upstream.disk, "memory": memory})

    def entry(self, model: FakeModel) -> JsonObject:
        planned = {
            "context_length": min(model.context_length, 8192),
            "n_slots": 4,
            "weights_bytes": model.size_bytes,
            "cache_bytes": 500_000_000,
            "work_bytes": 100_000_000,
        }
        verdict = {"planned": planned, "free_bytes": self.upstream.memory_bytes, "best": None, "quantization": ""}
        return {
            "name": model.name,
            "source": model.source,
            "path": f"/models/{model.name}.gguf",
            "is_ours": model.source in ("folder", "pulled"),
            "fit": verdict | model.verdict,
        }

    async def contents(self, request: web.Request) -> web.Response:
        model = self.find((await request.json()).get("model", ""))
        told = {
            "name": model.name,
            "source": model.source,
            "is_ours": model.source in ("folder", "pulled"),
            "size_bytes": model.size_bytes,
            "family": model.family,
            "parameter_size": model.parameter_size,
            "quantization": model.quantization,
            "context_length": model.context_length,
            "capabilities": list(model.capabilities),
        }
        return web.json_response(told | model.contents | {"kept": self.upstream.kept.get(model.name, {})})

    async def forecast(self, request: web.Request) -> web.Response:
        body = await request.json()
        fit = self.entry(self.find(body["model"]))["fit"]
        given = {"context_length": body["settings"]["num_ctx"], "n_slots": body["settings"]["num_parallel"]}
        return web.json_response(fit | {"planned": fit["planned"] | {name: n for name, n in given.items() if n}})

    async def load_with(self, request: web.Request) -> web.Response:
        model = self.find((await request.json())["model"])
        if model.size_bytes > self.upstream.memory_bytes:
            return error_response("model requires more system memory than is available", 500, "ollama")
        self.upstream.loaded.add(model.name)
        return web.json_response({})

    async def keep(self, request: web.Request) -> web.Response:
        body = await request.json()
        given = {name: value for name, value in body["settings"].items() if value is not None}
        self.upstream.kept[self.find(body["model"]).name] = given
        return web.json_response({"settings": given})

    async def create(self, request: web.Request) -> web.Response:
        name = (await request.json())["model"]
        steps = self.upstream.create_steps or [{"status": "writing manifest"}, {"status": "success"}]
        if steps[-1].get("status") == "success" and self.upstream.find(name) is None:
            self.upstream.models.append(FakeModel(name=name if ":" in name else f"{name}:latest"))
        lines = b"".join(json.dumps(step).encode() + b"\n" for step in steps)
        return web.Response(body=lines, content_type="application/x-ndjson")

    async def uploads(self, request: web.Request) -> web.Response:
        return web.json_response({"uploads": self.upstream.uploads})

    async def attach(self, request: web.Request) -> web.Response:
        path = (await request.json())["path"]
        if not path.startswith("/"):
            return error_response(f"{path} does not exist", 400, "ollama")
        name = path.rsplit("/", 1)[-1].removesuffix(".gguf").lower()
        model = FakeModel(name=f"{name}:latest")
        self.upstream.models.append(model)
        return web.json_response({"models": [self.card(model)]})

    def find(self, name: str) -> FakeModel:
        if not name:
            raise web.HTTPBadRequest(text=json.dumps({"error": "model is required"}), content_type="application/json")
        model = self.upstream.find(name)
        if model is None:
            raise web.HTTPNotFound(
                text=json.dumps({"error": f"model '{name}' not found"}), content_type="application/json"
            )
        return model

    def card(self, model: FakeModel) -> JsonObject:
        return {
            "name": model.name,
            "model": model.name,
            "modified_at": CREATED_AT,
            "size": model.size_bytes,
            "digest": hashlib.sha256(model.name.encode()).hexdigest() if model.has_digest else "",
            "details": {
                "parent_model": "",
                "format": "gguf",
                "family": model.family,
                "families": [model.family],
                "parameter_size": model.parameter_size,
                "quantization_level": model.quantization,
            },
        }


def wishes_of(body: JsonObject) -> Wishes:
    options = body.get("options") or {}
    form = body.get("format")
    return Wishes(
        prompt=prompt_of(body),
        has_tools=bool(body.get("tools")),
        schema={} if form == "json" else form or None,
        stop=options.get("stop"),
        limit=options.get("num_predict"),
    )


def ollama_wire(model: str, *, is_chat: bool, n_prompt_tokens: int) -> Wire:
    start_ns = time.monotonic_ns()

    def line(values: JsonObject) -> bytes:
        return json.dumps({"model": model, "created_at": CREATED_AT} | values).encode() + b"\n"

    def content(piece: Piece) -> JsonObject:
        text, thinking = ("", piece.text) if piece.is_thinking else (piece.render(), "")
        extras: JsonObject = {"thinking": thinking} if thinking else {}
        if not is_chat:
            return {"response": text} | extras
        if piece.call is not None:
            extras["tool_calls"] = [{"function": piece.call}]
        return {"message": {"role": "assistant", "content": text} | extras}

    def end(n_pieces: int, reason: Reason, sign: int = 1) -> bytes:
        elapsed_ns = time.monotonic_ns() - start_ns
        return line(
            content(Piece())
            | {
                "done": True,
                "done_reason": "length" if reason == "length" else "stop",
                "total_duration": sign * elapsed_ns,
                "load_duration": sign * 1_000,
                "prompt_eval_count": sign * max(1, n_prompt_tokens),
                "prompt_eval_duration": sign * 1_000,
                "eval_count": sign * n_pieces,
                "eval_duration": sign * elapsed_ns,
            }
        )

    return Wire(
        content_type="application/x-ndjson",
        piece=lambda piece: line(content(piece) | {"done": False}),
        end=end,
        error=lambda text: json.dumps({"error": text}).encode() + b"\n",
        control=line(
            content(Piece())
            | {"done": False, "type": "execute", "event": "chat:message", "data": {"code": "alert(1)"}, "id": ["x"]}
        ),
        negative_end=end(7, "stop", -1),
    )
