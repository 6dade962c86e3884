"""The contract of every vector store, against real ones: Chroma in the process, Chroma's own server, PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt
import pytest
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from pytest_django.plugin import DjangoDbBlocker

from rag import store as stores
from rag.errors import StoreOwnedElsewhere, StoreUnavailable
from rag.store import VectorStore, ownership
from rag.store.addresses import server_address
from rag.store.chroma import SERVER_TIMEOUT_S, ChromaStore
from rag.store.pgvector import PgVectorStore
from tests.doubles.vector_servers import running_chroma
from tests.scale.servers import new_database, running_postgresql

KINDS = ("embedded Chroma", "Chroma server", "pgvector")
DATABASE = "vectors"
OpenStore = Callable[[], VectorStore]

A, B = "chunks-v1", "chunks-v2"


def vectors(*rows: tuple[float, ...]) -> npt.NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


@pytest.fixture(scope="module")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_chroma(tmp_path_factory.mktemp("chroma")) as url:
        yield url


@pytest.fixture(scope="module")
def database(django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The alias of a second database: PostgreSQL with pgvector."""
    with running_postgresql(has_vectors=True) as url, django_db_blocker.unblock():
        address = urlsplit(new_database(url, DATABASE))
        connections.settings[DATABASE] = {
            **connections.settings[DEFAULT_DB_ALIAS],
            "ENGINE": "django.db.backends.postgresql", "NAME": DATABASE, "USER": address.username,
            "PASSWORD": unquote(address.password or ""), "HOST": address.hostname, "PORT": str(address.port),
            "OPTIONS": {},
        }  # fmt: skip
        yield DATABASE
        connections[DATABASE].close()
        del connections.settings[DATABASE]


@pytest.fixture(params=KINDS)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    """A function that opens the store under test, as often as one likes; it is the same store each time."""
    match request.param:
        case "embedded Chroma":
            return lambda: ChromaStore.open(tmp_path / "store")
        case "Chroma server":
            url = request.getfixturevalue("chroma_server")
            return lambda: ChromaStore.connect(server_address(url, anywhere=False))
        case _:
            alias = request.getfixturevalue("database")
            return lambda: PgVectorStore.open(alias)


@pytest.fixture
def store(open_store: OpenStore) -> Iterator[VectorStore]:
    opened = open_store()
    yield opened
    for collection in opened.collections():
        opened.drop(collection)
    opened.close()


def test_the_nearest_come_first_with_their_cosine(store: VectorStore) -> None:
    store.add(A, 1, [10, 11, 12], vectors((1, 0, 0), (1, 1, 0), (0, 0, 1)))

    found = store.nearest(A, vectors((2, 0, 0))[0], [1], limit=2)

    assert list(found) == [10, 11]
    assert found[10] == pytest.approx(1.0, abs=1e-5)
    assert found[11] == pytest.approx(0.7071, abs=1e-3)


def test_only_the_documents_asked_for_are_searched(store: VectorStore) -> None:
    store.add(A, 1, [10], vectors((1, 0)))
    store.add(A, 2, [20], vectors((1, 0)))

    assert list(store.nearest(A, vectors((1, 0))[0], [2], limit=5)) == [20]
    assert set(store.nearest(A, vectors((1, 0))[0], None, limit=5)) == {10, 20}
    assert store.nearest(A, vectors((1, 0))[0], [], limit=5) == {}


def test_adding_again_replaces(store: VectorStore) -> None:
    store.add(A, 1, [10], vectors((1, 0)))
    store.add(A, 1, [10], vectors((0, 1)))

    assert store.count(A, 1) == 1
    assert store.nearest(A, vectors((0, 1))[0], [1], limit=5)[10] == pytest.approx(1.0, abs=1e-5)


def test_collections_do_not_meet(store: VectorStore) -> None:
    store.add(A, 1, [10], vectors((1, 0)))
    store.add(B, 1, [10], vectors((0, 1, 0)))

    store.drop(A)

    assert (store.count(A, 1), store.count(B, 1)) == (0, 1)


def test_a_removed_document_is_gone_from_all_collections(store: VectorStore) -> None:
    for collection in (A, B):
        store.add(collection, 1, [10, 11], vectors((1, 0), (0, 1)))
        store.add(collection, 2, [20], vectors((1, 0)))

    store.remove_document(1)

    assert [store.count(c, d) for c in (A, B) for d in (1, 2)] == [0, 1, 0, 1]
    assert list(store.nearest(A, vectors((1, 0))[0], [1, 2], limit=5)) == [20]


def test_similarities_leave_out_what_is_not_there(store: VectorStore) -> None:
    store.add(A, 1, [10, 11], vectors((1, 0), (1, 1)))

    found = store.similarities(A, vectors((1, 0))[0], [11, 99])

    assert found == {11: pytest.approx(0.7071, abs=1e-3)}
    assert store.similarities(A, vectors((1, 0))[0], []) == {}


def test_what_was_added_is_there_after_opening_again(store: VectorStore, open_store: OpenStore) -> None:
    store.add(A, 1, [10], vectors((1, 0)))

    again = open_store()

    assert again.count(A, 1) == 1
    assert list(again.nearest(A, vectors((1, 0))[0], [1], limit=1)) == [10]
    again.close()


def test_a_collection_that_is_not_there_holds_nothing(store: VectorStore) -> None:
    assert store.collections() == []
    assert store.nearest(A, vectors((1, 0))[0], [1], limit=5) == {}
    assert store.similarities(A, vectors((1, 0))[0], [1]) == {}
    assert (store.count(A, 1), store.contents(A), store.vectors(A, [1])) == (0, {}, {})
    store.remove_from(A, 1)
    store.remove_chunks(A, [1])
    store.remove_document(1)
    store.drop(A)
    assert store.collections() == []


def test_it_names_its_collections_and_what_they_hold(store: VectorStore) -> None:
    store.add(A, 1, [10, 11], vectors((1, 0), (0, 1)))
    store.add(B, 2, [20], vectors((1, 0)))

    assert sorted(store.collections()) == [A, B]
    assert store.contents(A) == {10: 1, 11: 1}


def test_vectors_come_back_as_they_were_added(store: VectorStore) -> None:
    store.add(A, 1, [10, 11], vectors((0.6, 0.8), (0, 1)))

    found = store.vectors(A, [10, 99])

    assert list(found) == [10]
    assert found[10] == pytest.approx([0.6, 0.8])


def test_single_chunks_and_one_collection_can_be_emptied(store: VectorStore) -> None:
    for collection in (A, B):
        store.add(collection, 1, [10, 11], vectors((1, 0), (0, 1)))

    store.remove_chunks(A, [10])
    store.remove_from(B, 1)

    assert store.contents(A) == {11: 1}
    assert store.contents(B) == {}


def test_another_opening_sees_what_is_written(store: VectorStore, open_store: OpenStore) -> None:
    store.add(A, 1, [10], vectors((1, 0)))
    other = open_store()
    assert other.count(A, 1) == 1

    store.add(A, 1, [11], vectors((0.9, 0.1)))

    assert sorted(other.nearest(A, vectors((1, 0))[0], [1], limit=5)) == [10, 11]
    other.close()


def test_a_document_is_found_among_hundreds_of_equal_ones(store: VectorStore) -> None:
    rows = np.eye(20, 16, dtype=np.float32) + 0.1
    n_copies = 200
    for document_id in range(n_copies):
        store.add(A, document_id, range(document_id * 100, document_id * 100 + 20), rows)

    for document_id in (0, n_copies // 2, n_copies - 1):
        found = store.nearest(A, rows[3], [document_id], limit=20)
        assert len(found) == 20
        assert next(iter(found)) == document_id * 100 + 3


def test_threads_write_and_read_at_once(store: VectorStore) -> None:
    def write(document_id: int) -> int:
        ids = range(document_id * 100, document_id * 100 + 20)
        store.add(A, document_id, ids, np.eye(20, 16, dtype=np.float32) + 0.1)
        found = len(store.nearest(A, np.ones(16, dtype=np.float32), [document_id], limit=50))
        connections.close_all()
        return found

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, range(1, 9))) == [20] * 8


def test_a_vector_of_another_size_is_refused(store: VectorStore) -> None:
    store.add(A, 1, [10], vectors((1, 0)))

    with pytest.raises(StoreUnavailable):
        store.add(A, 1, [11], vectors((1, 0, 0)))


def test_many_vectors_go_in_at_once(store: VectorStore) -> None:
    n = 2500
    store.add(A, 1, range(n), np.eye(n, 16, dtype=np.float32) + 0.1)

    assert store.count(A, 1) == n


@pytest.mark.parametrize(
    ("url", "host"),
    [("http://127.0.0.1:8000", "127.0.0.1"), ("http://10.1.2.3", "10.1.2.3"), ("https://[fd00::1]:9000", "fd00::1")],
)
def test_a_server_in_a_private_network_is_taken(url: str, host: str) -> None:
    assert server_address(url, anywhere=False).host == host


def test_a_server_elsewhere_is_refused_with_the_reason() -> None:
    with pytest.raises(StoreUnavailable, match=r"8\.8\.8\.8 is not in a private network"):
        server_address("http://8.8.8.8:8000", anywhere=False)

    assert server_address("http://8.8.8.8:8000", anywhere=True).port == 8000


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(StoreUnavailable, match="no Chroma server answers at 127.0.0.1:1"):
        ChromaStore.connect(server_address("http://127.0.0.1:1", anywhere=False))


def test_a_collection_that_another_process_dropped_is_told(chroma_server: str) -> None:
    store, other = (ChromaStore.connect(server_address(chroma_server, anywhere=False)) for _ in range(2))
    store.add("chunks-v77", 1, [10], vectors((1, 0)))

    other.drop("chunks-v77")

    with pytest.raises(StoreUnavailable):
        store.nearest("chunks-v77", vectors((1, 0))[0], None, 3)
    store.close()
    other.close()


def test_the_wait_for_a_server_has_an_end(chroma_server: str) -> None:
    opened = ChromaStore.connect(server_address(chroma_server, anywhere=False))

    assert opened._client._server._session in opened._sessions
    assert {session.timeout.read for session in opened._sessions} == {SERVER_TIMEOUT_S}
    opened.close()


@pytest.mark.django_db
def test_pgvector_without_postgresql_says_what_is_missing() -> None:
    with pytest.raises(StoreUnavailable, match="set DATABASE_URL"):
        PgVectorStore.open()


def test_pgvector_undoes_what_a_failed_transaction_added(database: str) -> None:
    store = PgVectorStore.open(database)
    store.add(A, 1, [10], vectors((1, 0)))

    with pytest.raises(ZeroDivisionError), transaction.atomic(using=database):
        store.add(A, 1, [11], vectors((0, 1)))
        raise ZeroDivisionError

    assert store.contents(A) == {10: 1}
    store.drop(A)


def test_an_env_file_in_the_working_folder_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("CHROMA_API_IMPL=nonsense\nchroma_api_impl=nonsense\nHEARTH_PORT=1\n")
    monkeypatch.chdir(tmp_path)

    opened = ChromaStore.open(tmp_path / "store")

    assert opened.count(A, 1) == 0
    opened.close()


def test_only_one_process_owns_the_folder(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores.close_store()
    ownership.acquire()
    held = ownership._lock_file
    # What another process would see: the lock is taken, and not by it.
    monkeypatch.setattr(ownership, "_lock_file", None)

    with pytest.raises(StoreOwnedElsewhere):
        stores.vector_store()

    monkeypatch.setattr(ownership, "_lock_file", held)
    assert stores.vector_store().count(A, 1) == 0
