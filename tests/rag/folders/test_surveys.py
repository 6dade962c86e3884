"""What is told before a folder is connected: what is there, what is left out, what it takes of the disk."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.db import connection

from rag import store
from rag.errors import FolderDoesNotFit, FolderUnusable
from rag.models import SyncedFolder
from rag.services import surveys, synced_folders
from rag.services.documents import create_document
from rag.services.surveys import Kind, survey
from rag.threads import run_apart
from rag.types import FolderProblem
from tests.doubles.embedder import FakeEmbedder
from tests.factories import make_knowledge
from tests.rag.fixtures import ingest_all
from webui.accounts.models import User


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.django_db
def test_a_dry_run_tells_kinds_and_sizes_and_stores_nothing(shelf: Path) -> None:
    (shelf / "a.PDF").write_bytes(b"x" * 5000)
    (shelf / "b.md").write_bytes(b"x" * 100)
    (shelf / "sub").mkdir()
    (shelf / "sub" / "c.md").write_bytes(b"x" * 200)
    (shelf / "README").write_bytes(b"x" * 10)
    (shelf / "film.mp4").write_bytes(b"x" * 9000)

    found = survey(str(shelf))

    assert found.kinds == (
        Kind(ending=".pdf", n_files=1, size_bytes=5000),
        Kind(ending=".md", n_files=2, size_bytes=300),
        Kind(ending="", n_files=1, size_bytes=10),
    )
    assert (found.n_files, found.copies_bytes, found.listing.unsupported) == (4, 5310, {".mp4": 1})
    assert found.need_bytes > 5310 + 6 * 1800
    assert found.fits
    assert not SyncedFolder.objects.exists()


@pytest.mark.django_db
def test_a_folder_that_does_not_fit_is_refused_with_the_numbers(
    shelf: Path, alice: User, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shelf / "a.txt").write_bytes(b"x" * 100_000)
    free = surveys.RESERVE_BYTES + 300_000
    monkeypatch.setattr(surveys.shutil, "disk_usage", lambda path: Usage(10**12, 0, free))

    with pytest.raises(FolderDoesNotFit) as refused:
        synced_folders.connect_folder(make_knowledge(owner=alice), str(shelf), by=root)

    assert refused.value.free_bytes == 300_000
    assert refused.value.need_bytes > 700_000
    assert not SyncedFolder.objects.exists()


@pytest.mark.django_db
def test_a_disk_that_does_not_answer_is_told(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(surveys, "list_folder", lambda *_, **__: released.wait())
    monkeypatch.setattr(surveys, "DEADLINE_S", -4.99)

    with pytest.raises(FolderUnusable) as refused:
        survey(str(shelf))

    released.set()
    assert refused.value.problem == FolderProblem.NO_ANSWER


def test_what_is_run_apart_gives_its_result_or_its_error() -> None:
    assert run_apart(lambda: 7, timeout_s=10) == 7
    with pytest.raises(ZeroDivisionError):
        run_apart(lambda: 1 // 0, timeout_s=10)


@pytest.mark.usefixtures("shared_database")
def test_the_estimate_is_near_what_it_takes(shelf: Path, alice: User, embedder: FakeEmbedder) -> None:
    embedder.n_dims = 384
    chance = random.Random(7)  # noqa: S311  (words for a text)
    words = [f"{chance.choice('bdfgklmnprst')}{chance.choice('aeiou')}{n:x}" for n in range(3000)]
    create_document(alice, ContentFile(b"The first opens the store.", name="first.txt"))
    ingest_all()
    before = taken(), rows()
    for number in range(4):
        text = "\n\n".join(" ".join(chance.choices(words, k=90)) for _ in range(200))
        (shelf / f"{number}.txt").write_text(text)
    found = survey(str(shelf))

    for path in sorted(shelf.iterdir()):
        create_document(alice, ContentFile(path.read_bytes(), name=path.name))
    ingest_all()

    used = taken() - before[0], rows() - before[1]
    assert found.copies_bytes <= used[0]
    assert 0.5 < found.need_bytes / sum(used) < 2.5


def taken() -> int:
    """Bytes of uploads and vectors."""
    folders = (django_settings.MEDIA_ROOT, django_settings.HEARTH_VECTORS)
    assert store.is_open()
    return sum(path.stat().st_size for folder in folders for path in Path(folder).rglob("*") if path.is_file())


def rows() -> int:
    """Bytes of pages in use in the database."""
    with connection.cursor() as cursor:
        values = [
            cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        ]
    return (values[0] - values[1]) * values[2]
