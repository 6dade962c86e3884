"""What the built-in server says about one model, `/hearth/contents`, and how it is told to make one: `/api/create`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal, cast

from inference.dialects.ndjson import JsonObject
from inference.dialects.values import count, items, mapping, moment, size, text
from inference.types import (
    ChatMessage,
    HeaderKey,
    LoadSettings,
    ModelChange,
    ModelContents,
    ModelPart,
    ModelSource,
    Role,
)

SOURCES = ("folder", "pulled", "ollama", "attached", "embedded")


def source(value: object) -> ModelSource:
    return cast(ModelSource, value) if value in SOURCES else "folder"


def contents(body: JsonObject) -> ModelContents:
    return ModelContents(
        name=text(body.get("name")),
        source=source(body.get("source")),
        is_ours=body.get("is_ours") is True,
        digest=text(body.get("digest")),
        size_bytes=size(body.get("size_bytes")) or 0,
        modified_at=moment(body.get("modified_at")),
        family=text(body.get("family")),
        parameter_size=text(body.get("parameter_size")),
        quantization=text(body.get("quantization")),
        context_length=count(body.get("context_length")) or None,
        capabilities=tuple(filter(None, map(text, items(body.get("capabilities"))))),
        parent=text(body.get("parent")),
        layers=tuple(map(_part, map(mapping, items(body.get("layers"))))),
        files=tuple(map(_part, map(mapping, items(body.get("files"))))),
        n_tensors=count(body.get("n_tensors")) or 0,
        keys=tuple(map(_key, map(mapping, items(body.get("keys"))))),
        projector_keys=tuple(map(_key, map(mapping, items(body.get("projector_keys"))))),
        template=text(body.get("template")),
        template_from=_template_origin(body.get("template_from")),
        system=text(body.get("system")),
        parameters=mapping(body.get("parameters")),
        messages=tuple(
            ChatMessage(role=cast(Role, message.get("role")), content=text(message.get("content")))
            for message in map(mapping, items(body.get("messages")))
            if message.get("role") in ("system", "user", "assistant")
        ),
        kept=_settings(mapping(body.get("kept"))),
    )


def settings_body(name: str, settings: LoadSettings) -> JsonObject:
    """Return the body of `/hearth/forecast`, `/hearth/load` and `/hearth/kept`."""
    return {"model": name, "settings": asdict(settings)}


def create_body(change: ModelChange) -> JsonObject:
    fields = {"template": change.template, "system": change.system, "parameters": dict(change.parameters)}
    body: JsonObject = {"model": change.name, "from": change.base}
    body |= {name: value for name, value in fields.items() if value}
    return body | ({"hearth": {"remove": list(change.removed)}} if change.removed else {})


def _settings(body: JsonObject) -> LoadSettings:
    kv_cache_type = body.get("kv_cache_type")
    return LoadSettings(
        num_ctx=count(body.get("num_ctx")),
        num_parallel=count(body.get("num_parallel")),
        kv_cache_type=kv_cache_type if kv_cache_type in ("f16", "q8_0", "q4_0") else None,
        num_thread=count(body.get("num_thread")),
        num_gpu=count(body.get("num_gpu")),
    )


def _part(body: JsonObject) -> ModelPart:
    return ModelPart(
        kind=text(body.get("kind")),
        size_bytes=size(body.get("size_bytes")) or 0,
        digest=text(body.get("digest")),
        path=text(body.get("path")),
        text=text(body.get("text")),
    )


def _key(body: JsonObject) -> HeaderKey:
    return HeaderKey(
        key=text(body.get("key")),
        value=text(body.get("value")),
        n_items=count(body.get("n_items")),
        n_characters=count(body.get("n_characters")),
    )


def _template_origin(value: object) -> Literal["own", "manifest", "file", ""]:
    match value:
        case "own" | "manifest" | "file":
            return value
    return ""
