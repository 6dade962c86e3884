"""PostgreSQL in the place of SQLite: the migrations, and the tests of the parts that speak to the database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.management.commands import ROOT, hearth
from tests.scale.servers import ProgramMissing, new_database, running_postgresql, running_redis

TIMEOUT_S = 600
# One run for all: the start of the suite and its migrations cost more than most of these tests.
SUITE = (
    "tests/accounts/test_sign_up_race.py",
    "tests/rag/test_retrieval.py::test_the_best_passage_comes_first_with_its_page_and_place",
    "tests/rag/test_retrieval.py::test_chinese_is_found_by_its_words",
    "tests/rag/test_retrieval.py::test_a_deleted_document_is_gone_from_the_next_answer",
    "tests/chats/services/test_folders.py",
    "tests/chats/services/test_forks.py",
    "tests/chats/services/test_generations.py",
    "tests/chats/services/test_keeping.py",
    "tests/chats/services/test_messages.py",
    "tests/chats/services/test_purging.py",
    "tests/chats/services/test_removals.py",
    "tests/chats/search/test_finding.py",
    "tests/chats/search/test_index.py",
    "tests/chats/transfer/test_chatgpt.py",
    "tests/chats/transfer/test_open_webui.py",
    "tests/chats/test_queries.py",
    "tests/chats/test_shared_chats.py::test_a_live_link_follows_the_chat",
    "tests/chats/test_shared_chats.py::test_a_snapshot_stays_what_it_was",
    "tests/chats/test_shared_chats.py::test_a_long_shared_chat_takes_few_queries",
    "tests/chats/test_shared_chats.py::test_a_reader_goes_on_in_a_chat_of_their_own",
    "tests/chats/test_shown_branch.py",
    "tests/chats/test_tags.py",
)
DOCUMENT_SUITE = (
    "tests/rag/test_ingestion.py::test_a_pdf_becomes_ready_with_its_pages",
    "tests/rag/test_ingestion.py::test_deleting_leaves_nothing_anywhere",
    "tests/rag/test_retrieval.py::test_the_best_passage_comes_first_with_its_page_and_place",
    "tests/rag/test_versions.py::test_another_chunker_cuts_beside_the_old_chunks",
    "tests/rag/test_versions.py::test_going_back_brings_the_old_index_into_use_with_what_came_since",
    "tests/rag/test_versions.py::test_giving_up_the_way_back_removes_its_vectors_and_chunks",
    "tests/rag/test_tasks.py::test_processes_that_take_at_once_take_different_documents",
    "tests/rag/test_moved_store.py::test_a_document_that_comes_in_between_is_found_by_words_at_once_and_by_meaning_later",
    "tests/rag/test_moved_store.py::test_with_the_store_of_before_all_is_as_it_was_and_what_came_since_is_embedded",
    "tests/rag/test_moved_store.py::test_the_store_of_before_is_emptied_when_all_is_in_the_new_one",
    "tests/rag/test_wording.py::test_they_are_indexed_anew_one_after_the_other_and_found",
    "tests/rag/folders/test_syncing.py::test_the_old_text_answers_until_the_new_one_is_ready",
    "tests/rag/folders/test_syncing.py::test_a_file_that_moves_keeps_its_document",
)


def test_migrations_make_every_table_and_the_lexical_index(postgresql: str, tmp_path: Path) -> None:
    url = new_database(postgresql, "migrations")

    first = hearth(tmp_path / "data", "prepare", DATABASE_URL=url)
    second = hearth(tmp_path / "data", "prepare", DATABASE_URL=url)

    assert first.returncode == 0, first.stderr
    assert "migrations applied" in first.stdout
    assert (second.returncode, second.stdout) == (0, "")
    with psycopg.connect(url) as connection:
        indexes = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename IN ('rag_lexical', 'chats_search')"
        ).fetchall()
    assert any("USING gin (terms)" in definition for (definition,) in indexes)
    assert any("USING gin (grams)" in definition for (definition,) in indexes)


def test_what_holds_on_sqlite_holds_on_postgresql(postgresql: str, tmp_path: Path) -> None:
    environment = os.environ | {"DATABASE_URL": f"{postgresql}/suite", "HEARTH_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--create-db", *SUITE]

    run = subprocess.run(  # noqa: S603  (our own command)
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
    )

    assert run.returncode == 0, run.stdout[-8000:]


def test_documents_are_kept_and_found_with_their_vectors_in_postgresql(tmp_path: Path) -> None:
    with running_postgresql(has_vectors=True) as url:
        environment = os.environ | {
            "DATABASE_URL": f"{url}/suite",
            "HEARTH_VECTOR_STORE": "pgvector",
            "HEARTH_DATA": str(tmp_path / "data"),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--create-db", *DOCUMENT_SUITE]

        run = subprocess.run(  # noqa: S603  (our own command)
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
        )

    assert run.returncode == 0, run.stdout[-8000:]


def test_a_missing_server_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ProgramMissing, match="apt-get install redis-server"), running_redis():
        pass
