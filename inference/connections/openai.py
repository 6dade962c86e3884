"""Connections that speak OpenAI's API: OpenAI itself, OpenRouter, vLLM, LM Studio, llama.cpp and many more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import aiohttp
import numpy as np
import numpy.typing as npt

from inference.conf import EMBED_TIMEOUT_S, LIST_TIMEOUT_S, ConnectionSpec
from inference.connections.http import UpstreamHttp
from inference.connections.streams import chat_events
from inference.dialects import openai, ranking
from inference.dialects.embeddings import matrix
from inference.dialects.openai import OpenAIChatDecoder
from inference.errors import InferenceError, InvalidRequest, ModelNotFound, UpstreamRefused
from inference.types import ChatEvent, ChatRequest, ModelInfo


class OpenAIConnection:
    def __init__(self, session: aiohttp.ClientSession, spec: ConnectionSpec) -> None:
        self.spec = spec
        self._http = UpstreamHttp(session, spec)

    async def list_models(self) -> list[ModelInfo]:
        """Return what the server offers, each with its plain name as id."""
        body = await self._http.listing("/models", timeout_s=LIST_TIMEOUT_S)
        with self._http.understanding():
            listed = openai.listed_models(body)
        return [
            ModelInfo(
                id=model["name"],
                name=model["name"],
                connection=self.spec.name,
                connection_kind=self.spec.kind,
                capabilities=frozenset({"embedding" if model["is_embedding"] else "completion"}),
                context_length=model["context_length"],
            )
            for model in listed
        ]

    def chat_body(self, request: ChatRequest, model: ModelInfo) -> openai.ChatBody:
        return openai.chat_body(request, model.name)

    async def stream_chat(self, request: ChatRequest, model: ModelInfo) -> AsyncGenerator[ChatEvent, None]:
        async with aclosing(self._stream(request, model, wants_usage=True)) as events:
            try:
                async for event in events:
                    yield event
                return
            except UpstreamRefused as exc:
                # Some servers refuse fields that they do not know; this one is only worth having.
                if exc.status not in (400, 422) or "stream_options" not in exc.detail:
                    raise refusal(exc, request.model) from exc
        async with aclosing(self._stream(request, model, wants_usage=False)) as events:
            try:
                async for event in events:
                    yield event
            except UpstreamRefused as exc:
                raise refusal(exc, request.model) from exc

    async def _stream(
        self, request: ChatRequest, model: ModelInfo, *, wants_usage: bool
    ) -> AsyncGenerator[ChatEvent, None]:
        body = openai.chat_body(request, model.name, wants_usage=wants_usage)
        async with (
            self._http.stream("/chat/completions", body) as pieces,
            aclosing(chat_events(self.spec.url, pieces, OpenAIChatDecoder())) as events,
        ):
            async for event in events:
                yield event

    async def embed(self, texts: Sequence[str], model: ModelInfo) -> npt.NDArray[np.float32]:
        try:
            body = await self._http.post("/embeddings", openai.embed_body(model.name, texts), timeout_s=EMBED_TIMEOUT_S)
        except UpstreamRefused as exc:
            raise refusal(exc, model.id) from exc
        with self._http.understanding():
            return matrix(openai.embeddings(body), n_rows=len(texts))

    async def rank(self, query: str, documents: Sequence[str], model: ModelInfo) -> npt.NDArray[np.float32]:
        body = ranking.rank_body(model.name, query, documents)
        try:
            answer = await self._http.post("/rerank", body, timeout_s=EMBED_TIMEOUT_S)
        except UpstreamRefused as exc:
            raise refusal(exc, model.id) from exc
        with self._http.understanding():
            return ranking.scores(answer, n_documents=len(documents))


def refusal(exc: UpstreamRefused, model: str) -> InferenceError:
    """Return the error that an error status stands for. Without words of the API a 404 is just a wrong path."""
    match exc.status:
        case 404 if exc.detail:
            return ModelNotFound(model)
        case 400 | 413 | 422:
            return InvalidRequest(exc.detail)
    return exc
