"""The kinds of upstream, behind one face."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from inference.conf import ConnectionSpec
from inference.connections.ollama import OllamaConnection
from inference.connections.openai import OpenAIConnection
from inference.connections.transport import shared_session
from inference.types import ChatEvent, ChatRequest, ModelInfo


class Backend(Protocol):
    """What every kind can do. Errors are those of `inference.errors`."""

    async def list_models(self) -> list[ModelInfo]: ...

    def chat_body(self, request: ChatRequest, model: ModelInfo) -> Mapping[str, object]: ...

    def stream_chat(self, request: ChatRequest, model: ModelInfo) -> AsyncGenerator[ChatEvent, None]: ...

    async def embed(self, texts: Sequence[str], model: ModelInfo) -> npt.NDArray[np.float32]: ...

    async def rank(self, query: str, documents: Sequence[str], model: ModelInfo) -> npt.NDArray[np.float32]: ...


async def backend_for(spec: ConnectionSpec) -> Backend:
    if spec.kind == "openai":
        return OpenAIConnection(await shared_session(), spec)
    return await ollama_for(spec)


async def ollama_for(spec: ConnectionSpec) -> OllamaConnection:
    return OllamaConnection(await shared_session(), spec)
