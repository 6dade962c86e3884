"""Read the header of a GGUF at another machine, without its gigabytes."""

from __future__ import annotations

import asyncio

from inference.errors import BadModelFile
from inference.library.errors import RegistryFailed
from inference.library.gguf import GgufHeader, read_source
from inference.library.remote import RemoteFile

MAX_TRAFFIC_BYTES = 32 * 1024 * 1024
"""A vocabulary of 150 000 tokens with its merges takes 6 MB."""
MAX_READS = 64
PATIENCE_S = 60.0


async def read_remote_header(remote: RemoteFile, name: str) -> GgufHeader:
    """Return a remote file's header.

    Raises:
        RegistryFailed, SizeMismatch: It cannot be read in ranges, or not in time.
        BadModelFile: It is no GGUF, or its header is broken or larger than any real one.
    """
    source = _RemoteSource(remote, name, asyncio.get_running_loop())
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.to_thread(read_source, source, name)
    except TimeoutError as exc:
        raise RegistryFailed(remote.host, "it did not answer in time") from exc


class _RemoteSource:
    """Lets a reader in a thread read through the event loop."""

    def __init__(self, remote: RemoteFile, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.size_bytes = remote.size_bytes
        self._remote = remote
        self._name = name
        self._loop = loop
        self._n_bytes = self._n_reads = 0

    def read(self, start: int, n_bytes: int) -> bytes:
        stop = min(start + n_bytes, self.size_bytes)
        self._n_bytes += stop - start
        self._n_reads += 1
        if self._n_bytes > MAX_TRAFFIC_BYTES or self._n_reads > MAX_READS:
            raise BadModelFile(self._name, "its header is larger than any real one")
        reading = asyncio.run_coroutine_threadsafe(self._remote.read(start, stop), self._loop)
        try:
            return reading.result(PATIENCE_S)
        except TimeoutError as exc:
            reading.cancel()
            raise RegistryFailed(self._remote.host, "it did not answer in time") from exc
