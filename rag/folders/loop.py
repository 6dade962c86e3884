"""The loop that keeps synced folders, in the process that ingests, so that exactly one does it.

It looks at each folder every few seconds. Looking costs a `stat` a file (measured: 10 000 files in 40 ms), works on
network disks, whose changes the kernel does not tell, and needs no library; the time between two looks grows with what
a look takes. Whatever touches a folder's disk runs in a thread that may be given up, as such a disk may never answer.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import connections
from django.db.models import Q

from rag import waking
from rag.errors import FolderUnusable
from rag.folders import copying, leaving, noting, placing
from rag.models import Document, SyncedFolder
from rag.tasks import become_owner
from rag.threads import in_thread
from rag.types import FolderProblem

logger = logging.getLogger(__name__)

R = TypeVar("R")

# At least so long between two looks, and so many times what one takes.
SCAN_INTERVAL_S = 3.0
SCAN_SHARE = 30
MAX_INTERVAL_S = 600.0
# As long as documents of the folder are on their way.
BUSY_INTERVAL_S = 0.5
# Copying one batch of the largest files from a slow disk takes a while.
STEP_TIMEOUT_S = 600.0
PROBLEM_INTERVAL_S = 10.0


async def sync_loop() -> None:
    """Keep every synced folder as it is on the disk, until cancelled."""
    await become_owner()
    keepers: dict[int, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        with waking.folders.listening() as event:
            while True:
                event.clear()
                keepers = {folder_id: keeper for folder_id, keeper in keepers.items() if not keeper.done()}
                for folder_id in await in_thread(_folder_ids):
                    if folder_id not in keepers:
                        keepers[folder_id] = group.create_task(_keep(folder_id))
                try:
                    await asyncio.wait_for(event.wait(), SCAN_INTERVAL_S)
                except TimeoutError:
                    continue


def _folder_ids() -> list[int]:
    return list(SyncedFolder.objects.values_list("pk", flat=True))


async def _keep(folder_id: int) -> None:
    """Keep one folder until it is no more."""
    hand = FolderHand()
    with waking.folders.listening() as event:
        while True:
            event.clear()
            delay_s = await keep_step(folder_id, hand)
            if delay_s is None:
                return
            if delay_s:
                try:
                    await asyncio.wait_for(event.wait(), delay_s)
                except TimeoutError:
                    continue


class FolderHand:
    """What is remembered of a folder between two steps: when to look again, and the thread that works on its disk."""

    def __init__(self) -> None:
        self.next_look = 0.0
        self._is_at_work = False

    async def run(self, function: Callable[..., R], *args: object) -> R:
        """Run a function that touches the folder's disk. Raises FolderUnusable if it does not come back."""
        if self._is_at_work:
            raise FolderUnusable(FolderProblem.NO_ANSWER)
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[R] = loop.create_future()

        def tell(result: R | None, error: BaseException | None) -> None:
            if outcome.done():
                return
            if error:
                outcome.set_exception(error)
            else:
                outcome.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            result, error = None, None
            try:
                result = function(*args)
            except Exception as exc:  # noqa: BLE001  (raised where it is awaited)
                error = exc
            finally:
                connections.close_all()
                self._is_at_work = False
            try:
                loop.call_soon_threadsafe(tell, result, error)
            except RuntimeError:
                # The loop has ended meanwhile.
                logger.info("A step of a synced folder ended after the site")

        # Not one of the pool's: those are waited for at the end of the process, and a dead disk would keep it alive.
        self._is_at_work = True
        threading.Thread(target=work, name="synced-folder", daemon=True).start()
        try:
            return await asyncio.wait_for(outcome, STEP_TIMEOUT_S)
        except TimeoutError as exc:
            raise FolderUnusable(FolderProblem.NO_ANSWER) from exc


async def keep_step(folder_id: int, hand: FolderHand) -> float | None:
    """Do the next steps for a folder; return the seconds to wait, None when it is no more. Never raises."""
    try:
        return await _keep_step(folder_id, hand)
    except FolderUnusable as exc:
        await in_thread(_note_problem, folder_id, exc.problem)
    except Exception:
        # The outermost handler of this folder; the others go on.
        logger.exception("A step of the synced folder %d failed", folder_id)
    return PROBLEM_INTERVAL_S


async def _keep_step(folder_id: int, hand: FolderHand) -> float | None:
    folder = await in_thread(_folder, folder_id)
    if folder is None:
        return None
    if folder.knowledge_id is None or folder.state == SyncedFolder.State.LEAVING:
        return None if await in_thread(leaving.remove_some, folder) else 0.0
    if folder.state == SyncedFolder.State.KEEPING:
        return None if await in_thread(leaving.hand_over_some, folder) else 0.0
    n_done = 0
    if folder.is_active:
        if folder.is_scan_wanted or time.monotonic() >= hand.next_look:
            hand.next_look = time.monotonic() + PROBLEM_INTERVAL_S
            scan_s = await hand.run(_look, folder)
            hand.next_look = time.monotonic() + min(max(SCAN_INTERVAL_S, SCAN_SHARE * scan_s), MAX_INTERVAL_S)
        n_done += await hand.run(copying.take_in, folder)
    n_done += await in_thread(placing.exchange, folder)
    n_done += await in_thread(placing.sweep, folder)
    if n_done:
        return 0.0
    if await in_thread(_is_busy, folder):
        return BUSY_INTERVAL_S
    return max(hand.next_look - time.monotonic(), BUSY_INTERVAL_S) if folder.is_active else SCAN_INTERVAL_S


def _folder(folder_id: int) -> SyncedFolder | None:
    return SyncedFolder.objects.select_related("knowledge__owner").filter(pk=folder_id).first()


def _look(folder: SyncedFolder) -> float:
    """Look and note; return the seconds that looking took."""
    began = time.monotonic()
    listing = noting.look(folder)
    scan_s = time.monotonic() - began
    noting.note_listing(folder, listing, scan_s)
    return scan_s


def _note_problem(folder_id: int, problem: FolderProblem) -> None:
    folder = _folder(folder_id)
    if folder:
        noting.note_problem(folder, problem)


def _is_busy(folder: SyncedFolder) -> bool:
    waits = Q(is_waiting=True, missing_at=None) & Q(folder__state=SyncedFolder.State.ACTIVE)
    on_its_way = Q(document__state__in=Document.UNFINISHED_STATES) | Q(
        next_document__state__in=Document.UNFINISHED_STATES
    )
    return folder.files.filter(waits | on_its_way).exists()
