"""The one way to every model: what chats, documents and administration use of this package.

All functions are asynchronous and share one HTTP client per event loop. Errors are those of `inference.errors`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from uuid import UUID

import numpy as np
import numpy.typing as npt

from inference import catalog
from inference.catalog import forget
from inference.conf import ConnectionSpec, builtin_connection
from inference.connections.audio import AudioConnection
from inference.connections.kinds import backend_for, ollama_for
from inference.connections.ollama import OllamaConnection
from inference.connections.transport import close_session, shared_session
from inference.errors import InferenceError, InvalidRequest, ModelNotFound
from inference.relay import Relayed, relay, relay_to_builtin
from inference.types import (
    ChatEvent,
    ChatRequest,
    ConnectionKind,
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
    ModelList,
    ModelUpload,
    PullProgress,
    Recording,
    Runner,
    ServerSettings,
    SpeechRequest,
    UnusableFile,
    UploadCheck,
)

N_TEXTS_PER_REQUEST = 64
READY_TIMEOUT_S = 1.0

__all__ = [
    "Relayed",
    "aclose",
    "attach_model",
    "begin_upload",
    "chat_body",
    "change_model",
    "check_connection",
    "delete_model",
    "embed",
    "find_model",
    "finish_upload",
    "forecast",
    "forget",
    "found_stores",
    "hub_models",
    "is_built_in_ready",
    "keep_settings",
    "library",
    "list_models",
    "load_model",
    "load_with",
    "loaded_models",
    "model_card",
    "model_contents",
    "models_at_hand",
    "models_of_connection",
    "pull_model",
    "relay",
    "relay_to_builtin",
    "rerank",
    "remove_upload",
    "runners",
    "send_chunk",
    "server_settings",
    "search_hub",
    "speak",
    "stream_chat",
    "transcribe",
    "unload",
    "unload_model",
    "unusable_files",
    "uploads",
]


async def list_models() -> ModelList:
    """Return what can be reached now, and which connections could not be asked.

    All connections are asked at once, and their answers are good for some seconds.
    """
    return await catalog.list_models()


async def models_at_hand() -> ModelList:
    """Return what a page can show at once: of a connection that takes its time, what it offered the last time."""
    return await catalog.models_at_hand()


async def models_of_connection(prefix: str) -> tuple[ModelInfo, ...]:
    """Return what one enabled connection offers, by its own names, or raise why it did not answer."""
    return await catalog.list_connection(prefix)


async def find_model(model_id: str) -> ModelInfo:
    """Return a model by its catalog id. Raises ModelNotFound."""
    return (await catalog.find_offer(model_id)).model


async def stream_chat(request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
    """Yield the events of one answer, ending with Finished.

    The text that arrived since the last read comes as one Delta; a caller that pauses between reads gets fewer and
    longer ones. Close the iterator (`contextlib.aclosing`) to stop: that ends the upstream's request at once.

    Raises:
        ModelNotFound, ModelLoadFailed, InvalidRequest, QueueFull, RunnerDied, UpstreamRefused, ConnectionFailed
    """
    offer = await catalog.find_offer(request.model)
    backend = await backend_for(offer.spec)
    try:
        async with aclosing(backend.stream_chat(request, offer.model)) as events:
            async for event in events:
                yield event
    except ModelNotFound:
        forget()
        raise


async def chat_body(request: ChatRequest) -> Mapping[str, object]:
    """Return the body that `stream_chat` would send, in the words of the connection that offers the model.

    Raises ModelNotFound, or why the connection that should have it did not answer.
    """
    offer = await catalog.find_offer(request.model)
    return (await backend_for(offer.spec)).chat_body(request, offer.model)


async def embed(model: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the embeddings of texts: shape (n, n_dims), float32, each row of length 1."""
    offer = await catalog.find_offer(model)
    backend = await backend_for(offer.spec)
    if not texts:
        raise InvalidRequest("nothing to embed")
    batches = [
        await backend.embed(texts[start : start + N_TEXTS_PER_REQUEST], offer.model)
        for start in range(0, len(texts), N_TEXTS_PER_REQUEST)
    ]
    return np.concatenate(batches)


async def rerank(model: str, query: str, documents: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return how well each document answers a query: shape (n_documents,), float32, higher is better.

    The built-in server's scores run from 0 to 1. Of a document that is too long, the beginning is read.
    """
    offer = await catalog.find_offer(model)
    backend = await backend_for(offer.spec)
    if not query or not documents:
        raise InvalidRequest("nothing to rank")
    batches = [
        await backend.rank(query, documents[start : start + N_TEXTS_PER_REQUEST], offer.model)
        for start in range(0, len(documents), N_TEXTS_PER_REQUEST)
    ]
    return np.concatenate(batches)


async def loaded_models() -> tuple[LoadedModel, ...]:
    """Return the models that the built-in server and every Ollama hold in memory, named by their catalog ids.

    A server that does not answer holds none.
    """
    ids = {(offer.spec, offer.model.name): offer.model.id for offer in await catalog.list_offers()}
    specs = list(dict.fromkeys(spec for spec, _ in ids if spec.kind != "openai"))
    held = await asyncio.gather(*(_loaded_of(spec) for spec in specs))
    return tuple(
        replace(model, name=ids.get((spec, model.name), model.name))
        for spec, models in zip(specs, held, strict=True)
        for model in models
    )


async def _loaded_of(spec: ConnectionSpec) -> list[LoadedModel]:
    try:
        return await (await ollama_for(spec)).loaded_models()
    except InferenceError:
        return []


async def load_model(model_id: str, *, num_ctx: int | None = None, num_parallel: int | None = None) -> None:
    """Load a model into its server's memory; returns once it is there.

    Args:
        num_ctx: The context window; None lets the server choose.
        num_parallel: So many windows of that size, in the place of what is kept for a model of the built-in server.
    """
    backend, model = await _ollama_offering(model_id)
    if num_parallel is None or backend.spec.kind != "builtin":
        await backend.load_model(model, num_ctx)
        return
    kept = (await backend.model_contents(model.name)).kept
    await backend.load_with(model.name, replace(kept, num_ctx=num_ctx, num_parallel=num_parallel))


async def unload_model(model_id: str) -> None:
    backend, model = await _ollama_offering(model_id)
    await backend.unload_model(model)


async def delete_model(model_id: str) -> None:
    """Delete a model from its server's disk."""
    backend, model = await _ollama_offering(model_id)
    await backend.delete_model(model)
    forget()


async def model_contents(name: str) -> ModelContents:
    """Return everything that a model of the built-in server consists of, by its own name there."""
    return await (await _builtin()).model_contents(name)


async def model_card(model_id: str) -> ModelCard:
    """Return what its server shows of a model; an empty card of a server that shows nothing.

    Raises ModelNotFound, ConnectionFailed and its kinds.
    """
    offer = await catalog.find_offer(model_id)
    if offer.spec.kind == "openai":
        return ModelCard()
    return await (await ollama_for(offer.spec)).show_model(offer.model.name)


async def change_model(change: ModelChange) -> None:
    """Let the built-in server make a model of another one, or of itself; returns once it is there.

    Raises InvalidRequest with the server's sentence, UpstreamRefused when it is full or a part is missing.
    """
    await (await _builtin()).change_model(change)
    forget()


async def forecast(name: str, settings: LoadSettings) -> ModelFit:
    """Return whether a model of the built-in server would fit into its memory with these settings."""
    return await (await _builtin()).forecast(name, settings)


async def load_with(name: str, settings: LoadSettings) -> None:
    """Load a model of the built-in server with these settings; returns once it is there."""
    await (await _builtin()).load_with(name, settings)


async def unload(name: str) -> None:
    """Take a model out of the built-in server's memory, by its own name there."""
    await (await _builtin()).unload(name)


async def keep_settings(name: str, settings: LoadSettings) -> None:
    """Let the built-in server load a model with these settings whenever a request does not say otherwise."""
    await (await _builtin()).keep_settings(name, settings)


async def pull_model(name: str) -> AsyncGenerator[PullProgress, None]:
    """Let the built-in server download a model; yield its progress. Closing the iterator stops the download."""
    backend = await _builtin()
    async with aclosing(backend.pull_model(name)) as steps:
        async for step in steps:
            yield step
    forget()


async def attach_model(path: str) -> tuple[str, ...]:
    """Let the built-in server use a GGUF file, or a folder of models, where it lies; return the models' names."""
    names = await (await _builtin()).attach_model(path)
    forget()
    return tuple(names)


async def found_stores() -> tuple[FoundStore, ...]:
    """Return the places on the built-in server's machine that hold models and are not attached yet."""
    return tuple(await (await _builtin()).found_stores())


async def unusable_files() -> tuple[UnusableFile, ...]:
    """Return what lies among the built-in server's models and cannot be used; nothing when it does not answer."""
    try:
        return tuple(await (await _builtin()).unusable_files())
    except InferenceError:
        return ()


async def server_settings() -> ServerSettings | None:
    """Return how the built-in server runs; None when it does not answer."""
    try:
        return await (await _builtin()).server_settings()
    except InferenceError:
        return None


async def library() -> Library:
    """Return where the built-in server's models lie, whether each fits, and how full its disk and memory are."""
    return await (await _builtin()).library()


async def search_hub(words: str) -> tuple[HubRepository, ...]:
    """Return repositories on Hugging Face with models that the built-in server could run, the most downloaded first.

    Raises UpstreamRefused, with a sentence, when the Hub does not answer.
    """
    return tuple(await (await _builtin()).search_hub(words))


async def hub_models(repository: str) -> HubModels:
    """Return the models of one repository on Hugging Face, and which of them fit into the built-in server's memory.

    Raises ModelNotFound; UpstreamRefused, with a sentence, when the Hub does not answer.
    """
    return await (await _builtin()).hub_models(repository)


async def runners() -> tuple[Runner, ...]:
    """Return the processes of the built-in server that hold models, those that are just starting included."""
    return tuple(await (await _builtin()).runners())


async def uploads() -> tuple[ModelUpload, ...]:
    """Return the model files whose upload to the built-in server has begun and is not finished."""
    return tuple(await (await _builtin()).files.uploads())


async def begin_upload(name: str, size_bytes: int, modified_ms: int) -> ModelUpload:
    """Begin to upload a model file to the built-in server, or go on with it; `digests` tell what is there already."""
    return await (await _builtin()).files.begin(name, size_bytes, modified_ms)


async def send_chunk(upload_id: UUID, index: int, data: bytes, digest: bytes) -> None:
    """Send one chunk with its SHA-256. Raises UpstreamRefused, ConnectionFailed."""
    await (await _builtin()).files.send(upload_id, index, data, digest)


async def finish_upload(upload_id: UUID, digest: bytes) -> UploadCheck:
    """Let the built-in server check a part of a file that is there whole; call it until it is finished.

    Args:
        digest: SHA-256 over the digests of all chunks.
    """
    check = await (await _builtin()).files.finish(upload_id, digest)
    if check.is_finished:
        forget()
    return check


async def remove_upload(upload_id: UUID) -> None:
    await (await _builtin()).files.remove(upload_id)


async def check_connection(kind: ConnectionKind, url: str, key: str | None = None) -> tuple[ModelInfo, ...]:
    """Return the models that an address offers, or raise why it cannot be used. Nothing is kept."""
    spec = ConnectionSpec(name=url, kind=kind, url=url.rstrip("/"), prefix="", key=key)
    return tuple(await (await backend_for(spec)).list_models())


async def speak(url: str, key: str | None, request: SpeechRequest) -> bytes:
    """Return a text as sound, of a server that speaks as OpenAI's does."""
    return await (await _audio(url, key)).speak(request)


async def transcribe(url: str, key: str | None, recording: Recording) -> str:
    """Return what is said in a recording, of a server that listens as OpenAI's does."""
    return await (await _audio(url, key)).transcribe(recording)


async def is_built_in_ready() -> bool:
    try:
        await (await _builtin()).version(timeout_s=READY_TIMEOUT_S)
    except InferenceError:
        return False
    return True


async def aclose() -> None:
    """Close the connections of the running event loop."""
    await close_session()


async def _audio(url: str, key: str | None) -> AudioConnection:
    spec = ConnectionSpec(name=url, kind="openai", url=url.rstrip("/"), prefix="", key=key)
    return AudioConnection(await shared_session(), spec)


async def _builtin() -> OllamaConnection:
    return await ollama_for(builtin_connection())


async def _ollama_offering(model_id: str) -> tuple[OllamaConnection, ModelInfo]:
    offer = await catalog.find_offer(model_id)
    if offer.spec.kind == "openai":
        raise InvalidRequest("models behind an OpenAI-compatible address are managed there")
    return await ollama_for(offer.spec), offer.model
