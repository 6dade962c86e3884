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


def manifest_bytes(*layers: dict[str, Any]) -> bytes:
    return orjson.dumps({"schemaVersion": 2, "layers": list(layers)})


def make_store(root: Path) -> Store:
    store = Store(root)
    store.blobs.mkdir(parents=True)
    store.manifests.mkdir()
    return store


def put_model(store: Store, name: str, **layers: bytes) -> Path:
    """Write a model's blobs and manifest; return the blob of its weights."""
    for data in layers.values():
        store.blob_file(digest_of(data)).write_bytes(data)
    store.write_manifest(ModelName.parse(name), manifest_bytes(*(layer(kind, data) for kind, data in layers.items())))
    return store.blob_file(digest_of(layers["model"])) if "model" in layers else store.root
