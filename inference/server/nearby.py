"""Embeddings over a Unix socket, for the web process beside this server: HTTP took longer than the embedding.

See `inference.nearby`. It asks for no key: whoever can open the file runs Hearth, or is its administrator.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from pathlib import Path

import orjson

from inference.errors import InferenceError
from inference.nearby import EmbedAnswered, Refused
from inference.runner.protocol import BadFrame, Frame, FrameDecoder, encode_frame
from inference.server.askers import Asker
from inference.server.bodies import parse_embed
from inference.server.errors import answer_for
from inference.server.views.embeddings import embed_texts

logger = logging.getLogger(__name__)

READ_BYTES = 256 * 1024
_ASKER = Asker(key="nearby")


async def serve_nearby(path: Path) -> None:
    """Listen until cancelled. Without such a socket everything goes over HTTP, only slower."""
    try:
        listener = _bound(path)
    except (OSError, AttributeError) as exc:
        logger.info("no socket for processes nearby: %s", exc)
        return
    server = await asyncio.start_unix_server(_serve, sock=listener)
    try:
        # Not `serve_forever`, which waits at its end for who is still connected.
        await asyncio.Event().wait()
    finally:
        server.close()
        path.unlink(missing_ok=True)


def _bound(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    decoder = FrameDecoder()
    with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.CancelledError):
        try:
            while data := await reader.read(READ_BYTES):
                for frame in decoder.feed(data):
                    answer = await _answer_until_left(frame, reader)
                    if answer is None:
                        return
                    writer.write(answer)
                    await writer.drain()
        except BadFrame as exc:
            logger.warning("a process nearby speaks another protocol: %s", exc)


async def _answer_until_left(frame: Frame, reader: asyncio.StreamReader) -> bytes | None:
    """Return the answer to a frame; None when whoever asked has left, which ends what was begun for them."""
    answering = asyncio.create_task(_answer(frame))
    # Nothing else is said before the answer.
    leaving = asyncio.create_task(reader.read(1))
    try:
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    finally:
        for task in (answering, leaving):
            task.cancel()
        await asyncio.wait((answering, leaving))


async def _answer(frame: Frame) -> bytes:
    try:
        body = parse_embed(orjson.loads(frame.json))
        embedded, _load_s = await embed_texts(body, _ASKER)
    except InferenceError as exc:
        refusal = answer_for(exc)
        return encode_frame(Refused(type="refused", status=refusal.status, error=refusal.text))
    if embedded is None:
        return encode_frame(EmbedAnswered(type="embedded", n_dims=0))
    vectors = embedded.vectors
    return encode_frame(EmbedAnswered(type="embedded", n_dims=vectors.shape[1]), vectors.astype("<f4").tobytes())
