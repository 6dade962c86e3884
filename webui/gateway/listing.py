"""The models that somebody may use, in the words of each dialect. Nothing tells where they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inference.types import LoadedModel, ModelInfo

JsonObject = dict[str, Any]


def openai_model(model: ModelInfo) -> JsonObject:
    created = int(model.modified_at.timestamp()) if model.modified_at else 0
    return {"id": model.id, "object": "model", "created": created, "owned_by": "hearth"}


def openai_models(models: Iterable[ModelInfo]) -> JsonObject:
    return {"object": "list", "data": [openai_model(model) for model in models]}


def ollama_models(models: Iterable[ModelInfo]) -> JsonObject:
    return {"models": [_ollama_model(model) for model in models]}


def ollama_loaded(loaded: Iterable[LoadedModel], models: Iterable[ModelInfo]) -> JsonObject:
    """Return what is in memory of these models."""
    known = {model.id: model for model in models}
    return {
        "models": [
            {
                **_ollama_model(known[model.name]),
                "size": model.size_bytes,
                "size_vram": model.gpu_bytes,
                "expires_at": model.expires_at.isoformat() if model.expires_at else None,
                "context_length": model.context_length or 0,
            }
            for model in loaded
            if model.name in known
        ]
    }


def _ollama_model(model: ModelInfo) -> JsonObject:
    return {
        "name": model.id,
        "model": model.id,
        "modified_at": model.modified_at.isoformat() if model.modified_at else None,
        "size": model.size_bytes or 0,
        "digest": model.digest or "",
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": model.family or "",
            "families": [model.family] if model.family else [],
            "parameter_size": model.parameter_size or "",
            "quantization_level": model.quantization or "",
        },
    }
