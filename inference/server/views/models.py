"""Which models there are, which are loaded, and getting or deleting one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.server.bodies import SMALL_BODY, parse_flag, parse_model, read_json
from inference.server.endpoints import empty_response, endpoint, json_response, stream_response
from inference.server.seats import Seat
from inference.server.showing import shown_model
from inference.server.state import ServerState, get_state
from inference.server.wire import details, expiry, listed_model
from inference.types import LoadSettings


@endpoint("GET", "HEAD")
async def tags(request: HttpRequest) -> HttpResponseBase:
    snapshot = await asyncio.to_thread(get_state().catalog.snapshot)
    newest_first = sorted(snapshot.models, key=lambda model: -model.modified_ns)
    return json_response({"models": [listed_model(model) for model in newest_first]})


@endpoint("GET")
async def ps(request: HttpRequest) -> HttpResponseBase:
    state = get_state()
    ready = [seat for seat in state.scheduler.seats() if seat.state == "ready"]
    return json_response({"models": [_loaded(state, seat) for seat in ready]})


@endpoint("POST")
async def show(request: HttpRequest) -> HttpResponseBase:
    body = read_json(request, SMALL_BODY)
    model = await get_state().find_model(parse_model(body))
    shown = await asyncio.to_thread(shown_model, model, verbose=parse_flag(body, "verbose", False))
    return json_response(shown)


@endpoint("POST")
async def pull(request: HttpRequest) -> HttpResponseBase:
    body = read_json(request, SMALL_BODY)
    lines = _pull_lines(get_state(), parse_model(body), insecure=parse_flag(body, "insecure", False))
    if parse_flag(body, "stream", True):
        return await stream_response(lines)
    last: dict[str, Any] = {}
    async for line in lines:
        last = line
    return json_response(last)


@endpoint("DELETE")
async def delete(request: HttpRequest) -> HttpResponseBase:
    name = parse_model(read_json(request, SMALL_BODY))
    state = get_state()
    model = await state.find_model(name)
    if model.is_ours:
        await state.scheduler.unload(model)
    await asyncio.to_thread(state.catalog.delete, name)
    state.kept.keep(model.name, LoadSettings())
    return empty_response(200)


async def _pull_lines(state: ServerState, name: str, *, insecure: bool) -> AsyncGenerator[dict[str, Any], None]:
    with state.metrics.pulls.track_inprogress():
        async with aclosing(state.puller.pull(name, insecure=insecure)) as lines:
            async for line in lines:
                yield dict(line)
    await asyncio.to_thread(state.catalog.snapshot, fresh=True)


def _loaded(state: ServerState, seat: Seat) -> dict[str, Any]:
    return {
        "name": seat.model.name.short,
        "model": seat.model.name.short,
        "size": seat.needs_bytes,
        "digest": seat.model.digest,
        "details": details(seat.model),
        "expires_at": expiry(state.scheduler.seconds_left(seat)),
        "size_vram": seat.card_bytes,
        "context_length": seat.spec.n_ctx,
        "hearth": {
            "rss_bytes": seat.runner.rss_bytes if seat.runner is not None else 0,
            "cache_bytes": seat.cache_bytes,
        },
    }
