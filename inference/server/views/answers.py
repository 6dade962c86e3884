"""`/api/chat` and `/api/generate`."""

from __future__ import annotations

from contextlib import aclosing

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.server.answers import answer_lines, whole_answer
from inference.server.askers import asker_of
from inference.server.bodies import LARGE_BODY, AnswerBody, parse_chat, parse_generate, read_json
from inference.server.endpoints import endpoint, json_response, stream_response
from inference.server.state import get_state
from inference.server.wire import Kind, last_line

PROGRESS_HEADER = "Hearth-Progress"


@endpoint("POST")
async def chat(request: HttpRequest) -> HttpResponseBase:
    return await _answer(request, parse_chat(read_json(request, LARGE_BODY)), "chat")


@endpoint("POST")
async def generate(request: HttpRequest) -> HttpResponseBase:
    return await _answer(request, parse_generate(read_json(request, LARGE_BODY)), "generate")


async def _answer(request: HttpRequest, body: AnswerBody, kind: Kind) -> HttpResponseBase:
    state = get_state()
    if body.is_empty and body.keep_alive_s == 0:
        await state.scheduler.unload(await state.find_model(body.model))
        return json_response(last_line(kind, body.model, "unload"))
    tells_progress = body.stream and request.headers.get(PROGRESS_HEADER) == "1"
    lines = answer_lines(state, body, kind, asker_of(request), tells_progress=tells_progress)
    if body.stream and not (body.is_empty and not tells_progress):
        return await stream_response(lines)
    async with aclosing(lines):
        return json_response(whole_answer([line async for line in lines], kind))
