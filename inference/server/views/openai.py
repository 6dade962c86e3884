"""OpenAI's routes under `/v1/`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.library.models import LibraryModel
from inference.server.answers import answer_events
from inference.server.askers import asker_of
from inference.server.bodies import LARGE_BODY, read_json
from inference.server.endpoints import endpoint, json_response
from inference.server.gathering import Gathered, gather, gather_each
from inference.server.openai.bodies import Asked, parse_chat, parse_completion, parse_embeddings
from inference.server.openai.chat import ChatStream, whole_chat
from inference.server.openai.choices import ChoicesStream
from inference.server.openai.completions import CompletionStream, whole_completion
from inference.server.openai.embeddings import embeddings as embeddings_body
from inference.server.openai.response_bodies import parse_response
from inference.server.openai.responses import ResponseStream, whole_response
from inference.server.several import numbered_events
from inference.server.sse import sse_response
from inference.server.state import get_state
from inference.server.views.embeddings import embed_texts, shortened
from inference.server.wire import Kind


@endpoint("POST")
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    return await _choices(request, parse_chat(read_json(request, LARGE_BODY)), "chat", ChatStream, whole_chat)


@endpoint("POST")
async def completions(request: HttpRequest) -> HttpResponseBase:
    asked = parse_completion(read_json(request, LARGE_BODY))
    return await _choices(request, asked, "generate", CompletionStream, whole_completion)


async def _choices(
    request: HttpRequest,
    asked: Asked,
    kind: Kind,
    stream_of: Callable[[Asked], ChoicesStream],
    whole: Callable[[Asked, Sequence[Gathered]], dict[str, Any]],
) -> HttpResponseBase:
    events = numbered_events(get_state(), asked.answer, kind, asker_of(request), n=asked.n)
    if asked.stream:
        return await sse_response(events, stream_of(asked))
    return json_response(whole(asked, await gather_each(events)))


@endpoint("POST")
async def responses(request: HttpRequest) -> HttpResponseBase:
    asked = parse_response(read_json(request, LARGE_BODY))
    events = answer_events(get_state(), asked.answer, "chat", asker_of(request))
    if asked.stream:
        return await sse_response(events, ResponseStream(asked))
    return json_response(whole_response(asked, await gather(events)))


@endpoint("POST")
async def embeddings(request: HttpRequest) -> HttpResponseBase:
    body, encoding = parse_embeddings(read_json(request, LARGE_BODY))
    embedded, _load_s = await embed_texts(body, asker_of(request))
    if embedded is None:
        raise RuntimeError("texts were embedded to nothing")
    vectors = shortened(embedded.vectors, body.dimensions)
    return json_response(embeddings_body(body.model, vectors, n_tokens=embedded.n_tokens, encoding=encoding))


@endpoint("GET", "HEAD")
async def models(request: HttpRequest) -> HttpResponseBase:
    snapshot = await asyncio.to_thread(get_state().catalog.snapshot)
    newest_first = sorted(snapshot.models, key=lambda model: -model.modified_ns)
    return json_response({"object": "list", "data": [_listed(model, model.name.short) for model in newest_first]})


@endpoint("GET", "HEAD")
async def model(request: HttpRequest, name: str) -> HttpResponseBase:
    return json_response(_listed(await get_state().find_model(name), name))


def _listed(model: LibraryModel, name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": model.modified_ns // 10**9, "owned_by": "library"}
