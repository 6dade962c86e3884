"""Making models on a server that speaks Ollama, out of files that may lie on this machine."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path

from inference.conf import LIST_TIMEOUT_S, READ_TIMEOUT_S
from inference.connections.http import UpstreamHttp
from inference.connections.progress import progress_of
from inference.types import PullProgress

PIECE_BYTES = 1024 * 1024


class CreateConnection:
    """Raises UpstreamRefused with the server's own status and sentence, ConnectionFailed and its kinds."""

    def __init__(self, http: UpstreamHttp) -> None:
        self._http = http

    async def copy(self, source: str, destination: str) -> None:
        body = {"source": source, "destination": destination}
        async with self._http.stream("/api/copy", body) as pieces:
            async for _piece in pieces:
                pass

    def lines(self, body: Mapping[str, object]) -> AsyncGenerator[PullProgress, None]:
        """Let the server make a model; `body` is that of `/api/create`."""
        return progress_of(self._http, "/api/create", {**body, "stream": True})

    async def upload(self, path: Path, digest: str) -> AsyncGenerator[PullProgress, None]:
        """Send a file whose digest is known, unless the server has it already.

        Raises OSError when it cannot be read.
        """
        route = f"/api/blobs/{digest}"
        if await self._http.has(route, timeout_s=LIST_TIMEOUT_S):
            return
        size = path.stat().st_size
        sent: asyncio.Queue[int] = asyncio.Queue()
        sending = asyncio.ensure_future(self._http.send(route, _counted(path, sent), size))
        try:
            n_bytes = 0
            while n_bytes < size and not sending.done():
                waiting = asyncio.ensure_future(sent.get())
                await asyncio.wait({sending, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    n_bytes = waiting.result()
                    yield _progress(f"uploading {path.name}", n_bytes, size)
                waiting.cancel()
            await asyncio.wait_for(sending, READ_TIMEOUT_S)
        finally:
            sending.cancel()
            await asyncio.wait({sending})


async def hashed(path: Path) -> AsyncGenerator[PullProgress | str, None]:
    """Read a file; yield how far that is, and at the end its digest. Raises OSError."""
    found = hashlib.sha256()
    n_bytes, size = 0, path.stat().st_size
    async with aclosing(_pieces(path)) as pieces:
        async for piece in pieces:
            await asyncio.to_thread(found.update, piece)
            n_bytes += len(piece)
            yield _progress(f"reading {path.name}", n_bytes, size)
    yield f"sha256:{found.hexdigest()}"


async def _counted(path: Path, sent: asyncio.Queue[int]) -> AsyncIterator[bytes]:
    n_bytes = 0
    async with aclosing(_pieces(path)) as pieces:
        async for piece in pieces:
            yield piece
            n_bytes += len(piece)
            sent.put_nowait(n_bytes)


async def _pieces(path: Path) -> AsyncGenerator[bytes, None]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece


def _progress(status: str, n_bytes: int, size: int) -> PullProgress:
    return PullProgress(status=status, total_bytes=size, completed_bytes=n_bytes)
