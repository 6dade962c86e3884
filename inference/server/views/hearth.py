"""Routes that only Hearth's own clients know: stores on this machine, attaching, the state of the runners."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.library.catalog import Snapshot
from inference.library.discovery import found_stores
from inference.library.locations import Location
from inference.library.models import LibraryModel
from inference.server.bodies import SMALL_BODY, parse_text, read_json
from inference.server.endpoints import endpoint, json_response
from inference.server.seats import Seat
from inference.server.state import ServerState, get_state
from inference.server.variables import in_effect
from inference.server.wire import expiry, listed_model


@endpoint("GET")
async def stores(request: HttpRequest) -> HttpResponseBase:
    known = await asyncio.to_thread(get_state().catalog.known_places)
    found = await asyncio.to_thread(found_stores, os.environ, Path.home(), known=known)
    return json_response({"stores": [asdict(store) for store in found]})


@endpoint("POST")
async def attach(request: HttpRequest) -> HttpResponseBase:
    path = parse_text(read_json(request, SMALL_BODY), "path")
    models = await asyncio.to_thread(_attach, get_state(), path)
    return json_response({"models": [listed_model(model) for model in models]})


@endpoint("GET")
async def status(request: HttpRequest) -> HttpResponseBase:
    state = get_state()
    snapshot = await asyncio.to_thread(state.catalog.snapshot)
    return json_response(_status(state, snapshot))


@endpoint("GET")
async def settings(request: HttpRequest) -> HttpResponseBase:
    return json_response({"settings": in_effect(os.environ), **await get_state().devices.devices()})


def _attach(state: ServerState, path: str) -> list[LibraryModel]:
    """Attach and return the models that lie there, those that were offered before included."""
    location = state.catalog.attachments.attach(path)
    snapshot = state.catalog.snapshot(fresh=True)
    return [model for model in snapshot.models if _lies_in(model.path, location)]


def _lies_in(path: Path, location: Location) -> bool:
    return path == location.path or location.path in path.parents


def _status(state: ServerState, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "models": [_seat(state, seat) for seat in state.scheduler.seats()],
        "n_waiting": state.scheduler.n_waiting(),
        "broken": [{"path": str(broken.path), "error": broken.problem} for broken in snapshot.broken],
    }


def _seat(state: ServerState, seat: Seat) -> dict[str, Any]:
    runner = seat.runner
    return {
        "name": seat.model.name.short,
        "state": seat.state,
        "pid": runner.pid if runner is not None else None,
        "rss_bytes": runner.rss_bytes if runner is not None else None,
        "n_slots": seat.spec.n_slots,
        "n_active": seat.n_active,
        "context_length": seat.spec.n_ctx,
        "load_s": round(seat.load_s, 3),
        "forecast_bytes": seat.needs_bytes,
        "cache_bytes": seat.cache_bytes,
        "card_bytes": seat.card_bytes,
        "expires_at": expiry(state.scheduler.seconds_left(seat)),
    }
