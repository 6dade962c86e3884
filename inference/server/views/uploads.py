"""Model files that arrive in pieces: begin, send chunks in any order, finish. See `inference.library.uploads`."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.dialects.content_digest import parse_content_digest
from inference.errors import InvalidRequest
from inference.library.uploads import Checked, Upload
from inference.server.bodies import SMALL_BODY, parse_count, parse_text, read_bytes, read_json
from inference.server.endpoints import endpoint, json_response
from inference.server.state import ServerState, get_state
from inference.server.wire import listed_model
from inference.types import UPLOAD_CHUNK_BYTES

CHECK_PATIENCE_S = 1.0
"""A large file is read again in many requests of about this length: none of them waits for minutes."""


@endpoint("GET", "POST")
async def uploads(request: HttpRequest) -> HttpResponseBase:
    receiver = get_state().receiver
    if request.method == "GET":
        return json_response({"uploads": [_upload(upload) for upload in await asyncio.to_thread(receiver.uploads)]})
    body = read_json(request, SMALL_BODY)
    upload = await asyncio.to_thread(
        receiver.begin, parse_text(body, "name"), parse_count(body, "size_bytes"), parse_count(body, "modified_ms")
    )
    return json_response(_upload(upload) | {"digests": [digest.hex() if digest else "" for digest in upload.digests]})


@endpoint("DELETE")
async def upload(request: HttpRequest, upload_id: UUID) -> HttpResponseBase:
    await asyncio.to_thread(get_state().receiver.remove, upload_id)
    return json_response({})


@endpoint("PUT")
async def chunk(request: HttpRequest, upload_id: UUID, index: int) -> HttpResponseBase:
    """Take one chunk; its SHA-256 stands in the header `Content-Digest` of RFC 9530."""
    digest = parse_content_digest(request.headers.get("Content-Digest", ""))
    if digest is None:
        raise InvalidRequest("the header Content-Digest must hold the chunk's sha-256")
    data = read_bytes(request, UPLOAD_CHUNK_BYTES)
    await asyncio.to_thread(get_state().receiver.write, upload_id, index, data, digest)
    return json_response({})


@endpoint("POST")
async def finish(request: HttpRequest, upload_id: UUID) -> HttpResponseBase:
    """Check the whole file, a part in each request; the last answer names the models that it brought."""
    text = parse_text(read_json(request, SMALL_BODY), "digest")
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        raise InvalidRequest("digest must be written in hex") from None
    state = get_state()
    checked = await asyncio.to_thread(state.receiver.finish, upload_id, digest, patience_s=CHECK_PATIENCE_S)
    return json_response(await asyncio.to_thread(_checked, state, checked))


def _upload(upload: Upload) -> dict[str, Any]:
    return {
        "id": str(upload.id),
        "name": upload.name,
        "size_bytes": upload.size_bytes,
        "received_bytes": upload.received_bytes,
        "chunk_bytes": upload.chunk_bytes,
    }


def _checked(state: ServerState, checked: Checked) -> dict[str, Any]:
    found = state.catalog.snapshot(fresh=True).models if checked.path else ()
    return {
        "is_finished": checked.path is not None,
        "checked_bytes": checked.checked_bytes,
        "sha256": checked.sha256,
        "models": [listed_model(model) for model in found if model.path == checked.path],
    }
