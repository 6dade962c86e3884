"""What the built-in server says about Hugging Face: `/hearth/hub/search` and `/hearth/hub/models`."""

from __future__ import annotations

from inference.dialects.library import model_fit
from inference.dialects.ndjson import JsonObject
from inference.dialects.values import count, items, mapping, size, text
from inference.types import HubModel, HubModels, HubRepository


def repositories(body: JsonObject) -> list[HubRepository]:
    return [
        HubRepository(
            name=text(entry.get("name")),
            n_downloads=count(entry.get("n_downloads")) or 0,
            n_likes=count(entry.get("n_likes")) or 0,
            is_gated=entry.get("is_gated") is True,
            updated_at=text(entry.get("updated_at")),
        )
        for entry in map(mapping, items(body.get("repositories")))
        if text(entry.get("name"))
    ]


def models(body: JsonObject) -> HubModels:
    return HubModels(
        repository=text(body.get("repository")),
        commit=text(body.get("commit")),
        is_gated=body.get("is_gated") is True,
        models=tuple(_model(entry) for entry in map(mapping, items(body.get("models"))) if text(entry.get("name"))),
        best=text(body.get("best")),
        problem=text(body.get("problem")),
    )


def _model(body: JsonObject) -> HubModel:
    fit = body.get("fit")
    return HubModel(
        name=text(body.get("name")),
        quantization=text(body.get("quantization")),
        size_bytes=size(body.get("size_bytes")) or 0,
        n_files=count(body.get("n_files")) or 1,
        has_projector=body.get("has_projector") is True,
        fit=model_fit(fit) if isinstance(fit, dict) else None,
    )
