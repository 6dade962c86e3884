"""What the page of models shows: where each model lies, whether it would fit, and how full disk and memory are."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import psutil
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.library.models import LibraryModel
from inference.server.bodies import SMALL_BODY, parse_model, read_json
from inference.server.contents import model_contents
from inference.server.endpoints import endpoint, json_response
from inference.server.fitting import Fit, Setting, fit_of
from inference.server.state import ServerState, get_state


@endpoint("GET")
async def library(request: HttpRequest) -> HttpResponseBase:
    state = get_state()
    free_bytes, cards = state.scheduler.free_bytes_alone(), await state.devices.cards()
    return json_response(await asyncio.to_thread(_library, state, free_bytes, cards))


@endpoint("POST")
async def contents(request: HttpRequest) -> HttpResponseBase:
    state = get_state()
    model = await state.find_model(parse_model(read_json(request, SMALL_BODY)))
    return json_response(await asyncio.to_thread(model_contents, model, state.kept.of(model.name)))


def _library(state: ServerState, free_bytes: int, cards: Sequence[int]) -> dict[str, Any]:
    models = state.catalog.snapshot().models
    disk = shutil.disk_usage(state.config.models_folder)
    return {
        "models": [_model(state, model, free_bytes, cards) for model in models],
        "disk": {
            "free_bytes": disk.free,
            "total_bytes": disk.total,
            "models_bytes": sum(model.size_bytes for model in models if model.is_ours),
        },
        "memory": {"free_bytes": max(0, free_bytes), "total_bytes": psutil.virtual_memory().total},
    }


def _model(state: ServerState, model: LibraryModel, free_bytes: int, cards: Sequence[int]) -> dict[str, Any]:
    return {
        "name": model.name.short,
        "source": model.source,
        "path": str(model.path),
        "is_ours": model.is_ours,
        "fit": fit_body(fit_of(model, state.scheduler.sizing, free_bytes, cards=cards)),
        "measured": state.measured.of(model.digest),
    }


def fit_body(fit: Fit) -> dict[str, Any]:
    """Return a verdict as JSON tells it."""
    return {
        "planned": _setting(fit.planned),
        "free_bytes": max(0, fit.free_bytes),
        "best": _setting(fit.best) if fit.best else None,
        "quantization": fit.quantization,
        "offload": asdict(fit.offload) if fit.offload else None,
    }


def _setting(setting: Setting) -> dict[str, int]:
    return {
        "context_length": setting.n_ctx,
        "n_slots": setting.n_slots,
        "weights_bytes": setting.needs.weights,
        "cache_bytes": setting.needs.cache,
        "work_bytes": setting.needs.work,
    }
