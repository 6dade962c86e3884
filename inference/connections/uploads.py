"""Model files on their way to the built-in server."""

from __future__ import annotations

from uuid import UUID

from inference.conf import LIST_TIMEOUT_S
from inference.connections.http import UpstreamHttp
from inference.dialects import uploads
from inference.dialects.content_digest import content_digest
from inference.types import ModelUpload, UploadCheck

ROUTE = "/hearth/uploads"
CHUNK_TIMEOUT_S = 120.0
"""One chunk over a slow line to another machine, and onto a slow disk."""


class UploadConnection:
    """Raises UpstreamRefused with the server's own status and sentence, ConnectionFailed and its kinds."""

    def __init__(self, http: UpstreamHttp) -> None:
        self._http = http

    async def uploads(self) -> list[ModelUpload]:
        body = await self._http.get(ROUTE, timeout_s=LIST_TIMEOUT_S)
        with self._http.understanding():
            return uploads.listed_uploads(body)

    async def begin(self, name: str, size_bytes: int, modified_ms: int) -> ModelUpload:
        wanted = {"name": name, "size_bytes": size_bytes, "modified_ms": modified_ms}
        body = await self._http.post(ROUTE, wanted, timeout_s=LIST_TIMEOUT_S)
        with self._http.understanding():
            return uploads.model_upload(body)

    async def send(self, upload_id: UUID, index: int, data: bytes, digest: bytes) -> None:
        headers = {"Content-Type": "application/octet-stream", "Content-Digest": content_digest(digest)}
        path = f"{ROUTE}/{upload_id}/chunks/{index}"
        await self._http.put(path, data, headers=headers, timeout_s=CHUNK_TIMEOUT_S)

    async def finish(self, upload_id: UUID, digest: bytes) -> UploadCheck:
        """Let a part of the whole file be checked; to be called again until it is finished."""
        body = {"digest": digest.hex()}
        path = f"{ROUTE}/{upload_id}/finish"
        return uploads.upload_check(await self._http.post(path, body, timeout_s=CHUNK_TIMEOUT_S))

    async def remove(self, upload_id: UUID) -> None:
        await self._http.delete(f"{ROUTE}/{upload_id}", {}, timeout_s=LIST_TIMEOUT_S)
