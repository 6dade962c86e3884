"""Everything that one model consists of, as the page about it shows it: `/hearth/contents`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference.errors import BadModelFile
from inference.library.gguf import GgufHeader, read_array_heads, read_header
from inference.library.gguf_format import Scalar
from inference.library.manifests import Layer, Store
from inference.library.models import LibraryModel
from inference.library.names import all_parts
from inference.server.kept import settings_body
from inference.server.showing import manifest_of
from inference.server.wire import timestamp
from inference.types import LoadSettings

MAX_KEYS_TOLD = 2000
"""A file that is not hostile has some dozens."""

MAX_ITEMS = 8
"""Of a list: a vocabulary has hundreds of thousands."""

TEXT_KINDS = ("template", "system", "params", "messages", "license", "config")
MAX_LAYER_CHARACTERS = 100_000

MAX_CHARACTERS = 2000
"""Of one text in a header; a chat template is told whole, apart from its key."""


def model_contents(model: LibraryModel, kept: LoadSettings) -> dict[str, Any]:
    """Return the body. Reads files."""
    return {
        "name": model.name.short,
        "source": model.source,
        "is_ours": model.is_ours,
        "digest": model.digest,
        "size_bytes": model.size_bytes,
        "modified_at": timestamp(model.modified_ns),
        "family": model.family,
        "parameter_size": model.parameter_size,
        "quantization": model.quantization,
        "context_length": model.context_length,
        "capabilities": sorted(model.capabilities),
        "parent": model.baked.parent,
        "layers": _layers(model),
        "files": [_file(kind, path) for kind, path in _files(model)],
        "n_tensors": model.header.tensor_count if model.header is not None else 0,
        "keys": _keys(model.header, model.path) if model.header is not None else [],
        "projector_keys": _projector_keys(model.projector) if model.projector is not None else [],
        "template": model.chat_template or (model.header.chat_template or "" if model.header is not None else ""),
        "template_from": _template_origin(model),
        "system": model.baked.system,
        "parameters": dict(model.baked.options),
        "messages": [{"role": message.role, "content": message.content} for message in model.baked.messages],
        "kept": settings_body(kept),
    }


def _layers(model: LibraryModel) -> list[dict[str, Any]]:
    store, manifest = Store.owning(model.path), manifest_of(model)
    if store is None or manifest is None:
        return []
    layers = [*manifest.layers, *([manifest.config] if manifest.config is not None else [])]
    return [_layer(store, layer, is_config=layer is manifest.config) for layer in layers]


def _layer(store: Store, layer: Layer, *, is_config: bool) -> dict[str, Any]:
    kind = "config" if is_config else layer.kind or layer.media_type
    told = {"kind": kind, "digest": layer.digest, "size_bytes": layer.size_bytes}
    if kind in TEXT_KINDS:
        told["text"] = store.read_text_layer(layer)[:MAX_LAYER_CHARACTERS]
    return told


def _files(model: LibraryModel) -> list[tuple[str, Path]]:
    if model.kind != "llama":
        return []
    files = [("model", path) for path in all_parts(model.path)]
    files += [("projector", model.projector)] if model.projector is not None else []
    return files + [("adapter", path) for path in model.adapters]


def _file(kind: str, path: Path) -> dict[str, Any]:
    try:
        size_bytes = path.stat().st_size
    except OSError:  # It has gone since it was listed.
        size_bytes = 0
    return {"kind": kind, "path": str(path), "size_bytes": size_bytes}


def _template_origin(model: LibraryModel) -> str:
    """Return where the template that chats are rendered with stands: `own`, `manifest`, `file`, or nowhere."""
    if model.chat_template:
        return "own" if model.baked.has_own_template else "manifest"
    return "file" if model.header is not None and model.header.chat_template else ""


def _projector_keys(path: Path) -> list[dict[str, Any]]:
    try:
        return _keys(read_header(path), path)
    except BadModelFile:
        return []


def _keys(header: GgufHeader, path: Path) -> list[dict[str, Any]]:
    scalars = [_scalar(key, value) for key, value in header.metadata.items()]
    lists = [_list(key, head.items, head.count) for key, head in read_array_heads(path, MAX_ITEMS).items()]
    return sorted([*scalars, *lists], key=lambda entry: str(entry["key"]))[:MAX_KEYS_TOLD]


def _scalar(key: str, value: Scalar) -> dict[str, Any]:
    text = _text(value)
    cut = {"n_characters": len(text)} if len(text) > MAX_CHARACTERS else {}
    return {"key": key, "value": text[:MAX_CHARACTERS], **cut}


def _list(key: str, items: Sequence[Scalar], count: int) -> dict[str, Any]:
    return {"key": key, "value": ", ".join(_text(item) for item in items), "n_items": count}


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.7g}" if math.isfinite(value) else str(value)
    return str(value)
