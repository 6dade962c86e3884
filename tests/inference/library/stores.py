"""Build stores in Ollama's layout for tests."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson

from inference.library.manifests import LAYER_TYPE, Store
from inference.library.names import ModelName


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": LAYER_TYPE + kind, "digest": digest_of(data), "size": len(data)}


def manifest_bytes(*layers: dict[str, Any], config: dict[str, Any] | None = None) -> bytes:
    manifest = {"schemaVersion": 2, "layers": list(layers)}
    return orjson.dumps(manifest | ({"config": config} if config is not None else {}))


def make_store(root: Path) -> Store:
    store = Store(root)
    store.blobs.mkdir(parents=True)
    store.manifests.mkdir()
    return store


def put_model(store: Store, name: str, config: bytes | None = None, **layers: bytes) -> Path:
    """Write a model's blobs and manifest; return the blob of its weights."""
    for data in (*layers.values(), *([config] if config is not None else [])):
        store.blob_file(digest_of(data)).write_bytes(data)
    described = layer("config", config) if config is not None else None
    manifest = manifest_bytes(*(layer(kind, data) for kind, data in layers.items()), config=described)
    store.write_manifest(ModelName.parse(name), manifest)
    return store.blob_file(digest_of(layers["model"])) if "model" in layers else store.root
