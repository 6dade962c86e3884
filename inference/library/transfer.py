"""Bring one file here: in parallel parts, taken up where they broke, checked before it gets its name."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from inference.library.errors import PullFailed, RegistryFailed, SizeMismatch
from inference.library.outbound import STALL_S
from inference.library.partial import Part, PartialFile
from inference.library.remote import RemoteFile

T = TypeVar("T")

MAX_TRIES = 6
"""Tries in a row that bring no new byte before a part is given up. Source: Ollama's server/download.go."""

MAX_STREAMS = 16
"""Source: Ollama's server/download.go, `numDownloadParts`."""

SMALLEST_PART_BYTES = 16 * 1024 * 1024
LARGEST_PART_BYTES = 64 * 1024 * 1024
PARTS_AIMED_AT = 128
PARTS_PER_STREAM = 4
"""A stream has to be worth its connection."""

_WRITE_BYTES = 1024 * 1024
_SAVE_EVERY_S = 1.0
_SAVES_PER_FILE = 32
_REPORT_EVERY_S = 0.1
_REPEAT_AFTER_S = 2.0
_LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How files are fetched.

    Attributes:
        pause: Waits some seconds between two tries.
        part_bytes: Fixed size of the parts; None goes by the file's size.
    """

    max_streams: int = MAX_STREAMS
    stall_s: float = STALL_S
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    part_bytes: int | None = None

    def part_size(self, size_bytes: int) -> int:
        aimed = max(SMALLEST_PART_BYTES, min(LARGEST_PART_BYTES, size_bytes // PARTS_AIMED_AT))
        return self.part_bytes or aimed

    def streams(self, n_parts: int) -> int:
        return max(1, min(self.max_streams, n_parts if self.part_bytes else n_parts // PARTS_PER_STREAM))


class Transfer:
    """One file on its way.

    Attributes:
        opened: Set once it is known what an earlier attempt has left.
    """

    def __init__(self, remote: RemoteFile, target: Path, *, digest: str, manner: Manner) -> None:
        self._remote = remote
        self._target = target
        self._digest = digest
        self._manner = manner
        # One thread: writing, saving and closing come one after the other, also when somebody stops in between.
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="transfer")
        self._n_shown = 0
        self.opened = asyncio.Event()
        self._file: PartialFile | None = None

    @property
    def size_bytes(self) -> int:
        return self._remote.size_bytes

    @property
    def n_bytes(self) -> int:
        """What is there; it only grows, whatever has to be fetched again. 0 until `opened` is set."""
        if self._file is not None:
            self._n_shown = max(self._n_shown, self._file.n_bytes)
        return self._n_shown

    async def run(self) -> None:
        """Fetch what is missing, verify all of it, and put the file in its place.

        Raises:
            PullFailed: What came is kept for the next attempt, unless it is the wrong file.
        """
        try:
            self._file = await self._on_disk(self._open)
            self.opened.set()
            try:
                with _one_by_one():
                    await self._fill(self._file)
                await self._on_disk(self._file.finish)
                self._n_shown = self.size_bytes
            finally:
                await asyncio.shield(self._on_disk(self._file.close))
        finally:
            self.opened.set()
            self._disk.shutdown(wait=False)

    def _open(self) -> PartialFile:
        size = self._remote.size_bytes
        return PartialFile(self._target, digest=self._digest, size_bytes=size, part_bytes=self._manner.part_size(size))

    async def _fill(self, file: PartialFile) -> None:
        while not file.is_verified:
            async with asyncio.TaskGroup() as group:
                fetching = group.create_task(self._fetch(file))
                group.create_task(self._verify(file, fetching))
                group.create_task(self._save(file, fetching))

    async def _fetch(self, file: PartialFile) -> None:
        missing = file.missing()
        if not missing:
            return
        if len(file.parts) > 1 and not await self._takes_ranges():
            await self._persist(lambda: self._receive(file, 0, file.size_bytes), lambda: file.n_bytes, file.size_bytes)
            return
        waiting = deque(missing)

        async def stream() -> None:
            while waiting:
                await self._fetch_part(file, waiting.popleft())

        async with asyncio.TaskGroup() as group:
            for _ in range(min(len(waiting), self._manner.streams(len(file.parts)))):
                group.create_task(stream())

    async def _fetch_part(self, file: PartialFile, part: Part) -> None:
        await self._persist(lambda: self._receive(file, part.next_byte, part.stop), lambda: part.n_bytes, part.size)

    async def _takes_ranges(self) -> bool:
        answers: list[bool] = []

        async def ask() -> None:
            answers.append(await self._remote.takes_ranges())

        await self._persist(ask, lambda: len(answers), 1)
        return answers[0]

    async def _persist(self, attempt: Callable[[], Awaitable[None]], count: Callable[[], int], goal: int) -> None:
        """Try until `count` reaches its goal; give up when too many tries in a row bring nothing, or on a refusal."""
        failures = 0
        while count() < goal:
            before = count()
            try:
                await attempt()
                if count() < goal:
                    raise RegistryFailed(self._remote.host, "the connection broke")
            except RegistryFailed as exc:
                failures = 1 if count() > before else failures + 1
                if failures >= MAX_TRIES or _is_refusal(exc):
                    raise
                await self._manner.pause(_back_off(failures))

    async def _receive(self, file: PartialFile, start: int, stop: int) -> None:
        """Write one connection's data as it comes."""
        buffer = bytearray()
        async with self._remote.open(start, stop) as body:
            offset = body.begins
            try:
                async for piece in body.pieces:
                    buffer += piece
                    if offset + len(buffer) > file.size_bytes:
                        raise SizeMismatch(self._remote.host, file.size_bytes, offset + len(buffer))
                    if len(buffer) >= _WRITE_BYTES:
                        data, buffer = bytes(buffer), bytearray()
                        offset += len(data)
                        await self._on_disk(file.put, offset - len(data), data)
                    # Not at the last byte itself: a body that is read to its end leaves the connection usable.
                    if offset + len(buffer) > stop:
                        break
            finally:
                # Also when cut off or stopped: what came is kept for the next try.
                if buffer and offset + len(buffer) <= file.size_bytes:
                    await asyncio.shield(self._on_disk(file.put, offset, bytes(buffer)))

    async def _verify(self, file: PartialFile, fetching: asyncio.Task[None]) -> None:
        """Read what has come, in order, while the rest is still on its way."""
        while not file.is_verified:
            is_last_look = fetching.done()
            if await asyncio.to_thread(file.verify):
                continue
            if is_last_look:
                return
            await asyncio.wait({fetching}, timeout=_REPORT_EVERY_S)

    async def _save(self, file: PartialFile, fetching: asyncio.Task[None]) -> None:
        """Save the map so often that a kill costs a second, or a small share of a file that comes fast."""
        saved, saved_at = file.n_bytes, time.monotonic()
        while not fetching.done():
            await asyncio.wait({fetching}, timeout=_REPORT_EVERY_S)
            is_due = time.monotonic() - saved_at >= _SAVE_EVERY_S
            if is_due or file.n_bytes - saved >= file.size_bytes // _SAVES_PER_FILE:
                saved, saved_at = file.n_bytes, time.monotonic()
                await self._on_disk(file.save)

    async def _on_disk(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, function, *arguments)


class Transfers:
    """The files on their way to one store. Who asks for a file that is coming already is told of the same transfer."""

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        self._running: dict[Path, _Shared] = {}

    async def fetch(self, remote: RemoteFile, target: Path, *, digest: str) -> AsyncGenerator[int, None]:
        """Bring a file here and yield now and then how many of its bytes are there, the last time all.

        The transfer goes on as long as anybody iterates; what came when the last one leaves is kept.

        Raises:
            PullFailed
        """
        while True:
            shared = self._running.get(target)
            is_ours = shared is None
            if shared is None:
                shared = self._running[target] = _Shared(
                    Transfer(remote, target, digest=digest, manner=self.manner), lambda: self._running.pop(target)
                )
            elif shared.is_ending:
                await asyncio.wait({shared.task})
                continue
            try:
                async with contextlib.aclosing(shared.follow()) as counts:
                    async for n_bytes in counts:
                        yield n_bytes
                return
            except PullFailed:
                # Somebody else's source failed; ours may not.
                if is_ours:
                    raise


class _Shared:
    """A running transfer and how many look at it."""

    def __init__(self, transfer: Transfer, forget: Callable[[], object]) -> None:
        self._transfer = transfer
        self._n_watching = 0
        self.is_ending = False
        self.task = asyncio.get_running_loop().create_task(transfer.run())
        self.task.add_done_callback(lambda task: forget())

    async def follow(self) -> AsyncGenerator[int, None]:
        self._n_watching += 1
        try:
            await self._transfer.opened.wait()
            shown, silent_s = -1, 0.0
            while not self.task.done():
                # Said again from time to time: who waits for the last check should see that we live.
                if self._transfer.n_bytes > shown or silent_s >= _REPEAT_AFTER_S:
                    shown, silent_s = self._transfer.n_bytes, 0.0
                    yield shown
                await asyncio.wait({self.task}, timeout=_REPORT_EVERY_S)
                silent_s += _REPORT_EVERY_S
            self.task.result()
            yield self._transfer.size_bytes
        finally:
            self._n_watching -= 1
            if self._n_watching == 0 and not self.task.done():
                self.is_ending = True
                self.task.cancel()
                await asyncio.gather(self.task, return_exceptions=True)


@contextlib.contextmanager
def _one_by_one() -> Iterator[None]:
    """Raise the one error that ended a group of tasks, in place of the group."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from error.__cause__


def _back_off(failures: int) -> float:
    """Return seconds that grow with the square of the failures, spread so that clients do not return together."""
    return min(_LONGEST_PAUSE_S, 0.25 * failures**2) * random.uniform(0.5, 1.5)  # noqa: S311 (no secret)


def _is_refusal(exc: RegistryFailed) -> bool:
    return exc.status is not None and 400 <= exc.status < 500 and exc.status not in (408, 425, 429)
