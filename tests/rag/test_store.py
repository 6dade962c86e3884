"""The contract of every vector store. Chroma is the one there is; the next one joins `STORES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from rag import store as stores
from rag.errors import StoreOwnedElsewhere, StoreUnavailable
from rag.store import VectorStore, ownership
from rag.store.chroma import ChromaStore

STORES: dict[str, Callable[[Path], VectorStore]] = {"chroma": ChromaStore.open}

A, B = "chunks-v1", "chunks-v2"


def vectors(*rows: tuple[float, ...]) -> npt.NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorStore]:
    opened = STORES[request.param](tmp_path / "store")
    yield opened
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


def test_what_was_added_is_there_after_opening_again(tmp_path: Path) -> None:
    for open_store in STORES.values():
        first = open_store(tmp_path / "again")
        first.add(A, 1, [10], vectors((1, 0)))
        first.close()

        second = open_store(tmp_path / "again")
        assert second.count(A, 1) == 1
        second.close()


def test_a_vector_of_another_size_is_refused(store: VectorStore) -> None:
    store.add(A, 1, [10], vectors((1, 0)))

    with pytest.raises(StoreUnavailable):
        store.add(A, 1, [11], vectors((1, 0, 0)))


def test_many_vectors_go_in_at_once(store: VectorStore) -> None:
    n = 2500
    store.add(A, 1, range(n), np.eye(n, 16, dtype=np.float32) + 0.1)

    assert store.count(A, 1) == n


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
