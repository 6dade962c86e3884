"""`/api/embed` and the older `/api/embeddings`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.runner.types import Embedded
from inference.server.askers import Asker, asker_of
from inference.server.bodies import LARGE_BODY, EmbedBody, parse_embed, parse_embeddings, read_json
from inference.server.endpoints import endpoint, json_response
from inference.server.errors import NotSupported
from inference.server.options import parse_options
from inference.server.state import get_state
from inference.server.wire import nanoseconds


@endpoint("POST")
async def embed(request: HttpRequest) -> HttpResponseBase:
    body = parse_embed(read_json(request, LARGE_BODY))
    began = time.perf_counter()
    embedded, load_s = await embed_texts(body, asker_of(request))
    answer: dict[str, Any] = {
        "model": body.model,
        "embeddings": [] if embedded is None else shortened(embedded.vectors, body.dimensions),
        "total_duration": nanoseconds(time.perf_counter() - began),
        "load_duration": nanoseconds(load_s),
        "prompt_eval_count": 0 if embedded is None else embedded.n_tokens,
    }
    return json_response(answer)


@endpoint("POST")
async def embeddings(request: HttpRequest) -> HttpResponseBase:
    embedded, _load_s = await embed_texts(parse_embeddings(read_json(request, LARGE_BODY)), asker_of(request))
    return json_response({"embedding": [] if embedded is None else embedded.vectors[0]})


async def embed_texts(body: EmbedBody, asker: Asker) -> tuple[Embedded | None, float]:
    """Return the embeddings (None when there was nothing to embed: the model is only loaded) and the loading time."""
    state = get_state()
    model = await state.find_model(body.model)
    if not (model.is_embedding or model.can_chat):
        raise NotSupported(f'"{body.model}" does not support embeddings')
    parse_options(body.options, baked={})
    if not body.inputs and body.keep_alive_s == 0:
        await state.scheduler.unload(model)
        return None, 0.0
    began = time.perf_counter()
    ticket = state.scheduler.take_ticket(
        model, keep_alive_s=body.keep_alive_s, asked_by=asker.key, priority=asker.priority
    )
    try:
        runner = await ticket.runner()
        load_s = time.perf_counter() - began
        if not body.inputs:
            return None, load_s
        return await runner.embed(body.inputs, truncate=body.truncate), load_s
    finally:
        ticket.close()


def shortened(vectors: npt.NDArray[np.float32], dimensions: int | None) -> npt.NDArray[np.float32]:
    """Cut vectors to their first dimensions and make their length 1 again."""
    if dimensions is None or dimensions >= vectors.shape[1]:
        return np.ascontiguousarray(vectors)
    cut = vectors[:, :dimensions]
    lengths = np.linalg.norm(cut, axis=1, keepdims=True)
    return np.ascontiguousarray(cut / np.maximum(lengths, 1e-12), dtype=np.float32)
