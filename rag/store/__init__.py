"""Where vectors are kept. The rest of the package knows `VectorStore`; `vector_store()` gives the configured one."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from rag import conf
from rag.conf import CHROMA, PGVECTOR
from rag.store import ownership

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class VectorStore(Protocol):
    """Vectors by collection, each belonging to a chunk and its document. Blocking; safe to use from several threads.

    A collection begins with the first vector added; one that is not there holds none. Every method raises
    StoreUnavailable when the store cannot do its work.
    """

    def add(
        self, collection: str, document_id: int, chunk_ids: Sequence[int], vectors: npt.NDArray[np.float32]
    ) -> None:
        """Store vectors of shape (n_chunks, n_dims), replacing those of the same chunks. Durable when it returns."""

    def nearest(
        self, collection: str, vector: npt.NDArray[np.float32], document_ids: Collection[int] | None, limit: int
    ) -> dict[int, float]:
        """Return the chunks of these documents that are nearest, with their cosine similarity, best first.

        None: of all documents, which is several times as fast as naming them.
        """

    def similarities(
        self, collection: str, vector: npt.NDArray[np.float32], chunk_ids: Sequence[int]
    ) -> dict[int, float]:
        """Return the cosine similarity of given chunks; those without a vector are left out."""

    def count(self, collection: str, document_id: int) -> int: ...

    def contents(self, collection: str) -> dict[int, int]:
        """Return every chunk that has a vector, with its document."""

    def vectors(self, collection: str, chunk_ids: Sequence[int]) -> dict[int, npt.NDArray[np.float32]]:
        """Return the vectors of given chunks as they were added; those without one are left out."""

    def remove_chunks(self, collection: str, chunk_ids: Sequence[int]) -> None: ...

    def remove_from(self, collection: str, document_id: int) -> None: ...

    def remove_document(self, document_id: int) -> None:
        """Forget a document in all collections."""

    def collections(self) -> list[str]: ...

    def drop(self, collection: str) -> None: ...

    def close(self) -> None: ...


_store: VectorStore | None = None
_lock = threading.Lock()


def vector_store() -> VectorStore:
    """Return the store, owned by this process from the first call on. Raises StoreUnavailable."""
    global _store
    with _lock:
        if _store is None:
            _store = _opened(conf.vector_store())
        return _store


def empty(name: str, collections: Collection[str]) -> None:
    """Remove our vectors from a store that was configured before. Raises StoreUnavailable.

    Args:
        name: A `conf.store_name` of before.
        collections: All that we have there; a server may hold those of others too.
    """
    if name == CHROMA:
        ownership.acquire()
        ownership.empty_folder()
        return
    left = _opened(name)
    try:
        for collection in collections:
            left.drop(collection)
    finally:
        left.close()


def _opened(kind: str) -> VectorStore:
    if kind == PGVECTOR:
        from rag.store.pgvector import PgVectorStore

        return PgVectorStore.open()
    # Here and not above: importing chromadb costs two seconds and 60 MB.
    if kind != CHROMA:
        from rag.store.addresses import server_address
        from rag.store.chroma import ChromaStore

        return ChromaStore.connect(server_address(kind, anywhere=conf.vector_store_anywhere()))
    ownership.acquire()
    from rag.store.chroma import ChromaStore

    return ChromaStore.open(conf.vectors_folder())


def is_shared() -> bool:
    """Whether several processes may use the store at once; the embedded Chroma has one owner."""
    return conf.vector_store() != CHROMA


def check() -> None:
    """Raise StoreUnavailable if the store cannot be used by anybody, or StoreOwnedElsewhere if not from here."""
    if is_shared():
        vector_store().collections()
    else:
        ownership.acquire()


def is_open() -> bool:
    return _store is not None


def close_store() -> None:
    global _store
    with _lock:
        if _store is not None:
            _store.close()
        _store = None
        ownership.release()
