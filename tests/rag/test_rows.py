"""The copy of vectors that is searched row by row: exact, and the same as the store whatever interrupts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from rag.errors import StoreUnavailable
from rag.store import chroma
from rag.store.chroma import ChromaStore
from rag.store.rows import Rows

A = "chunks-v1"
N_DIMS = 16
_random = np.random.default_rng(5)


def some_vectors(n: int) -> npt.NDArray[np.float32]:
    return _random.standard_normal((n, N_DIMS), dtype=np.float32)


def cosines(vectors: npt.NDArray[np.float32], vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    result: npt.NDArray[np.float32] = vectors @ vector / np.linalg.norm(vectors, axis=1) / np.linalg.norm(vector)
    return result


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return Rows.create(tmp_path / "rows", N_DIMS)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ChromaStore]:
    opened = ChromaStore.open(tmp_path / "store")
    yield opened
    opened.close()


def rows_file(tmp_path: Path, kind: str) -> Path:
    [found] = (tmp_path / "store" / "rows").glob(f"*/*.{kind}")
    return found


@pytest.mark.parametrize("n_documents", [1, 7, 60, 100])
def test_the_nearest_are_exactly_the_nearest(rows: Rows, n_documents: int) -> None:
    vectors = some_vectors(5000)
    for number in range(100):
        rows.add(number + 1, range(50 * number + 1, 50 * number + 51), vectors[50 * number : 50 * number + 50])
    chosen = _random.permutation(100)[:n_documents] + 1
    question = some_vectors(1)[0]

    found = rows.nearest(question, chosen.tolist(), 40)

    among = {
        int(pk): float(cosine)
        for pk, cosine in enumerate(cosines(vectors, question), 1)
        if (pk - 1) // 50 + 1 in chosen
    }
    best = sorted(among, key=lambda pk: -among[pk])[:40]
    assert list(found) == best
    assert list(found.values()) == pytest.approx([among[pk] for pk in best], abs=1e-6)


def test_all_of_hundreds_of_equal_vectors_are_found(rows: Rows) -> None:
    vectors = some_vectors(900)
    vectors[300:600] = vectors[0]
    rows.add(1, range(1, 901), vectors)

    found = rows.nearest(vectors[0], None, 301)

    assert set(found) == {1, *range(301, 601)}


def test_what_was_removed_is_found_no_more_and_its_room_is_used_again(rows: Rows, tmp_path: Path) -> None:
    vectors = some_vectors(9000)
    for number in range(9):
        rows.add(number, range(1000 * number, 1000 * (number + 1)), vectors[1000 * number : 1000 * (number + 1)])

    for number in range(8):
        rows.remove_from(number)

    assert rows.n_chunks == 1000
    assert set(rows.nearest(vectors[0], None, 5000)) == set(range(8000, 9000))
    assert sum(path.stat().st_size for path in tmp_path.glob("rows/*.vectors")) < 4000 * 4 * N_DIMS
    opened = Rows.open(tmp_path / "rows")
    assert opened is not None
    assert opened.similarities(vectors[8500], [8500, 1]) == pytest.approx({8500: 1.0})


def test_a_chunk_that_is_added_again_is_there_once(rows: Rows) -> None:
    before, after = some_vectors(2)
    rows.add(1, [7], before[np.newaxis])

    rows.add(1, [7], after[np.newaxis])

    assert rows.n_chunks == 1
    assert rows.nearest(after, None, 5) == pytest.approx({7: 1.0})


def test_rows_that_were_not_written_to_their_end_are_not_there(rows: Rows, tmp_path: Path) -> None:
    rows.add(1, [1, 2, 3], some_vectors(3))
    numbers = tmp_path / "rows" / "1.numbers"
    numbers.write_bytes(numbers.read_bytes()[:-9])

    opened = Rows.open(tmp_path / "rows")
    assert opened is not None
    assert opened.chunk_ids() == {1, 2}
    again = some_vectors(1)
    opened.add(1, [3], again)

    assert opened.similarities(again[0], [3]) == pytest.approx({3: 1.0})


def test_a_store_from_before_there_were_rows_gets_them(store: ChromaStore, tmp_path: Path) -> None:
    vectors = some_vectors(2500)
    for number in range(50):
        store.add(A, number, range(50 * number, 50 * number + 50), vectors[50 * number : 50 * number + 50])
    store.close()
    rows_file(tmp_path, "numbers").unlink()

    opened = ChromaStore.open(tmp_path / "store")
    found = opened.nearest(A, vectors[77], [1, 3], 3)
    opened.close()

    assert next(iter(found)) == 77
    assert found[77] == pytest.approx(1.0)


def test_rows_that_a_crash_left_behind_or_ahead_are_brought_to_what_the_store_holds(
    store: ChromaStore, tmp_path: Path
) -> None:
    vectors = some_vectors(30)
    store.add(A, 1, range(1, 11), vectors[:10])
    behind = rows_file(tmp_path, "numbers").read_bytes()
    store.add(A, 2, range(11, 21), vectors[10:20])
    store.close()
    rows_file(tmp_path, "numbers").write_bytes(behind)
    ahead = Rows.open(rows_file(tmp_path, "numbers").parent)
    assert ahead is not None
    ahead.add(3, range(21, 31), vectors[20:])
    ahead.add(3, [31], vectors[:1])

    opened = ChromaStore.open(tmp_path / "store")
    everything = opened.nearest(A, vectors[0], [1, 2, 3], 100)
    opened.close()

    assert set(everything) == set(range(1, 21))


def test_a_large_collection_is_asked_as_a_graph_and_gives_no_more_than_was_asked_for(
    store: ChromaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chroma, "_COMPARED_IN_ROWS_BYTES", 0)
    vectors = some_vectors(400)
    store.add(A, 1, range(1, 401), vectors)

    found = store.nearest(A, vectors[5], None, 40)

    best = np.argsort(-cosines(vectors, vectors[5]))[:40] + 1
    assert len(found) == 40
    assert len(set(found) & set(best.tolist())) >= 39


def test_a_graph_that_has_lost_its_way_is_noticed(rows: Rows) -> None:
    vectors = some_vectors(2000)
    vectors[:300] = vectors[0]
    rows.add(1, range(1, 2001), vectors)
    best = rows.nearest(vectors[0], None, 40)
    lost = dict.fromkeys(range(1000, 1040), 0.1)

    assert not rows.has_nearer(vectors[0], best)
    assert rows.has_nearer(vectors[0], lost)
    assert rows.has_nearer(vectors[0], {})


def test_a_question_of_another_length_is_refused(store: ChromaStore) -> None:
    store.add(A, 1, [1], some_vectors(1))

    with pytest.raises(StoreUnavailable):
        store.nearest(A, np.ones(N_DIMS + 1, np.float32), [1], 5)


def test_a_dropped_collection_leaves_no_rows(store: ChromaStore, tmp_path: Path) -> None:
    store.add(A, 1, [1], some_vectors(1))

    store.drop(A)

    assert list((tmp_path / "store" / "rows").iterdir()) == []
    store.add(A, 2, [1], some_vectors(1))
    assert store.nearest(A, some_vectors(1)[0], [1], 5) == {}
