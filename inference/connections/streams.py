"""The thin loop between a stream of bytes and the decoder of its dialect."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

from inference.dialects.errors import MalformedStream
from inference.errors import ConnectionLost, InferenceError, WrongService
from inference.types import ChatEvent


class ChatDecoder(Protocol):
    error: InferenceError | MalformedStream | None
    is_finished: bool

    def feed(self, data: bytes) -> list[ChatEvent]: ...

    def finish(self) -> list[ChatEvent]: ...


async def chat_events(url: str, pieces: AsyncIterator[bytes], decoder: ChatDecoder) -> AsyncGenerator[ChatEvent, None]:
    """Yield the events of a stream up to its end; what was said before an error comes first.

    Raises:
        ConnectionLost: The bytes ended before the answer did.
        WrongService: The bytes stopped making sense.
        UpstreamRefused: The stream told of an error.
    """
    async for piece in pieces:
        for event in decoder.feed(piece):
            yield event
        _raise(url, decoder)
        if decoder.is_finished:
            return
    for event in decoder.finish():
        yield event
    _raise(url, decoder)
    if not decoder.is_finished:
        raise ConnectionLost(url)


def _raise(url: str, decoder: ChatDecoder) -> None:
    if isinstance(decoder.error, MalformedStream):
        raise WrongService(url, str(decoder.error)) from decoder.error
    if decoder.error:
        raise decoder.error
