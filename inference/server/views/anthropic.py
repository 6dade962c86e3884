"""Anthropic's route `/v1/messages`."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.server.answers import answer_events
from inference.server.anthropic.bodies import parse_message
from inference.server.anthropic.messages import MessageStream, whole_message
from inference.server.askers import asker_of
from inference.server.bodies import LARGE_BODY, read_json
from inference.server.endpoints import endpoint, json_response
from inference.server.gathering import gather
from inference.server.sse import sse_response
from inference.server.state import get_state


@endpoint("POST")
async def messages(request: HttpRequest) -> HttpResponseBase:
    asked = parse_message(read_json(request, LARGE_BODY))
    events = answer_events(get_state(), asked.answer, "chat", asker_of(request))
    if asked.stream:
        return await sse_response(events, MessageStream(asked))
    return json_response(whole_message(asked, await gather(events)))
