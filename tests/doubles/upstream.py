"""An upstream that speaks Ollama and OpenAI on a real loopback port, and misbehaves when told to.

It runs in its own thread, so that synchronous tests, asynchronous tests and child processes can all use it.
What it does comes from `Upstream.behaviour`, or from words in a prompt that a product merely forwards:

    @fake tokens=200 rate=50 delay=100 mode=echo
    @fake fault=drop at=3

`tests/contracts/` holds it to the same contract as the built-in model server.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self

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
WHOLE_ANSWER_FAULTS = ("status", "html", "hang", "redirect")
JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a request is answered.

    Attributes:
        answer: The text to stream; without it `mode` makes `tokens` pieces.
        rate: Pieces per second, 0 for as fast as possible.
        delay: Milliseconds before the first piece.
        at: Pieces sent before `fault` strikes.
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

    def steered_by(self, prompt: str) -> Behaviour:
        """Return this behaviour, changed by the last `@fake` of a prompt."""
        found = DIRECTIVE.findall(prompt)
        if not found:
            return self
        words = dict(word.split("=", 1) for word in found[-1].split())
        types = {"tokens": int, "at": int, "status": int, "rate": float, "delay": float}
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
    source: str = "pulled"
    verdict: JsonObject = field(default_factory=dict)
    contents: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request as it arrived. The names of its headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: JsonObject


def default_models() -> list[FakeModel]:
    return [
        FakeModel(name="tiny:latest"),
        FakeModel(name="large:latest", parameter_size="70B", context_length=131072),
        FakeModel(name="embed:latest", capabilities=("embedding",), context_length=512),
    ]


@dataclass
class Upstream:
    """One running double. Use as a context manager; every attribute may be changed while it runs."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    models: list[FakeModel] = field(default_factory=default_models)
    api_key: str | None = None
    requests: list[RecordedRequest] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)
    pull_steps: list[JsonObject] = field(default_factory=list)
    create_steps: list[JsonObject] = field(default_factory=list)
    stores: list[JsonObject] = field(default_factory=list)
    broken_files: list[JsonObject] = field(default_factory=list)
    uploads: list[JsonObject] = field(default_factory=list)
    memory_bytes: int = 8_000_000_000
    disk: JsonObject = field(default_factory=lambda: {"free_bytes": 90_000_000_000, "total_bytes": 100_000_000_000})
    error_text: str = "the runner crashed"
    refuses_stream_options: bool = False
    n_active: int = 0
    n_peak: int = 0
    n_started: int = 0
    n_finished: int = 0
    n_aborted: int = 0
    port: int = 0
    _ready: threading.Event = field(default_factory=threading.Event)
    _loop: asyncio.AbstractEventLoop | None = None
    _stopping: asyncio.Event | None = None
    _thread: threading.Thread | None = None

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

    def wait_until(self, condition: Callable[[Self], bool], timeout_s: float = 5) -> None:
        """Block until a condition on this double holds; fail after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while not condition(self):
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {self}"
            time.sleep(0.005)

    async def wait_until_async(self, condition: Callable[[Self], bool], timeout_s: float = 5) -> None:
        await asyncio.to_thread(self.wait_until, condition, timeout_s)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="upstream", daemon=True)
        self._thread.start()
        assert self._ready.wait(10), "the upstream double did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._loop and self._stopping and self._thread
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        try:
            await self._stopping.wait()
        finally:
            # A connection accepted in this moment is known to the runner some rounds of the loop later, and a
            # closed one lets go of its socket some rounds later.
            await site.stop()
            await self._settle()
            await runner.cleanup()
            await self._settle()

    async def _settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[self._guard])
        ollama, openai = OllamaRoutes(self), OpenAIRoutes(self)
        application.add_routes([*ollama.routes(), *openai.routes()])
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        """Record the request, check its key, and strike with the faults that spoil a whole answer."""
        body = await request.json() if request.can_read_body else {}
        self.requests.append(
            RecordedRequest(
                method=request.method,
                path=request.path,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
            )
        )
        is_openai = request.path.startswith("/v1")
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return error_response("invalid api key", 401, is_openai=is_openai)

        behaviour = self.behaviour.steered_by(prompt_of(body))
        match behaviour.fault:
            case "status":
                return error_response("told to fail", behaviour.status, is_openai=is_openai)
            case "html":
                return web.Response(text="<!doctype html><title>Router login</title>", content_type="text/html")
            case "redirect":
                return web.Response(status=307, headers={"Location": behaviour.redirect_to})
            case "hang":
                await asyncio.Event().wait()
        response: web.StreamResponse = await handler(request)
        return response

    def find(self, name: str) -> FakeModel | None:
        wanted = {name, f"{name}:latest"}
        return next((model for model in self.models if model.name in wanted), None)

    async def stream(
        self,
        request: web.Request,
        behaviour: Behaviour,
        wire: Wire,
        prompt: str,
    ) -> web.StreamResponse:
        """Send the pieces of an answer at their times, each written on its own, and then the end."""
        response = web.StreamResponse(headers={"Content-Type": wire.content_type})
        self.n_started += 1
        self.n_active += 1
        self.n_peak = max(self.n_peak, self.n_active)
        is_finished = False
        try:
            await response.prepare(request)
            pieces = pieces_of(behaviour, prompt)
            async for number, piece in paced(pieces, behaviour):
                if behaviour.fault and number == behaviour.at:
                    return await strike(request, response, behaviour.fault, wire, len(pieces), self.error_text)
                await response.write(wire.delta(piece.render(), piece.is_thinking))
            if behaviour.fault and behaviour.at >= len(pieces):
                return await strike(request, response, behaviour.fault, wire, len(pieces), self.error_text)
            await response.write(wire.end(len(pieces)))
            await response.write_eof()
            is_finished = True
            return response
        finally:
            self.n_active -= 1
            if is_finished:
                self.n_finished += 1
            else:
                self.n_aborted += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How one protocol writes the parts of a stream."""

    content_type: str
    delta: Callable[[str, bool], bytes]
    end: Callable[[int], bytes]
    error: Callable[[str], bytes]
    control: bytes
    negative_end: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    is_thinking: bool = False

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
            await response.write(wire.control + wire.delta("still here", False) + wire.end(n_pieces))
        case "negative":
            await response.write(wire.delta("below zero", False) + wire.negative_end)
    return response


def error_response(text: str, status: int, *, is_openai: bool) -> web.Response:
    """Return an error as the protocol shapes it: Ollama says a text, OpenAI an object."""
    error: object = {"message": text, "type": "invalid_request_error", "code": None} if is_openai else text
    return web.json_response({"error": error}, status=status)


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
        if "completion" not in model.capabilities:
            return error_response(f'"{body["model"]}" does not support chat', 400, is_openai=False)

        self.upstream.loaded.add(model.name)
        prompt = prompt_of(body)
        behaviour = self.upstream.behaviour.steered_by(prompt)
        wire = ollama_wire(body["model"], is_chat=key == "messages", n_prompt_tokens=len(prompt.split()))
        if body.get("stream", True):
            return await self.upstream.stream(request, behaviour, wire, prompt)

        await asyncio.sleep(behaviour.delay / 1000)
        pieces = pieces_of(behaviour, prompt)
        text = "".join(piece.render() for piece in pieces if not piece.is_thinking)
        answer = json.loads(wire.end(len(pieces)))
        content = {"message": {"role": "assistant", "content": text}} if key == "messages" else {"response": text}
        return web.json_response(answer | content)

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
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        return web.json_response(
            {
                "model": model.name,
                "embeddings": [embedding_of(text) for text in texts],
                "total_duration": 1_000_000,
                "load_duration": 1_000,
                "prompt_eval_count": sum(len(text.split()) for text in texts),
            }
        )

    async def embeddings(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.find(body.get("model", ""))
        return web.json_response({"embedding": embedding_of(body.get("prompt", ""))})

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
        setting = {"default": "5m", "support": "honoured", "meaning": "How long a model stays loaded."}
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
        return web.json_response({"settings": settings, "devices": [cpu], "no_gpu_reason": "none is there"})

    async def status(self, request: web.Request) -> web.Response:
        runners = [
            {
                "name": model.name,
                "state": "ready",
                "rss_bytes": model.size_bytes,
                "forecast_bytes": model.size_bytes,
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
        return web.json_response(told | model.contents)

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
            return error_response(f"{path} does not exist", 400, is_openai=False)
        name = path.rsplit("/", 1)[-1].removesuffix(".gguf").lower()
        model = FakeModel(name=f"{name}:latest")
        self.upstream.models.append(model)
        return web.json_response({"models": [self.card(model)]})

    def find(self, name: str) -> FakeModel:
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
            "digest": hashlib.sha256(model.name.encode()).hexdigest(),
            "details": {
                "parent_model": "",
                "format": "gguf",
                "family": model.family,
                "families": [model.family],
                "parameter_size": model.parameter_size,
                "quantization_level": model.quantization,
            },
        }


def ollama_wire(model: str, *, is_chat: bool, n_prompt_tokens: int) -> Wire:
    start_ns = time.monotonic_ns()

    def line(values: JsonObject) -> bytes:
        return json.dumps({"model": model, "created_at": CREATED_AT} | values).encode() + b"\n"

    def content(text: str, is_thinking: bool = False) -> JsonObject:
        if not is_chat:
            return {"response": "", "thinking": text} if is_thinking else {"response": text}
        message: JsonObject = {"role": "assistant", "content": "" if is_thinking else text}
        return {"message": message | ({"thinking": text} if is_thinking else {})}

    def end(n_pieces: int, sign: int = 1) -> bytes:
        elapsed_ns = time.monotonic_ns() - start_ns
        return line(
            content("")
            | {
                "done": True,
                "done_reason": "stop",
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
        delta=lambda text, is_thinking: line(content(text, is_thinking) | {"done": False}),
        end=end,
        error=lambda text: json.dumps({"error": text}).encode() + b"\n",
        control=line(
            content("")
            | {"done": False, "type": "execute", "event": "chat:message", "data": {"code": "alert(1)"}, "id": ["x"]}
        ),
        negative_end=end(7, -1),
    )


class OpenAIRoutes:
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/models", self.models),
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/embeddings", self.embeddings),
            web.post("/v1/rerank", self.rerank),
        ]

    async def models(self, request: web.Request) -> web.Response:
        cards = [{"id": m.name, "object": "model", "created": 0, "owned_by": "fake"} for m in self.upstream.models]
        return web.json_response({"object": "list", "data": cards})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        name = body.get("model", "")
        if self.upstream.find(name) is None:
            return error_response(f"The model `{name}` does not exist", 404, is_openai=True)

        if self.upstream.refuses_stream_options and "stream_options" in body:
            return error_response("Unrecognized request argument supplied: stream_options", 400, is_openai=True)

        prompt = prompt_of(body)
        behaviour = self.upstream.behaviour.steered_by(prompt)
        wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        n_prompt_tokens = max(1, len(prompt.split()))
        if body.get("stream"):
            wire = openai_wire(name, wants_usage=wants_usage, n_prompt_tokens=n_prompt_tokens)
            return await self.upstream.stream(request, behaviour, wire, prompt)

        await asyncio.sleep(behaviour.delay / 1000)
        pieces = pieces_of(behaviour, prompt)
        text = "".join(piece.render() for piece in pieces if not piece.is_thinking)
        message = {"role": "assistant", "content": text}
        return web.json_response(
            {
                "id": "chatcmpl-fake",
                "object": "chat.completion",
                "created": 0,
                "model": name,
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": openai_usage(n_prompt_tokens, len(pieces)),
            }
        )

    async def embeddings(self, request: web.Request) -> web.Response:
        body = await request.json()
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = [{"object": "embedding", "index": i, "embedding": embedding_of(text)} for i, text in enumerate(texts)]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return web.json_response({"object": "list", "model": body.get("model"), "data": data, "usage": usage})

    async def rerank(self, request: web.Request) -> web.Response:
        return web.json_response(ranking_of(await request.json()))


def openai_usage(n_prompt_tokens: int, n_pieces: int) -> JsonObject:
    return {
        "prompt_tokens": n_prompt_tokens,
        "completion_tokens": n_pieces,
        "total_tokens": n_prompt_tokens + n_pieces,
    }


def openai_wire(model: str, *, wants_usage: bool, n_prompt_tokens: int) -> Wire:
    def event(values: JsonObject) -> bytes:
        head = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 0, "model": model}
        return b"data: " + json.dumps(head | values).encode() + b"\n\n"

    def choice(delta: JsonObject, reason: str | None = None) -> JsonObject:
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    def end(n_pieces: int, sign: int = 1) -> bytes:
        usage = {"choices": [], "usage": openai_usage(sign * n_prompt_tokens, sign * n_pieces)}
        return event(choice({}, "stop")) + (event(usage) if wants_usage else b"") + b"data: [DONE]\n\n"

    return Wire(
        content_type="text/event-stream",
        delta=lambda text, is_thinking: event(choice({"reasoning_content" if is_thinking else "content": text})),
        end=end,
        error=lambda text: b"data: " + json.dumps({"error": {"message": text, "code": 500}}).encode() + b"\n\n",
        control=b'event: execute\nid: 7\nretry: 1\ndata: {"type": "execute", "code": "alert(1)"}\n\n: ping\n\n',
        negative_end=end(7, -1),
    )
