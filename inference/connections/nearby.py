"""Asking the built-in model server for embeddings over its socket, where it runs on the same machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from inference.connections.transport import PerLoop
from inference.errors import UpstreamRefused
from inference.nearby import EmbedAnswered, EmbedAsked, Refused
from inference.runner.protocol import BadFrame, Frame, FrameDecoder, encode_frame

READ_BYTES = 256 * 1024


class _Line:
    """One connection, for one question at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = FrameDecoder()

    async def ask(self, asked: EmbedAsked) -> Frame | None:
        """Return the answer; None when the other side has ended."""
        self._writer.write(encode_frame(asked))
        while data := await self._reader.read(READ_BYTES):
            if frames := self._decoder.feed(data):
                return frames[0]
        return None

    def close(self) -> None:
        self._writer.close()


class _Lines:
    """The connections to a socket that nobody uses at the moment."""

    def __init__(self) -> None:
        self._idle: dict[Path, list[_Line]] = {}

    async def take(self, path: Path) -> _Line:
        """Raises OSError when nobody listens there."""
        if idle := self._idle.get(path):
            return idle.pop()
        return _Line(*await asyncio.open_unix_connection(path))

    def give_back(self, path: Path, line: _Line) -> None:
        self._idle.setdefault(path, []).append(line)

    async def close(self) -> None:
        for lines in self._idle.values():
            for line in lines:
                line.close()


_lines = PerLoop(_Lines, _Lines.close)


async def embed(path: Path, model: str, texts: Sequence[str]) -> npt.NDArray[np.float32] | None:
    """Return vectors of shape (n, n_dims); None when nobody answers there, and HTTP is left.

    Raises UpstreamRefused with what HTTP would have said.
    """
    lines = await _lines.of_this_loop()
    try:
        line = await lines.take(path)
    except (OSError, AttributeError):
        # No such socket, a server that has ended, a system without them.
        return None
    try:
        frame = await line.ask(EmbedAsked(model=model, input=list(texts)))
    except (ConnectionError, BadFrame):
        frame = None
    except BaseException:
        # Who does not wait for the answer closes the connection, which ends what was begun.
        line.close()
        raise
    if frame is None:
        line.close()
        return None
    lines.give_back(path, line)
    answer: EmbedAnswered | Refused = orjson.loads(frame.json)
    if answer["type"] == "refused":
        raise UpstreamRefused(answer["status"], answer["error"])
    return np.frombuffer(frame.raw, dtype="<f4").reshape(-1, answer["n_dims"])
