"""Real Chroma, real SQLite, real child processes; only the embedder is a double."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from pytest_django.fixtures import Settings

from inference import client
from rag import store, tasks
from rag.models import Document
from rag.services import ingestion
from rag.services.documents import create_document
from tests.doubles.embedder import FakeEmbedder
from webui.accounts.models import User


@pytest.fixture
def data_folder(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """Give each test its own files and page images, and an index without anything in it.

    The index stays open from test to test: opening one costs more than most tests.
    """
    settings.HEARTH_DATA = tmp_path
    settings.MEDIA_ROOT = tmp_path / "uploads"
    yield tmp_path
    if not store.is_shared():
        _empty_store()


def _empty_store() -> None:
    if store.is_open():
        for collection in store.vector_store().collections():
            store.vector_store().drop(collection)


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> FakeEmbedder:
    double = FakeEmbedder()
    monkeypatch.setattr(client, "embed", double.embed)
    monkeypatch.setattr(client, "find_model", double.find_model)
    return double


@pytest.fixture
def shared_database(transactional_db: None) -> Iterator[None]:
    """Committed rows that other threads see; the lexical table is no model's, so nothing else empties it."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM rag_lexical")
    if store.is_shared():
        # They lie in the database.
        _empty_store()


def ingest_all() -> None:
    """Work off the queue as the loop does, in order, until nothing is due."""
    ingestion.recover()
    while document := ingestion.take_document([], []):
        asyncio.run(tasks.ingest(document))


def build_all() -> None:
    """Build the index that is wanted, as the loop does, until nothing is left to build."""
    while asyncio.run(tasks.build_on()) == 0:
        pass


@pytest.fixture
def ingested(shared_database: None, data_folder: Path, embedder: FakeEmbedder) -> Callable[..., Document]:
    """Return a function that uploads a file and ingests it."""

    def upload(owner: User, content: bytes | str, name: str = "notes.txt") -> Document:
        data = content.encode() if isinstance(content, str) else content
        document = create_document(owner, SimpleUploadedFile(name, data))
        ingest_all()
        document.refresh_from_db()
        return document

    return upload
