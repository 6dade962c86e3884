"""Loading a model in a certain way: what that would take, doing it, and keeping it for every later load."""

from __future__ import annotations

import asyncio

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.errors import InvalidRequest
from inference.library.models import LibraryModel
from inference.server.bodies import SMALL_BODY, parse_model, read_json
from inference.server.endpoints import endpoint, json_response
from inference.server.fields import typed_field
from inference.server.fitting import fit_of
from inference.server.forecast import cache_problem
from inference.server.kept import parse_settings, settings_body
from inference.server.sizing import Window
from inference.server.state import ServerState, get_state
from inference.server.views.library import fit_body
from inference.types import LoadSettings


@endpoint("POST")
async def forecast(request: HttpRequest) -> HttpResponseBase:
    state = get_state()
    model, settings = await _asked(state, request)
    free_bytes, cards = state.scheduler.free_bytes_alone(), await state.devices.cards()
    fit = await asyncio.to_thread(fit_of, model, state.scheduler.sizing, free_bytes, settings, cards)
    return json_response(fit_body(fit))


@endpoint("POST")
async def load(request: HttpRequest) -> HttpResponseBase:
    """Load the model with these settings and no others; answers once it is in memory.

    It is loaded anew when it is there in another way, once the answers that it writes are finished.
    """
    state = get_state()
    model, settings = await _asked(state, request)
    scheduler = state.scheduler
    spec, _needs = scheduler.sizing.plan(model, Window(), scheduler.free_bytes_alone(), settings)
    ticket = scheduler.take_ticket(model, spec=spec)
    try:
        await ticket.runner()
    finally:
        ticket.close()
    return json_response({"context_length": spec.n_ctx, "n_slots": spec.n_slots, "kv_cache_type": spec.kv_type})


@endpoint("POST")
async def keep(request: HttpRequest) -> HttpResponseBase:
    """Keep the settings for every later load; without any, forget what was kept."""
    state = get_state()
    model, settings = await _asked(state, request)
    state.kept.keep(model.name, settings)
    return json_response({"settings": settings_body(settings)})


async def _asked(state: ServerState, request: HttpRequest) -> tuple[LibraryModel, LoadSettings]:
    body = read_json(request, SMALL_BODY)
    model = await state.find_model(parse_model(body))
    settings = parse_settings(typed_field(body, "settings", dict, {}))
    problem = cache_problem(model, settings.kv_cache_type or "f16")
    if problem:
        raise InvalidRequest(problem)
    if settings.kv_cache_type not in (None, "f16") and state.config.flash_attention is False:
        raise InvalidRequest(
            f'option "kv_cache_type" {settings.kv_cache_type} needs flash attention, which OLLAMA_FLASH_ATTENTION '
            "switches off"
        )
    return model, settings
