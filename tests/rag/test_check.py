"""Each kind of damage, made by hand, is found, told and mended."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection

from rag import conf
from rag.lexical import entries
from rag.management.commands import rag_check
from rag.models import Chunk, Document, ExtractedText, IndexEntry, IndexVersion, Removal
from rag.queries import current_version
from rag.retrieval.candidates import read_chunks
from rag.store import vector_store
from tests.database import put_database
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.pdf_files import text_pdf
from tests.rag.fixtures import build_all, ingest_all
from webui.accounts.models import User

PAGES = [f"Page {n} begins here. The code of locker {n} is {n * 1111}. It ends here." for n in range(1, 6)]
AGREE = "Documents, words, vectors and stored files agree.\n"


@pytest.fixture(autouse=True)
def _store_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rag_check, "close_store", lambda: None)


@pytest.fixture
def lockers(ingested: Callable[..., Document], alice: User) -> Document:
    ingested(alice, "Another document that nothing happens to.", "whole.txt")
    return ingested(alice, text_pdf(PAGES), "lockers.pdf")


def check(*arguments: str) -> tuple[int, str]:
    """Return the exit code and what was said."""
    said = io.StringIO()
    try:
        call_command("rag_check", *arguments, stdout=said, stderr=said)
    except SystemExit as exc:
        return int(str(exc.code)), said.getvalue()
    return 0, said.getvalue()


def lose_a_lexical_entry(document: Document) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM rag_lexical WHERE rowid = %s", [document.chunks.first().pk])


def leave_a_lexical_entry(document: Document) -> None:
    entries.add([(999_999, "left behind")])


def index_words_as_before(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(words="pairs alone")


def lose_a_vector(document: Document) -> None:
    vector_store().remove_chunks(current_version().collection, [document.chunks.first().pk])


def leave_a_vector(document: Document) -> None:
    vector_store().add(current_version().collection, document.pk, [999_999], np.ones((1, 64), dtype=np.float32))


def leave_a_vector_of_another_document(document: Document) -> None:
    vector_store().add(current_version().collection, 999_999, [888_888], np.ones((1, 64), dtype=np.float32))


def leave_a_collection(document: Document) -> None:
    vector_store().add("chunks-v999999", 1, [1], np.ones((1, 8), dtype=np.float32))


def lose_the_text(document: Document) -> None:
    ExtractedText.objects.filter(document=document).delete()


def lose_the_chunks(document: Document) -> None:
    entries.remove(document.pk)
    document.chunks.all().delete()


def lose_the_entry(document: Document) -> None:
    IndexEntry.objects.filter(document=document).delete()


def miscount(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(n_chunks=77)


def lose_the_file(document: Document) -> None:
    default_storage.delete(document.file.name)


def leave_a_file(document: Document) -> None:
    name = default_storage.save("documents/leftover", ContentFile(b"nobody's"))
    os.utime(default_storage.path(name), (0, 0))


def leave_a_page_image(document: Document) -> None:
    conf.page_cache_folder().mkdir(parents=True)
    (conf.page_cache_folder() / f"{'0' * 32}-1-900.png").write_bytes(b"")


def fail_without_tidying(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(state=Document.State.FAILED, error="broken")


def leave_a_removal(document: Document) -> None:
    Removal.objects.create(document_id=999_999, document_uuid=document.uuid)


def leave_chunks_of_an_old_chunker(document: Document) -> None:
    Chunk.objects.create(document=document, chunker="of old", position=0, start=0, end=4, text="Page")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lose_a_lexical_entry, "1 chunk cannot be found by words."),
        (leave_a_lexical_entry, "The lexical index holds 1 chunk that no document has."),
        (lose_a_vector, "lacks 1 vector in the index of all-minilm"),
        (leave_a_vector, "holds 1 vector that no chunk has."),
        (index_words_as_before, "1 document of an earlier release may not be found by all words."),
        (leave_a_vector_of_another_document, "holds 1 vector that no chunk has."),
        (leave_a_collection, "The vectors of chunks-v999999 belong to no index."),
        (lose_the_text, "(lockers.pdf) is ready, and its text is gone."),
        (lose_the_chunks, "(lockers.pdf) is ready without chunks."),
        (lose_the_entry, "(lockers.pdf) is ready, and the index in use does not hold it whole."),
        (miscount, "(lockers.pdf) has 5 chunks and says 77."),
        (lose_the_file, "(lockers.pdf) is gone."),
        (leave_a_file, "The file documents/leftover belongs to no document."),
        (leave_a_page_image, "belongs to no document."),
        (fail_without_tidying, "(lockers.pdf) has failed, and chunks of it are left."),
        (leave_a_removal, "Document 999999 was deleted"),
        (leave_chunks_of_an_old_chunker, "1 chunk from an index that is no more."),
    ],
)
def test_damage_is_found_and_mended(lockers: Document, damage: Callable[[Document], None], sentence: str) -> None:
    assert check() == (0, AGREE)
    damage(lockers)

    code, said = check()
    assert code == 1
    assert sentence in said
    assert check()[0] == 1

    code, said = check("--repair")
    assert code == 1
    assert "Repaired: " in said
    ingest_all()
    assert check() == (0, AGREE)
    assert set(Document.objects.exclude(pk=lockers.pk).values_list("state", flat=True)) == {"ready"}
    lockers.refresh_from_db()
    is_lost = damage in (lose_the_file, fail_without_tidying)
    assert lockers.state == ("failed" if is_lost else "ready")


def test_a_mended_chunk_is_found_by_its_headings_again(ingested: Callable[..., Document], alice: User) -> None:
    text = "# Heating\n\n## Boiler\n\nIt was replaced by Miller and Sons."
    chunk = ingested(alice, text, "house.md").chunks.get(text__contains="Miller")
    [before] = read_chunks([chunk.pk])
    assert " heat " in before.terms
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM rag_lexical WHERE rowid = %s", [chunk.pk])

    assert check("--repair")[0] == 1

    assert read_chunks([chunk.pk]) == [before]


def test_an_index_being_built_is_looked_at_too(
    lockers: Document, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = current_version()
    other = IndexVersion.objects.create(
        embedder="other", n_dims=64, chunker=version.chunker, state=IndexVersion.State.BUILDING,
        latin_trust=1.0, cjk_trust=0.0, unrelated=0.0, related=1.0,
    )  # fmt: skip
    IndexEntry.objects.create(version=other, document=lockers, n_chunks_done=5, is_complete=True)

    code, said = check("--repair")

    assert code == 1
    assert "lacks 5 vectors in the index of other" in said
    build_all()
    assert check() == (0, AGREE)
    assert current_version() == other


def test_an_upload_under_way_is_no_damage(lockers: Document) -> None:
    default_storage.save("documents/just-arrived", ContentFile(b"its row comes next"))

    assert check() == (0, AGREE)


def test_an_installation_without_documents_agrees(shared_database: None) -> None:
    assert check() == (0, AGREE)


def test_beside_a_running_web_process_it_says_what_it_cannot_see(tmp_path: Path) -> None:
    owner = (
        "import fcntl, sys; f = open(sys.argv[1], 'ab'); fcntl.flock(f, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    (tmp_path / "vectors").mkdir()
    environment = {**os.environ, "HEARTH_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    with subprocess.Popen(  # noqa: S603  (our own code)
        [sys.executable, "-c", owner, str(tmp_path / "vectors" / "owner.lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        holder.stdout.readline()
        put_database(tmp_path / "hearth.sqlite3")
        run = subprocess.run(  # noqa: S603  (our own command)
            [sys.executable, "-m", "django", "rag_check"],
            env=environment, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2],
        )  # fmt: skip
        holder.communicate()

    assert run.returncode == 2
    assert "belong to the running web process and were not checked" in run.stderr
    assert run.stdout == "Documents, words and stored files agree.\n"
