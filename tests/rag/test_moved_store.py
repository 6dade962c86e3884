"""From the embedded Chroma to another vector store: its real server, or pgvector where the database is PostgreSQL.

Only the embedder is a double.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from inference.errors import ConnectionRefused
from rag import store
from rag.api import retrieve
from rag.conf import CHROMA, PGVECTOR
from rag.errors import NothingToRollBack
from rag.models import Document, IndexVersion, Removal
from rag.queries import current_version, version_in
from rag.services import check, versions
from rag.services.documents import delete_document
from rag.services.removals import finish_removals
from rag.store import vector_store
from rag.tasks import build_on
from rag.types import Retrieval
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.vector_servers import running_chroma
from tests.rag.fixtures import build_all
from webui.accounts.models import User

Upload = Callable[..., Document]
Move = Callable[[str], None]
State = IndexVersion.State


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if connection.vendor == "postgresql":
        yield PGVECTOR
        return
    with running_chroma(tmp_path_factory.mktemp("chroma")) as url:
        yield url


@pytest.fixture
def move(settings: Settings, server: str, tmp_path: Path, shared_database: None) -> Iterator[Move]:
    """Return a function that restarts the document side with another store; it begins with the embedded one."""

    def restart(kind: str) -> None:
        store.close_store()
        settings.HEARTH_VECTOR_STORE = kind

    settings.HEARTH_VECTORS = tmp_path / "vectors"
    restart(CHROMA)
    yield restart
    for kind in (server, CHROMA):
        restart(kind)
        for collection in vector_store().collections():
            vector_store().drop(collection)
    store.close_store()


@pytest.fixture
def boats(move: Move, ingested: Upload, alice: User) -> list[Document]:
    return [ingested(alice, f"Boat {name} is moored at pier {len(name)}.", f"{name}.txt") for name in ("Ada", "Bo")]


def ask(user: User, documents: list[Document], question: str = "Where is boat Ada moored?") -> Retrieval:
    ids = [document.pk for document in documents]
    return asyncio.run(retrieve(user_id=user.pk, question=question, document_ids=ids))


def disagreements() -> list[str]:
    return [difference.sentence for difference in check.differences(with_vectors=True)]


def test_questions_are_answered_by_words_and_say_so_until_the_vectors_are_made_anew(
    boats: list[Document], alice: User, server: str, move: Move
) -> None:
    assert ask(alice, boats).trace.dense_problem == ""
    move(server)

    between = ask(alice, boats)
    build_all()
    after = ask(alice, boats)

    assert between.trace.dense_problem == "index elsewhere"
    assert "Ada" in between.passages[0].text
    assert after.trace.dense_problem == ""
    assert "Ada" in after.passages[0].text
    assert after.trace.candidates[0].dense is not None
    version = current_version()
    assert version is not None
    assert version.store == server
    assert [vector_store().count(version.collection, document.pk) for document in boats] == [1, 1]
    assert disagreements() == []


def test_a_document_that_comes_in_between_is_found_by_words_at_once_and_by_meaning_later(
    boats: list[Document], ingested: Upload, alice: User, server: str, move: Move
) -> None:
    move(server)

    late = ingested(alice, "Boat Cleo is moored at pier 9.", "Cleo.txt")

    assert late.is_ready
    assert "pier 9" in ask(alice, [*boats, late], "Where is boat Cleo moored?").passages[0].text
    assert disagreements() == []
    build_all()
    assert ask(alice, [late], "Cleo").trace.candidates[0].dense is not None
    assert disagreements() == []


def test_with_the_store_of_before_all_is_as_it_was_and_what_came_since_is_embedded(
    boats: list[Document], ingested: Upload, alice: User, server: str, move: Move, embedder: FakeEmbedder
) -> None:
    first = current_version()
    assert first is not None
    gone = ingested(alice, "Boat Dora is moored at pier 4.", "Dora.txt")
    n_before = len(vector_store().contents(first.collection))
    move(server)
    assert asyncio.run(build_on()) == 0
    ingested(alice, "Boat Cleo is moored at pier 9.", "Cleo.txt")
    delete_document(gone)
    embedder.texts.clear()

    move(CHROMA)
    finish_removals()
    build_all()

    assert current_version() == first
    assert version_in(State.BUILDING) is None
    assert [text for text in embedder.texts if "moored" in text] == ["Boat Cleo is moored at pier 9."]
    assert len(vector_store().contents(first.collection)) == n_before
    assert not Removal.objects.exclude(store=server).exists()
    assert disagreements() == []


def test_the_index_of_a_store_of_before_is_no_way_back(boats: list[Document], server: str, move: Move) -> None:
    move(server)
    with pytest.raises(NothingToRollBack):
        versions.roll_back()

    build_all()

    assert version_in(State.PREVIOUS) is None
    with pytest.raises(NothingToRollBack):
        versions.roll_back()


def pass_a_minute() -> None:
    IndexVersion.objects.update(since=timezone.now() - timedelta(seconds=versions.RETIREMENT_S + 1))


def test_the_store_of_before_is_emptied_when_all_is_in_the_new_one(
    boats: list[Document], ingested: Upload, alice: User, server: str, move: Move, settings: Settings
) -> None:
    folder = settings.HEARTH_VECTORS
    move(server)
    build_all()
    delete_document(boats[1])
    assert (folder / "chroma.sqlite3").exists()
    assert Removal.objects.count() == 1

    pass_a_minute()
    build_all()

    assert [path.name for path in folder.iterdir()] == ["owner.lock"]
    assert not Removal.objects.exists()
    assert ask(alice, boats[:1]).trace.dense_problem == ""

    move(CHROMA)
    build_all()
    pass_a_minute()
    build_all()

    assert ask(alice, boats[:1]).trace.dense_problem == ""
    assert disagreements() == []
    move(server)
    assert vector_store().collections() == []


def test_a_store_of_before_that_does_not_answer_is_tried_again_or_left(
    boats: list[Document], server: str, move: Move, root_client: Client
) -> None:
    move(server)
    build_all()
    nowhere = "http://127.0.0.1:1"
    IndexVersion.objects.filter(store=CHROMA).update(store=nowhere)
    delete_document(boats[1])
    url = reverse("administration:documents")
    assert f"are being removed from {nowhere}" in root_client.get(url).content.decode()

    pass_a_minute()
    build_all()

    assert "which does not let them be removed. It is tried again" in root_client.get(url).content.decode()
    page = root_client.post(reverse("administration:leave_behind"), follow=True).content.decode()
    assert "are left where they are" in page
    assert nowhere not in page
    assert not Removal.objects.exists()


def test_what_is_given_up_begins_again_while_nothing_else_is_at_hand(
    boats: list[Document], server: str, move: Move
) -> None:
    move(server)
    asyncio.run(build_on())
    versions.abort_build()

    build_all()

    version = current_version()
    assert version is not None
    assert version.store == server


def test_without_the_embedder_it_waits_and_words_go_on(
    boats: list[Document], alice: User, server: str, move: Move, embedder: FakeEmbedder
) -> None:
    move(server)
    embedder.error = ConnectionRefused("http://127.0.0.1:1")

    assert asyncio.run(build_on()) > 0
    assert "Ada" in ask(alice, boats).passages[0].text

    embedder.error = None
    build_all()
    assert ask(alice, boats).trace.dense_problem == ""


def test_name_and_password_of_a_server_are_not_kept(settings: Settings) -> None:
    settings.HEARTH_VECTOR_STORE = "http://user:secret@127.0.0.1:8000/path"

    assert IndexVersion(store="http://127.0.0.1:8000").is_elsewhere is False


def test_administrators_read_what_happens_and_what_is_left_behind(
    boats: list[Document], server: str, move: Move, root_client: Client
) -> None:
    url = reverse("administration:documents")
    assert "HEARTH_VECTOR_STORE" not in root_client.get(url).content.decode()
    move(server)

    between = root_client.get(url).content.decode()
    build_all()
    after = root_client.get(url).content.decode()

    assert "The vectors lie in chroma" in between
    assert f"HEARTH_VECTOR_STORE is {server} now" in between
    assert "found by their words alone" in between
    assert 'hx-trigger="every 2s"' in between
    assert "HEARTH_VECTOR_STORE" not in after
    assert "The vectors of before are being removed from chroma." in after
    assert "Go back to it" not in after
