"""What the built-in server says about model files on their way: its routes below `/hearth/uploads`."""

from __future__ import annotations

from uuid import UUID

from inference.dialects.errors import MalformedStream
from inference.dialects.ndjson import JsonObject
from inference.dialects.values import items, mapping, size, text
from inference.types import ModelUpload, UploadCheck


def listed_uploads(body: JsonObject) -> list[ModelUpload]:
    return [model_upload(entry) for entry in map(mapping, items(body.get("uploads")))]


def model_upload(body: JsonObject) -> ModelUpload:
    """Raises MalformedStream when it is none."""
    try:
        upload_id = UUID(text(body.get("id")))
    except ValueError:
        raise MalformedStream("an upload without an id") from None
    chunk_bytes, size_bytes = size(body.get("chunk_bytes")), size(body.get("size_bytes"))
    if not chunk_bytes or not size_bytes:
        raise MalformedStream("an upload without sizes")
    return ModelUpload(
        id=upload_id,
        name=text(body.get("name")),
        size_bytes=size_bytes,
        received_bytes=size(body.get("received_bytes")) or 0,
        chunk_bytes=chunk_bytes,
        digests=tuple(map(text, items(body.get("digests")))),
    )


def upload_check(body: JsonObject) -> UploadCheck:
    return UploadCheck(
        is_finished=body.get("is_finished") is True,
        checked_bytes=size(body.get("checked_bytes")) or 0,
        sha256=text(body.get("sha256")),
        models=tuple(text(mapping(model).get("name")) for model in items(body.get("models"))),
    )
