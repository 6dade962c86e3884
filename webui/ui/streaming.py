"""Answers that are made while they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, cast

from channels.db import DatabaseSyncToAsync
from django.http import StreamingHttpResponse
from django.utils import translation


class PieceByPiece(StreamingHttpResponse):
    """Sends what a generator yields as it comes; Django would gather all of it first.

    The generator speaks the language of the request.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._language = translation.get_language()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(cast(Iterable[bytes], self.streaming_content))
        take = DatabaseSyncToAsync(next, thread_sensitive=False)
        while True:
            # The generator runs when the middleware of languages is through.
            with translation.override(self._language):
                piece = await take(pieces, None)
            if piece is None:
                return
            yield piece
