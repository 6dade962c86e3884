"""What an Ollama tells line by line while it works: a download, or a model that is made."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from inference.connections.http import UpstreamHttp
from inference.dialects.errors import MalformedStream
from inference.dialects.ndjson import NdjsonDecoder
from inference.dialects.ollama import pull_progress
from inference.errors import ConnectionLost, WrongService
from inference.types import PullProgress


async def progress_of(http: UpstreamHttp, path: str, body: Mapping[str, object]) -> AsyncGenerator[PullProgress, None]:
    """Yield the steps of an order, up to its success.

    Raises:
        UpstreamRefused: At the beginning, or in the middle.
        ConnectionLost: The lines ended before the work did.
    """
    decoder = NdjsonDecoder()
    last: PullProgress | None = None
    try:
        async with http.stream(path, body) as pieces:
            async for piece in pieces:
                for line in decoder.feed(piece):
                    last = pull_progress(line)
                    yield last
            for line in decoder.finish():
                last = pull_progress(line)
                yield last
    except MalformedStream as exc:
        raise WrongService(http.spec.url, str(exc)) from exc
    if last is None or last.status != "success":
        raise ConnectionLost(http.spec.url)
