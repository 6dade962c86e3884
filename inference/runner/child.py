"""The inside of a runner process: one thread reads, one prepares requests, one drives the model.

The process ends itself when its parent's end of the socket closes, whatever the model is doing at that moment.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from typing import NoReturn

from inference.errors import BadModelFile, InvalidRequest, ModelLoadFailed, OutOfMemory
from inference.runner.protocol import (
    Command,
    FrameDecoder,
    LoadFailedReply,
    LoadFailure,
    ReadyReply,
    StepReply,
    WireError,
    WireEvent,
    WireSpec,
    encode_frame,
)
from inference.runner.worker import Start, Ticket, Worker

logger = logging.getLogger(__name__)

Load = Callable[[WireSpec], Worker]

EXIT_PARENT_GONE = 0
EXIT_LOAD_FAILED = 3
EXIT_CRASHED = 70


class Child:
    """Owns the socket to the parent and the requests that are not finished."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._send_lock = threading.Lock()
        self._decoder = FrameDecoder()
        self._tickets: dict[int, Ticket] = {}
        self._to_prepare: queue.SimpleQueue[tuple[Command, Ticket]] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[tuple[Start, Ticket]] = queue.SimpleQueue()
        self._worker: Worker | None = None

    def run(self, load: Load) -> NoReturn:
        """Load what the first frame names, then answer requests until the parent goes away."""
        command = self._first_command()
        if command["op"] != "load":
            raise RuntimeError("the first frame must be a load command")
        # From here on a parent that goes away is noticed by the reader, also during a long load.
        threading.Thread(target=self._guarded, args=(self._read,), daemon=True).start()
        worker = self._worker = self._loaded(load, command["spec"])
        self._send(encode_frame(ReadyReply(type="ready", facts=worker.facts)))
        threading.Thread(target=self._guarded, args=(self._prepare, worker), daemon=True).start()
        self._guarded(self._work, worker)
        raise RuntimeError("the work never ends by itself")

    def _first_command(self) -> Command:
        while True:
            frames = self._decoder.feed(self._receive())
            if frames:
                return frames[0].command()

    def _loaded(self, load: Load, spec: WireSpec) -> Worker:
        try:
            return load(spec)
        except ModelLoadFailed as exc:
            self._send(encode_frame(LoadFailedReply(type="load_failed", cause=_cause(exc), detail=exc.detail)))
            os._exit(EXIT_LOAD_FAILED)

    def _read(self) -> None:
        while True:
            for frame in self._decoder.feed(self._receive()):
                self._dispatch(frame.command(), frame.raw)

    def _dispatch(self, command: Command, raw: bytes) -> None:
        if command["op"] in ("generate", "embed", "rank"):
            ticket = self._tickets[command["id"]] = Ticket(command["id"], raw=raw)
            self._to_prepare.put((command, ticket))
        elif command["op"] == "cancel":
            ticket_or_none = self._tickets.pop(command["id"], None)
            if ticket_or_none is not None:
                ticket_or_none.cancel()
                self._wake()
        elif command["op"] in ("pause", "resume"):
            if (paused := self._tickets.get(command["id"])) is not None:
                paused.is_paused = command["op"] == "pause"
                self._wake()
        elif command["op"] == "stop":
            self._inbox.put((self._stop, Ticket(0)))
            for ticket in list(self._tickets.values()):
                ticket.cancel()

    def _wake(self) -> None:
        """Let the model's thread look again at what it has; it may be waiting for something to do."""
        self._inbox.put((_nothing, Ticket(0)))

    def _prepare(self, worker: Worker) -> None:
        while True:
            command, ticket = self._to_prepare.get()
            if ticket.is_cancelled:
                continue
            try:
                self._inbox.put((worker.prepare(command, ticket), ticket))
                ticket.raw = b""
            except InvalidRequest as exc:
                error = WireError(kind="invalid_request", detail=exc.detail)
                self._send(encode_frame(StepReply(type="step", events=[WireEvent(id=ticket.id, error=error)])))

    def _stop(self) -> NoReturn:
        if self._worker is not None:
            self._worker.park()
        os._exit(EXIT_PARENT_GONE)

    def _work(self, worker: Worker) -> None:
        while True:
            self._start_all(block=not worker.has_work)
            self._send(*worker.step())

    def _start_all(self, *, block: bool) -> None:
        """Hand over everything that is prepared; with `block`, wait until there is something."""
        try:
            while True:
                start, ticket = self._inbox.get(block=block)
                block = False
                if not ticket.is_cancelled:
                    self._send(*start())
        except queue.Empty:
            return

    def _send(self, *frames: bytes) -> None:
        if not frames:
            return
        try:
            with self._send_lock:
                self._connection.sendall(b"".join(frames))
        except OSError:
            os._exit(EXIT_PARENT_GONE)

    def _receive(self) -> bytes:
        try:
            data = self._connection.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            os._exit(EXIT_PARENT_GONE)
        return data

    def _guarded(self, target: Callable[..., None], *arguments: object) -> None:
        """Run one of the loops. A mistake in any of them ends the process: its parent starts a fresh one."""
        try:
            target(*arguments)
        except Exception:
            logger.exception("The runner process ends after an error")
        os._exit(EXIT_CRASHED)


def _nothing() -> Sequence[bytes]:
    return ()


def load_worker(spec: WireSpec) -> Worker:
    """Load a model; each kind brings its own native library into the process, and only that one."""
    if spec["kind"] == "onnx":
        from inference.runner.onnx_embedder import load_onnx

        return load_onnx(spec)
    from inference.runner.llama_workers import load_llama

    return load_llama(spec)


def _cause(failure: ModelLoadFailed) -> LoadFailure:
    if isinstance(failure, BadModelFile):
        return "file"
    return "memory" if isinstance(failure, OutOfMemory) else "other"
