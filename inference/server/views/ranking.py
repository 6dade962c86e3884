"""`/v1/rerank`, also as `/rerank`: which documents answer a query best."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.server.askers import asker_of
from inference.server.bodies import LARGE_BODY, read_json
from inference.server.endpoints import endpoint, json_response
from inference.server.errors import NotSupported
from inference.server.ranking import parse_rank, ranked_answer
from inference.server.state import get_state


@endpoint("POST")
async def rerank(request: HttpRequest) -> HttpResponseBase:
    body = parse_rank(read_json(request, LARGE_BODY))
    state, asker = get_state(), asker_of(request)
    model = await state.find_model(body.model)
    if not model.is_reranker:
        raise NotSupported(f'"{body.model}" does not support reranking')
    ticket = state.scheduler.take_ticket(
        model, keep_alive_s=body.keep_alive_s, asked_by=asker.key, priority=asker.priority
    )
    try:
        runner = await ticket.runner()
        ranked = await runner.rank(body.query, body.documents, truncate=body.truncate)
    finally:
        ticket.close()
    return json_response(ranked_answer(body, ranked))
