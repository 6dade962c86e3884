"""Downloads of models: owned by this process, so that they go on when the page that started them is closed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum

from inference import client
from inference.errors import InferenceError
from inference.types import PullProgress

logger = logging.getLogger(__name__)

MAX_KEPT = 20
"""Ended downloads that the page still shows."""
MAX_RUNNING = 4
SPEED_WINDOW_S = 10.0
"""The speed is that of the last seconds: an average over hours would hide that it has stalled."""


class TooManyDownloads(Exception):
    """As many downloads as may run at once are running."""


class DownloadState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass
class Download:
    """One model being fetched by the built-in server, watched by a thread with an event loop of its own.

    The loop of the request that starts it may be gone a moment later.
    """

    name: str
    uuid: uuid.UUID = field(default_factory=uuid.uuid4)
    state: DownloadState = DownloadState.RUNNING
    status: str = ""
    completed_bytes: int = 0
    total_bytes: int = 0
    error: InferenceError | None = None
    _parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    _came: int = 0
    _samples: deque[tuple[float, int]] = field(default_factory=deque)
    """(moment, bytes that have come so far over the line) of the last seconds."""
    _loop: asyncio.AbstractEventLoop | None = None
    _task: asyncio.Task[None] | None = None
    _thread: threading.Thread | None = None
    _has_begun: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"download {self.name}", daemon=True)
        self._thread.start()
        self._has_begun.wait()

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing of it runs any more; return whether that was in time."""
        if self._thread:
            self._thread.join(timeout_s)
        return not (self._thread and self._thread.is_alive())

    def cancel(self) -> None:
        """Stop the download. What has arrived stays with the server, and the next attempt goes on from there."""
        if self._loop and self._task and self.state == DownloadState.RUNNING:
            self.state = DownloadState.CANCELLED
            with contextlib.suppress(RuntimeError):  # The loop has ended by itself in this moment.
                self._loop.call_soon_threadsafe(self._task.cancel)

    @property
    def is_running(self) -> bool:
        return self.state == DownloadState.RUNNING

    @property
    def percent(self) -> int | None:
        """How much has arrived, or None before the sizes are known."""
        return min(100, self.completed_bytes * 100 // self.total_bytes) if self.total_bytes else None

    @property
    def speed_bytes_s(self) -> int | None:
        """What comes in a second, or None while there is too little to tell."""
        if len(self._samples) < 2 or not self.is_running:
            return None
        (first_at, first), (_last_at, last) = self._samples[0], self._samples[-1]
        seconds = time.monotonic() - first_at
        return round((last - first) / seconds) if seconds >= 1 else None

    @property
    def remaining_s(self) -> int | None:
        """How long it will still take at this speed, or None when nothing comes."""
        speed = self.speed_bytes_s
        return (self.total_bytes - self.completed_bytes) // speed if speed else None

    def _run(self) -> None:
        try:
            asyncio.run(self._watch())
        except asyncio.CancelledError:
            return
        except Exception:
            logger.exception("The download of %s broke", self.name)
            self.state = DownloadState.FAILED
        finally:
            self._has_begun.set()

    async def _watch(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._has_begun.set()
        try:
            async with aclosing(client.pull_model(self.name)) as steps:
                async for step in steps:
                    self._take(step)
        except InferenceError as exc:
            self.error, self.state = exc, DownloadState.FAILED
            return
        if self.is_running:
            self.state = DownloadState.FINISHED

    def _take(self, step: PullProgress) -> None:
        """Add up the layers of a model, each of which tells its own progress; the sum never goes back."""
        self.status = step.status
        if step.total_bytes:
            done = min(step.completed_bytes or 0, step.total_bytes)
            # What a layer has when it is first named was there before.
            before = self._parts.get(step.status, (done, 0))[0]
            self._parts[step.status] = max(done, before), step.total_bytes
            self.completed_bytes = sum(done for done, _ in self._parts.values())
            self.total_bytes = sum(total for _, total in self._parts.values())
            self._note(max(0, done - before))

    def _note(self, n_bytes: int) -> None:
        now = time.monotonic()
        self._came += n_bytes
        self._samples.append((now, self._came))
        while now - self._samples[0][0] > SPEED_WINDOW_S and len(self._samples) > 2:
            self._samples.popleft()


class Downloads:
    """The downloads of this process, newest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Download] = []

    def __iter__(self) -> Iterator[Download]:
        with self._lock:
            return iter(list(self._kept))

    def start(self, name: str) -> Download:
        """Start a download, or return the one of that name that runs already. Raises TooManyDownloads.

        It takes the place of one of that name that has ended.
        """
        with self._lock:
            running = [download for download in self._kept if download.is_running]
            for download in running:
                if download.name == name:
                    return download
            if len(running) >= MAX_RUNNING:
                raise TooManyDownloads
            download = Download(name)
            ended = [known for known in self._kept if not known.is_running and known.name != name]
            kept = {id(known) for known in (*running, *ended[:MAX_KEPT])}
            self._kept = [download, *(known for known in self._kept if id(known) in kept)]
        download.start()
        return download

    def find(self, download_uuid: uuid.UUID) -> Download | None:
        return next((download for download in self if download.uuid == download_uuid), None)

    def remove(self, download: Download) -> None:
        """Take an ended download off the list; stop it first if it runs."""
        download.cancel()
        with self._lock:
            self._kept = [known for known in self._kept if known is not download]


DOWNLOADS = Downloads()
