"""Answers that are made while they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import cast

from channels.db import DatabaseSyncToAsync
from django.http import StreamingHttpResponse


class PieceByPiece(StreamingHttpResponse):
    """Sends what a generator yields as it comes; Django would gather all of it first."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(cast(Iterable[bytes], self.streaming_content))
        take = DatabaseSyncToAsync(next, thread_sensitive=False)
        while (piece := await take(pieces, None)) is not None:
            yield piece
