from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from rag import api as rag
from rag.errors import FolderUnusable, StoreUnavailable
from rag.store import close_store, ownership
from rag.threads import in_thread
from rag.types import FolderProblem, FolderProgress
from webui.documents import folder_wording as wording

POLL_S = 0.5


class Command(BaseCommand):
    help = (
        "Look at the folders that knowledge follows, now, and wait until what is in them is in answers. "
        "The running site does it; without one, this command. Exit code 1: something could not be taken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--knowledge", metavar="NAME", help="only the folders of knowledge with this name")
        parser.add_argument(
            "--dry-run", action="store_true", help="tell what is there and what it takes; change nothing"
        )

    def handle(self, *, knowledge: str | None, dry_run: bool, **options: Any) -> None:
        folders = rag.SyncedFolder.objects.exclude(knowledge=None).select_related("knowledge")
        if knowledge:
            folders = folders.filter(knowledge__name__iexact=knowledge)
        chosen = list(folders)
        if not chosen:
            raise CommandError(
                f"No knowledge named '{knowledge}' follows a folder." if knowledge else "No knowledge follows a folder."
            )
        is_well = self._tell_surveys(chosen) if dry_run else asyncio.run(self._sync(chosen))
        if not is_well:
            sys.exit(1)

    def _tell_surveys(self, folders: list[rag.SyncedFolder]) -> bool:
        told = [self._tell_survey(folder) for folder in folders]
        return all(told)

    def _tell_survey(self, folder: rag.SyncedFolder) -> bool:
        self._head(folder)
        try:
            found = rag.survey(folder.path, folder.include, folder.exclude)
        except FolderUnusable as exc:
            self.stdout.write(f"  {wording.FOLDER_PROBLEMS[exc.problem]}")
            return False
        kinds = ", ".join(f"{kind.ending or 'without ending'} {kind.n_files}" for kind in found.kinds[:8])
        size = filesizeformat(found.copies_bytes)
        self.stdout.write(f"  {wording.files_in_words(found.n_files)}, {size}{f': {kinds}' if kinds else ''}")
        for reason, n in found.listing.left_out.items():
            self.stdout.write(f"  left out: {wording.left_out_in_words(reason, n)}")
        self.stdout.write(f"  {wording.need_in_words(found)}")
        return found.fits

    async def _sync(self, folders: list[rag.SyncedFolder]) -> bool:
        for folder in folders:
            await in_thread(rag.rescan_folder, folder)
        loops = []
        try:
            await in_thread(ownership.acquire)
            loops = [asyncio.create_task(rag.ingestion_loop()), asyncio.create_task(rag.sync_loop())]
        except StoreUnavailable:
            self.stdout.write("The running site does it.")
        try:
            done = [await self._follow(folder) for folder in folders]
            return all(done)
        finally:
            for loop in loops:
                loop.cancel()
                with suppress(asyncio.CancelledError):
                    await loop
            if loops:
                await in_thread(close_store)

    async def _follow(self, folder: rag.SyncedFolder) -> bool:
        """Tell how far a folder is, whenever it is further, until nothing more happens by itself."""
        self._head(folder)
        said = ""
        while True:
            now, progress = await in_thread(_state, folder.pk)
            if now is None:
                self.stdout.write("  It is connected no more.")
                return False
            line = (
                f"  {wording.files_in_words(now.n_files)}, {progress.n_ready} in answers,"
                f" {progress.n_waiting + progress.n_unfinished} on their way, {progress.n_problems} with problems"
            )
            if line != said and not now.is_scan_wanted:
                said = line
                self.stdout.write(line)
            if now.problem and not now.is_scan_wanted:
                self.stdout.write(f"  {wording.FOLDER_PROBLEMS[FolderProblem(now.problem)]}")
                return False
            if now.state == rag.SyncedFolder.State.PAUSED:
                self.stdout.write("  It is paused.")
                return True
            if now.is_scan_wanted or progress.n_waiting or await in_thread(_n_moving, now):
                await asyncio.sleep(POLL_S)
            # What came to its end between these two looks is counted by another one.
            elif progress == (await in_thread(_state, folder.pk))[1]:
                return not (progress.n_problems or progress.n_unfinished)

    def _head(self, folder: rag.SyncedFolder) -> None:
        self.stdout.write(f"{folder.knowledge}: {folder.path}")


def _state(folder_id: int) -> tuple[rag.SyncedFolder | None, FolderProgress]:
    folder = rag.SyncedFolder.objects.filter(pk=folder_id).first()
    return folder, rag.progress_of([folder]).get(folder_id, FolderProgress()) if folder else FolderProgress()


def _n_moving(folder: rag.SyncedFolder) -> int:
    """Return how many documents are on their way and wait for nothing that is missing."""
    return folder.documents.filter(state__in=rag.Document.UNFINISHED_STATES, error="").count()
