"""`hearth rag_sync`: the same numbers as in the pages, and the work of the loops where no site runs."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from rag import tasks
from rag.models import Document, Knowledge, SyncedFolder
from rag.services import synced_folders
from tests.factories import make_knowledge
from tests.rag.folders.conftest import shelf as shelf
from webui.accounts.models import User
from webui.management.commands import rag_sync

pytestmark = pytest.mark.usefixtures("shared_database", "embedder")


@pytest.fixture
def folder(alice: User, root: User, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> SyncedFolder:
    for name in ("a.txt", "b.txt", "film.mp4"):
        (shelf / name).write_text(f"{name}: the lighthouse was built in 1902.")
        os.utime(shelf / name, (1_700_000_000, 1_700_000_000))
    # The index of the other tests stays open.
    monkeypatch.setattr(rag_sync, "close_store", lambda: None)
    monkeypatch.setattr(tasks, "POLL_S", 0.1)
    monkeypatch.setattr(rag_sync, "POLL_S", 0.05)
    return synced_folders.connect_folder(make_knowledge(owner=alice), str(shelf), by=root)


def said(*arguments: str) -> tuple[str, int]:
    output = io.StringIO()
    try:
        call_command("rag_sync", *arguments, stdout=output)
    except SystemExit as exc:
        return output.getvalue(), int(exc.code or 0)
    return output.getvalue(), 0


def test_it_brings_what_is_in_the_folders_into_answers(folder: SyncedFolder) -> None:
    text, code = said()

    assert code == 0
    assert text.startswith(f"Handbook: {folder.path}\n")
    assert text.rstrip().endswith("2 files, 2 in answers, 0 on their way, 0 with problems")
    assert [document.state for document in Document.objects.all()] == ["ready", "ready"]


def test_what_comes_to_its_end_between_two_looks_is_counted(
    folder: SyncedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_moving = rag_sync._n_moving

    def looked_at_late(seen: SyncedFolder) -> int:
        while n_moving(seen):
            time.sleep(0.01)
        return 0

    monkeypatch.setattr(rag_sync, "_n_moving", looked_at_late)

    text, code = said()

    assert code == 0
    assert text.rstrip().endswith("2 in answers, 0 on their way, 0 with problems")


def test_a_dry_run_tells_and_changes_nothing(folder: SyncedFolder) -> None:
    text, code = said("--dry-run", "--knowledge", "handbook")

    assert code == 0
    assert "2 files, " in text
    assert ".txt 2" in text
    assert "left out: 1 is of a kind that cannot be read" in text
    assert "It takes about" in text
    assert not Document.objects.exists()


def test_a_folder_that_is_gone_is_told(folder: SyncedFolder, shelf: Path) -> None:
    shelf.rename(shelf.parent / "away")

    for arguments in ((), ("--dry-run",)):
        text, code = said(*arguments)
        assert code == 1
        assert "The folder is not there." in text


def test_without_such_knowledge_it_says_so(folder: SyncedFolder, settings: Settings) -> None:
    with pytest.raises(CommandError, match="No knowledge named 'x' follows a folder"):
        call_command("rag_sync", "--knowledge", "x")
    Knowledge.objects.all().delete()
    with pytest.raises(CommandError, match="No knowledge follows a folder"):
        call_command("rag_sync")
