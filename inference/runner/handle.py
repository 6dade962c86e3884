"""The asyncio side of one runner process: start it, ask it, notice its end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Sequence

import numpy as np
import psutil

from inference.errors import (
    BadModelFile,
    InvalidRequest,
    ModelLoadFailed,
    OutOfMemory,
    RunnerDied,
)
from inference.runner.environment import child_environment
from inference.runner.image_files import check_images
from inference.runner.mailbox import Mailbox, OnPause
from inference.runner.options import checked_options
from inference.runner.processor import WITHOUT_TILES, has_matrix_tiles
from inference.runner.protocol import (
    CancelCommand,
    Command,
    EmbedCommand,
    Frame,
    FrameDecoder,
    LoadCommand,
    LoadFailure,
    PauseCommand,
    RankCommand,
    Reply,
    ResumeCommand,
    StopCommand,
    encode_frame,
)
from inference.runner.types import (
    Embedded,
    GenerateRequest,
    Queued,
    Ranked,
    RunnerEvent,
    RunnerFacts,
    RunnerFinished,
    RunnerSpec,
    TextDelta,
)
from inference.runner.wire_requests import generate_command, image_bytes, wire_spec

__all__ = [
    "Embedded",
    "GenerateRequest",
    "Queued",
    "Ranked",
    "RunnerEvent",
    "RunnerFacts",
    "RunnerFinished",
    "RunnerHandle",
    "RunnerSpec",
    "TextDelta",
]

logger = logging.getLogger(__name__)

_without_tiles = False

STOP_GRACE_S = 2.0
PARK_GRACE_S = 2.5
"""How long an ending process may take to keep its decoded prompts."""

READ_BYTES = 1 << 20


class RunnerHandle:
    """One runner process. Whoever started it owns it and calls `stop`; all methods belong to one event loop."""

    def __init__(self, spec: RunnerSpec, process: subprocess.Popen[bytes]) -> None:
        """Use `start`."""
        self.spec = spec
        self.pid = process.pid
        self._process = process
        self._facts: RunnerFacts | None = None
        self._ids = itertools.count(1)
        self._mailboxes: dict[int, Mailbox] = {}
        self._death: RunnerDied | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, spec: RunnerSpec, *, timeout_s: float) -> RunnerHandle:
        """Start a process and wait until its model is loaded. Cancelling the wait ends the process.

        Raises:
            BadModelFile: The header reader refused the file.
            ModelLoadFailed: The model does not fit, loads too slowly, or its process ended or could not be started.
        """
        global _without_tiles  # What one load has found out about the processor holds for all later ones.
        without_tiles = _without_tiles  # Another load may find out meanwhile.
        try:
            return await cls._start_once(spec, timeout_s, without_tiles=without_tiles)
        except _IllegalInstruction:
            if without_tiles or not has_matrix_tiles():
                raise
            logger.warning("AMX does not work on this machine; %s is loaded without it", spec.model)
        handle = await cls._start_once(spec, timeout_s, without_tiles=True)
        _without_tiles = True
        return handle

    @classmethod
    async def _start_once(cls, spec: RunnerSpec, timeout_s: float, *, without_tiles: bool) -> RunnerHandle:
        try:
            process, connection = _spawn(without_tiles=without_tiles)
        except OSError as exc:  # Too many processes or open files, or too little memory for one more.
            raise ModelLoadFailed(spec.model, f"its process cannot be started: {exc.strerror}") from exc
        handle = cls(spec, process)
        try:
            async with asyncio.timeout(timeout_s):
                await handle._load(connection)
        except TimeoutError:
            raise ModelLoadFailed(spec.model, f"it did not load within {timeout_s:g} s") from None
        finally:
            if handle._facts is None:
                await handle.stop()
        return handle

    @property
    def facts(self) -> RunnerFacts:
        if self._facts is None:
            raise RuntimeError("the model is not loaded")
        return self._facts

    @property
    def is_alive(self) -> bool:
        return self._death is None and self._process.poll() is None

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the process; 0 once it has ended."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss) if self.is_alive else 0
        except psutil.Error:
            return 0

    @property
    def n_active(self) -> int:
        """Requests that wait or are being answered."""
        return len(self._mailboxes)

    async def generate(
        self, request: GenerateRequest, *, on_pause: OnPause | None = None
    ) -> AsyncGenerator[RunnerEvent, None]:
        """Yield the events of one generation, the last of them RunnerFinished. Closing the iterator stops the decode.

        Text that arrives while the caller is busy is merged into one event; when that is too much, the process writes
        no more of this answer until the caller has taken it.

        Args:
            on_pause: Told when that begins, and when it ends. Meanwhile the answer's slot is anybody's who needs it.

        Raises:
            InvalidRequest: An option is out of range, or the prompt does not fit the context window.
            QueueFull: Too many requests wait already.
            RunnerDied: The process ended before the answer did.
        """
        if request.messages is None and request.prompt is None:
            raise InvalidRequest("there are neither messages nor a prompt")
        checked_options(request.options)
        check_images([image for message in request.messages or () for image in message.images])
        with self._mailbox(on_pause) as (number, mailbox):
            try:
                self._send(generate_command(number, request), image_bytes(request))
            except (TypeError, RecursionError):
                raise InvalidRequest("the schema of a format or of a tool is nested too deeply") from None
            while not isinstance(event := await mailbox.take(), RunnerFinished):
                if isinstance(event, Embedded | Ranked):
                    raise RuntimeError("the runner answered a question with numbers")
                if mailbox.is_paused and not mailbox.is_full:
                    self._send(ResumeCommand(op="resume", id=number))
                    mailbox.pause(is_paused=False)
                yield event
        # Callers rarely ask again after the last event, and its place must not stay open for that.
        yield event

    async def embed(self, texts: Sequence[str], *, truncate: bool = True) -> Embedded:
        """Return the embeddings of some texts.

        Raises:
            InvalidRequest: A text is too long and `truncate` is off.
            RunnerDied: The process ended before the answer came.
        """
        with self._mailbox() as (number, mailbox):
            self._send(EmbedCommand(op="embed", id=number, texts=list(texts), truncate=truncate))
            event = await mailbox.take()
            if not isinstance(event, Embedded):
                raise RuntimeError("the runner answered texts with a generation")
            return event

    async def rank(self, query: str, documents: Sequence[str], *, truncate: bool = True) -> Ranked:
        """Return how well each of some documents answers a query.

        Raises:
            InvalidRequest: The query leaves no room for a document, or a document is too long and `truncate` is off.
            RunnerDied: The process ended before the answer came.
        """
        with self._mailbox() as (number, mailbox):
            self._send(RankCommand(op="rank", id=number, query=query, documents=list(documents), truncate=truncate))
            event = await mailbox.take()
            if not isinstance(event, Ranked):
                raise RuntimeError("the runner answered a query with something else than scores")
            return event

    async def stop(self) -> None:
        """End the process and wait for its end. What it was doing fails with RunnerDied. Safe to call twice."""
        if self._facts is not None:
            self._send(StopCommand(op="stop"))
            await self._exited(PARK_GRACE_S)
        self._hang_up()
        if not await self._exited(STOP_GRACE_S):
            logger.warning("The runner of %s did not end by itself and is killed", self.spec.model)
            self._process.kill()
            await self._exited(STOP_GRACE_S)
        if self._listener is not None:
            await self._listener

    async def _load(self, connection: socket.socket) -> None:
        try:
            reader, self._writer = await asyncio.open_connection(sock=connection)
        except BaseException:
            connection.close()
            raise
        self._send(LoadCommand(op="load", spec=wire_spec(self.spec)))
        decoder = FrameDecoder()
        while self._facts is None:
            data = await _read(reader)
            if not data:
                await self._exited(STOP_GRACE_S)
                error = _LOAD_ENDINGS.get(self._process.returncode or 0, ModelLoadFailed)
                cause = ", as when memory runs out" if error is OutOfMemory else ""
                raise error(self.spec.model, f"its process ended {_ending(self._process.returncode)}{cause}")
            for frame in decoder.feed(data):
                self._loaded(frame.reply())
        self._listener = asyncio.create_task(self._listen(reader, decoder), name=f"runner {self.spec.model}")

    def _loaded(self, reply: Reply) -> None:
        if reply["type"] == "load_failed":
            raise _LOAD_FAILURES[reply["cause"]](self.spec.model, reply["detail"])
        if reply["type"] == "ready":
            self._facts = RunnerFacts(**reply["facts"])

    async def _listen(self, reader: asyncio.StreamReader, decoder: FrameDecoder) -> None:
        """Hand out what the process sends until it ends, then tell everybody who waits."""
        try:
            while data := await _read(reader):
                for frame in decoder.feed(data):
                    self._deliver(frame)
        finally:
            self._hang_up()
            if not await self._exited(STOP_GRACE_S):
                self._process.kill()
                await self._exited(STOP_GRACE_S)
            self._death = RunnerDied(self.spec.model, self._process.returncode)
            for mailbox in self._mailboxes.values():
                mailbox.fail(self._death)

    def _deliver(self, frame: Frame) -> None:
        reply = frame.reply()
        if reply["type"] == "step":
            for event in reply["events"]:
                if (mailbox := self._mailboxes.get(event["id"])) is not None:
                    mailbox.put_wire(event)
                    self._hold_back(event["id"], mailbox)
        elif reply["type"] == "embedded" and (mailbox := self._mailboxes.get(reply["id"])) is not None:
            vectors = np.frombuffer(frame.raw, np.float32).reshape(-1, reply["n_dims"])
            mailbox.put(Embedded(vectors=vectors, n_tokens=reply["n_tokens"]))
        elif reply["type"] == "ranked" and (mailbox := self._mailboxes.get(reply["id"])) is not None:
            scores = np.frombuffer(frame.raw, np.float32)
            mailbox.put(Ranked(scores=scores, n_tokens=reply["n_tokens"], n_shortened=reply["n_shortened"]))

    def _hold_back(self, number: int, mailbox: Mailbox) -> None:
        """Let the process wait with an answer whose reader does not keep up."""
        if mailbox.is_full and not mailbox.is_paused:
            self._send(PauseCommand(op="pause", id=number))
            mailbox.pause(is_paused=True)

    @contextlib.contextmanager
    def _mailbox(self, on_pause: OnPause | None = None) -> Iterator[tuple[int, Mailbox]]:
        """Open a place for the answers to one request; at the end tell the process that nobody waits any more."""
        if self._death is not None:
            raise RunnerDied(self.spec.model, self._death.exit_code)
        number, mailbox = next(self._ids), Mailbox(on_pause)
        self._mailboxes[number] = mailbox
        try:
            yield number, mailbox
        finally:
            del self._mailboxes[number]
            self._send(CancelCommand(op="cancel", id=number))

    def _send(self, command: Command, raw: bytes = b"") -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode_frame(command, raw))

    def _hang_up(self) -> None:
        """Close our end of the socket, which ends the process."""
        if self._writer is not None:
            self._writer.close()
        else:
            self._process.kill()

    async def _exited(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while self._process.poll() is None:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.005)
        return True


class _IllegalInstruction(ModelLoadFailed):
    """The process ended because the processor does not know what it was told to do."""


_LOAD_FAILURES: dict[LoadFailure, type[ModelLoadFailed]] = {
    "file": BadModelFile,
    "memory": OutOfMemory,
    "other": ModelLoadFailed,
}
_LOAD_ENDINGS: dict[int, type[ModelLoadFailed]] = {
    -signal.SIGILL: _IllegalInstruction,
    -signal.SIGABRT: OutOfMemory,  # ggml, when it gets none.
    -signal.SIGKILL: OutOfMemory,  # The kernel, when it has none left.
}


def _spawn(*, without_tiles: bool) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "inference.runner",
                    str(theirs.fileno()),
                    *[WITHOUT_TILES] * without_tiles,
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=child_environment(),
            )
        except OSError:
            ours.close()
            raise
    return process, ours


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Return what came; nothing at the process's end, also when that broke the connection."""
    try:
        return await reader.read(READ_BYTES)
    except ConnectionError:
        return b""


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"by signal {signal.Signals(-exit_code).name}"
    return f"with code {exit_code}"
