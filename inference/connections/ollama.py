"""Connections that speak Ollama: remote ones, and the built-in model server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from urllib.parse import quote, urlencode

import aiohttp
import numpy as np
import numpy.typing as npt

from inference.conf import DEFAULT_NUM_CTX, EMBED_TIMEOUT_S, LIST_TIMEOUT_S, READ_TIMEOUT_S, ConnectionSpec
from inference.connections import nearby
from inference.connections.creating import CreateConnection
from inference.connections.http import UpstreamHttp
from inference.connections.progress import progress_of
from inference.connections.streams import chat_events
from inference.connections.uploads import UploadConnection
from inference.dialects import contents, hub, library, ollama, ranking
from inference.dialects.embeddings import matrix
from inference.dialects.ndjson import JsonObject
from inference.dialects.ollama import ModelDetails, OllamaChatDecoder, ShownModel
from inference.dialects.server_settings import server_settings
from inference.errors import (
    InferenceError,
    InvalidRequest,
    ModelLoadFailed,
    ModelNotFound,
    QueueFull,
    RunnerDied,
    UpstreamRefused,
    UpstreamTimeout,
)
from inference.types import (
    ChatEvent,
    ChatRequest,
    FoundStore,
    HubModels,
    HubRepository,
    Library,
    LoadedModel,
    LoadSettings,
    ModelCard,
    ModelChange,
    ModelContents,
    ModelFit,
    ModelInfo,
    PullProgress,
    Runner,
    ServerSettings,
    UnusableFile,
)

N_SHOWN_AT_ONCE = 8
HUB_TIMEOUT_S = 90.0
"""The built-in server asks Hugging Face, and reads some megabytes there."""
MAX_SHOWN_KEPT = 5000
# Source: ollama's llm/server.go and server/routes.go; the built-in server says the same words.
RUNNER_DIED_WORDS = ("model runner has unexpectedly stopped", "llama runner process has terminated")
LOAD_FAILED_WORDS = ("unable to load model", "model requires more system memory", "error loading model")

_shown: dict[tuple[str, str, str], ShownModel] = {}
"""What `/api/show` said about a model, by address, name and digest: it cannot change without the digest."""


class OllamaConnection:
    def __init__(self, session: aiohttp.ClientSession, spec: ConnectionSpec) -> None:
        self.spec = spec
        self._http = UpstreamHttp(session, spec)
        self.files = UploadConnection(self._http)
        self.creating = CreateConnection(self._http)

    async def list_models(self) -> list[ModelInfo]:
        """Return what the server offers, each with its plain name as id."""
        listed = await self.listed_models()
        gate = asyncio.Semaphore(N_SHOWN_AT_ONCE)
        shown = await asyncio.gather(*(self._show(details, gate) for details in listed))
        return [self._model(*pair) for pair in zip(listed, shown, strict=True)]

    async def listed_models(self) -> list[ModelDetails]:
        """Return what the list alone says; `list_models` asks about each model as well."""
        body = await self._http.listing("/api/tags", timeout_s=LIST_TIMEOUT_S)
        with self._http.understanding():
            return ollama.listed_models(body)

    def _model(self, details: ModelDetails, shown: ShownModel) -> ModelInfo:
        modified_at = details["modified_at"]
        return ModelInfo(
            id=details["name"],
            name=details["name"],
            connection=self.spec.name,
            connection_kind=self.spec.kind,
            capabilities=shown["capabilities"],
            size_bytes=details["size_bytes"],
            digest=details["digest"],
            modified_at=modified_at if isinstance(modified_at, datetime) else None,
            family=details["family"],
            parameter_size=details["parameter_size"],
            quantization=details["quantization"],
            context_length=shown["context_length"],
        )

    async def _show(self, details: ModelDetails, gate: asyncio.Semaphore) -> ShownModel:
        """Ask what a model can do; a model that the server cannot show counts as one that chats."""
        name, digest = details["name"], details["digest"]
        kept = _shown.get((self.spec.url, name, digest)) if digest else None
        if kept is not None:
            return kept
        try:
            async with gate:
                body = await self._http.post("/api/show", {"model": name}, timeout_s=LIST_TIMEOUT_S)
        except UpstreamRefused:
            return ShownModel(capabilities=frozenset({"completion"}), context_length=None)
        shown = ollama.shown_model(body)
        if digest:
            if len(_shown) >= MAX_SHOWN_KEPT:
                _shown.clear()
            _shown[self.spec.url, name, digest] = shown
        return shown

    def chat_body(self, request: ChatRequest, model: ModelInfo) -> ollama.ChatBody:
        is_builtin = self.spec.kind == "builtin"
        # The built-in server sizes its own slots; a remote Ollama would cut a long prompt without a word.
        num_ctx = None if is_builtin or model.context_length is None else min(model.context_length, DEFAULT_NUM_CTX)
        return ollama.chat_body(request, model.name, num_ctx=num_ctx)

    async def stream_chat(self, request: ChatRequest, model: ModelInfo) -> AsyncGenerator[ChatEvent, None]:
        is_builtin = self.spec.kind == "builtin"
        body = self.chat_body(request, model)
        decoder = OllamaChatDecoder(tells_progress=is_builtin)
        try:
            async with (
                self._http.stream("/api/chat", body, headers=_own_headers(request) if is_builtin else None) as pieces,
                aclosing(chat_events(self.spec.url, pieces, decoder)) as events,
            ):
                async for event in events:
                    yield event
        except UpstreamRefused as exc:
            raise refusal(exc, request.model) from exc

    async def embed(self, texts: Sequence[str], model: ModelInfo) -> npt.NDArray[np.float32]:
        try:
            rows = await self._embed_nearby(texts, model)
            if rows is None:
                body = ollama.embed_body(model.name, texts)
                rows = (await self._http.post("/api/embed", body, timeout_s=EMBED_TIMEOUT_S)).get("embeddings")
        except UpstreamRefused as exc:
            raise refusal(exc, model.id) from exc
        with self._http.understanding():
            return matrix(rows, n_rows=len(texts))

    async def _embed_nearby(self, texts: Sequence[str], model: ModelInfo) -> object:
        """Return rows of numbers; None when only HTTP is left."""
        if self.spec.nearby is None:
            return None
        try:
            async with asyncio.timeout(EMBED_TIMEOUT_S):
                return await nearby.embed(self.spec.nearby, model.name, texts)
        except TimeoutError as exc:
            raise UpstreamTimeout(self.spec.url) from exc

    async def rank(self, query: str, documents: Sequence[str], model: ModelInfo) -> npt.NDArray[np.float32]:
        body = ranking.rank_body(model.name, query, documents)
        try:
            answer = await self._http.post("/v1/rerank", body, timeout_s=EMBED_TIMEOUT_S)
        except UpstreamRefused as exc:
            raise refusal(exc, model.id) from exc
        with self._http.understanding():
            return ranking.scores(answer, n_documents=len(documents))

    async def version(self, *, timeout_s: float) -> str:
        body = await self._http.get("/api/version", timeout_s=timeout_s)
        return str(body.get("version", ""))

    async def show_model(self, name: str, *, verbose: bool = False) -> ModelCard:
        """Return what the server says about a model; with `verbose` its vocabulary and tensors too."""
        wanted = {"model": name, "verbose": verbose}
        try:
            body = await self._http.post("/api/show", wanted, timeout_s=READ_TIMEOUT_S if verbose else LIST_TIMEOUT_S)
        except UpstreamRefused as exc:
            raise refusal(exc, name) from exc
        return ollama.model_card(body)

    async def model_contents(self, name: str) -> ModelContents:
        """Return everything that a model of the built-in server consists of."""
        wanted = {"model": name}
        try:
            return contents.contents(await self._http.post("/hearth/contents", wanted, timeout_s=LIST_TIMEOUT_S))
        except UpstreamRefused as exc:
            raise refusal(exc, name) from exc

    async def forecast(self, name: str, settings: LoadSettings) -> ModelFit:
        return library.model_fit(await self._settle("/hearth/forecast", name, settings, LIST_TIMEOUT_S))

    async def load_with(self, name: str, settings: LoadSettings) -> None:
        await self._settle("/hearth/load", name, settings, READ_TIMEOUT_S)

    async def keep_settings(self, name: str, settings: LoadSettings) -> None:
        await self._settle("/hearth/kept", name, settings, LIST_TIMEOUT_S)

    async def _settle(self, path: str, name: str, settings: LoadSettings, timeout_s: float) -> JsonObject:
        """Tell our own server how a model is to be loaded."""
        try:
            return await self._http.post(path, contents.settings_body(name, settings), timeout_s=timeout_s)
        except UpstreamRefused as exc:
            raise refusal(exc, name) from exc

    async def loaded_models(self) -> list[LoadedModel]:
        return ollama.loaded_models(await self._http.get("/api/ps", timeout_s=LIST_TIMEOUT_S))

    async def load_model(self, model: ModelInfo, num_ctx: int | None = None) -> None:
        """Load a model into memory; returns once it is there."""
        await self._order(ollama.load_body(model.name, num_ctx), model.id)

    async def unload_model(self, model: ModelInfo) -> None:
        await self._order(ollama.unload_body(model.name), model.id)

    async def unload(self, name: str) -> None:
        """As `unload_model`, where only the server's own name of it is known."""
        await self._order(ollama.unload_body(name), name)

    async def _order(self, body: ollama.GenerateBody, model_id: str) -> None:
        try:
            await self._http.post("/api/generate", body, timeout_s=READ_TIMEOUT_S)
        except UpstreamRefused as exc:
            raise refusal(exc, model_id) from exc

    async def delete_model(self, model: ModelInfo) -> None:
        try:
            await self._http.delete("/api/delete", {"model": model.name}, timeout_s=LIST_TIMEOUT_S)
        except UpstreamRefused as exc:
            # The built-in server wants no key: it refuses to delete what is only attached.
            if exc.status == 403 and self.spec.kind == "builtin":
                raise InvalidRequest(exc.detail) from exc
            raise refusal(exc, model.id) from exc

    async def pull_model(self, name: str, *, insecure: bool = False) -> AsyncGenerator[PullProgress, None]:
        """Let the server download a model. Leaving the iterator lets it stop; it keeps what it has."""
        body = {"model": name, "stream": True, "insecure": insecure}
        try:
            async with aclosing(progress_of(self._http, "/api/pull", body)) as steps:
                async for step in steps:
                    yield step
        except UpstreamRefused as exc:
            raise refusal(exc, name) from exc

    async def create_model(self, body: Mapping[str, object]) -> AsyncGenerator[PullProgress, None]:
        """Let the server make a model; `body` is that of `/api/create`."""
        try:
            async with aclosing(self.creating.lines(body)) as steps:
                async for step in steps:
                    yield step
        except UpstreamRefused as exc:
            # Not found is then a file or the model to begin with, and the server says which.
            raise (exc if exc.status == 404 else refusal(exc, str(body["model"]))) from exc

    async def change_model(self, change: ModelChange) -> None:
        """Let the built-in server make a model of another one, or of itself; returns once it is there."""
        async with aclosing(self.create_model(contents.create_body(change))) as steps:
            async for _step in steps:
                pass

    async def copy_model(self, source: str, destination: str) -> None:
        try:
            await self.creating.copy(source, destination)
        except UpstreamRefused as exc:
            raise refusal(exc, source) from exc

    async def attach_model(self, path: str) -> list[str]:
        """Let the built-in server use a file or folder of its machine; return the names of its models."""
        try:
            body = await self._http.post("/hearth/attach", {"path": path}, timeout_s=READ_TIMEOUT_S)
        except UpstreamRefused as exc:
            raise refusal(exc, path) from exc
        return [details["name"] for details in ollama.listed_models(body)]

    async def unusable_files(self) -> list[UnusableFile]:
        return ollama.unusable_files(await self._http.get("/hearth/status", timeout_s=LIST_TIMEOUT_S))

    async def server_settings(self) -> ServerSettings:
        return server_settings(await self._http.get("/hearth/settings", timeout_s=LIST_TIMEOUT_S))

    async def library(self) -> Library:
        """Return where the built-in server's models lie and which of them fit."""
        return library.library(await self._http.get("/hearth/library", timeout_s=LIST_TIMEOUT_S))

    async def runners(self) -> list[Runner]:
        return library.runners(await self._http.get("/hearth/status", timeout_s=LIST_TIMEOUT_S))

    async def search_hub(self, words: str) -> list[HubRepository]:
        query = urlencode({"q": words})
        try:
            return hub.repositories(await self._http.get(f"/hearth/hub/search?{query}", timeout_s=HUB_TIMEOUT_S))
        except UpstreamRefused as exc:
            raise refusal(exc, words) from exc

    async def hub_models(self, repository: str) -> HubModels:
        query = urlencode({"repository": repository})
        try:
            return hub.models(await self._http.get(f"/hearth/hub/models?{query}", timeout_s=HUB_TIMEOUT_S))
        except UpstreamRefused as exc:
            raise refusal(exc, repository) from exc

    async def found_stores(self) -> list[FoundStore]:
        return ollama.found_stores(await self._http.get("/hearth/stores", timeout_s=READ_TIMEOUT_S))


def _own_headers(request: ChatRequest) -> dict[str, str]:
    """Return what only our own server understands: that it may tell its progress, who asks, and what may wait."""
    headers = {"Hearth-Progress": "1", "Hearth-Priority": request.priority}
    return headers | {"Hearth-User": quote(request.asked_by)} if request.asked_by else headers


def refusal(exc: UpstreamRefused, model: str) -> InferenceError:
    """Return the error that an error status, or an error inside a stream, stands for."""
    match exc.status:
        case 404:
            return ModelNotFound(model)
        case 400 | 413:
            return InvalidRequest(exc.detail)
        case 503:
            return QueueFull()
    if any(words in exc.detail for words in RUNNER_DIED_WORDS):
        return RunnerDied(model)
    if any(words in exc.detail for words in LOAD_FAILED_WORDS):
        return ModelLoadFailed(model, exc.detail)
    return exc
