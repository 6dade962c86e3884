"""Vectors in Chroma: embedded in this process, or a server in a private network.

Our own vectors only: no embedding function is ever configured, and no server is started (CVE-2026-45829). The embedded
one does not notice what another process writes, so only the owner of the folder may open it (`ownership`).
Importing chromadb costs two seconds and 60 MB: nothing imports this module before the first document is there.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import chromadb
import httpx
import numpy as np
import numpy.typing as npt
from chromadb.config import Settings
from chromadb.errors import ChromaError, NotFoundError

from rag.errors import StoreUnavailable
from rag.store.addresses import ServerAddress
from rag.store.rows import Rows, reconcile

logger = logging.getLogger(__name__)

# Measured on real vectors: recall at least .998.
_HNSW = {"space": "cosine", "max_neighbors": 16, "ef_construction": 100, "ef_search": 100}
_ADD_BATCH = 1000
# Up to here all vectors are compared one by one: 12 ms of a core among 100,000 of 384 dimensions, while the words, on
# another core, take as long. The graph takes 2, but misses one of a hundred where texts differ, one of eight among
# mixtures of them, and among hundreds of equal vectors, of a file that many people have, it loses its way.
_COMPARED_IN_ROWS_BYTES = 200_000_000
_ASKED_FOR = 5
"""So many times what is wanted, of the graph: the more it is asked for, the further it looks."""
# On a server, whose vectors come over the network.
_COMPARED_FROM_AFAR = 400
SERVER_TIMEOUT_S = 30.0
_READ_BATCH = 5000


class ChromaStore:
    """One Chroma folder or server, open until `close`."""

    def __init__(self, client: Any, *, sessions: Sequence[httpx.Client] = (), rows_folder: Path | None = None) -> None:
        self._client = client
        self._sessions = sessions
        self._collections: dict[str, Any] = {}
        # Only of a store that is ours alone: nobody tells us what others write.
        self._rows_folder = rows_folder
        self._rows: dict[UUID, Rows] = {}
        # Chroma takes one writer at a time; readers go beside it.
        self._writing = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open or create the store in a folder.

        Raises:
            StoreUnavailable: The folder cannot be used, or does not hold a Chroma that this version reads.
        """
        # Without _env_file, Chroma would read the .env of the working directory, which is ours.
        settings = Settings(_env_file=None, anonymized_telemetry=False, allow_reset=False)  # type: ignore[call-arg]
        try:
            client = chromadb.PersistentClient(path=str(folder), settings=settings)
        except (ChromaError, ValueError, OSError) as exc:
            raise StoreUnavailable(type(exc).__name__) from exc
        return cls(client, rows_folder=folder / "rows")

    @classmethod
    def connect(cls, address: ServerAddress) -> Self:
        """Connect to a Chroma server. Raises StoreUnavailable."""
        settings = Settings(_env_file=None, anonymized_telemetry=False, allow_reset=False)  # type: ignore[call-arg]
        try:
            client = chromadb.HttpClient(
                host=address.host, port=address.port, ssl=address.is_encrypted, settings=settings
            )
        except (ChromaError, httpx.HTTPError, ValueError, OSError) as exc:
            raise StoreUnavailable(f"no Chroma server answers at {address.host}:{address.port}") from exc
        # One for collections and one for databases; Chroma itself would wait for ever and leave them open.
        sessions = (client._server._session, client._admin_client._server._session)  # type: ignore[attr-defined]
        for session in sessions:
            session.timeout = httpx.Timeout(SERVER_TIMEOUT_S)
        return cls(client, sessions=sessions)

    def add(
        self, collection: str, document_id: int, chunk_ids: Sequence[int], vectors: npt.NDArray[np.float32]
    ) -> None:
        with self._writing, _named_errors():
            target = self._open_collection(collection)
            if (rows := self._open_rows(target, vectors.shape[1])) is not None:
                rows.add(document_id, chunk_ids, vectors)
            for first in range(0, len(chunk_ids), _ADD_BATCH):
                ids = [str(chunk_id) for chunk_id in chunk_ids[first : first + _ADD_BATCH]]
                target.upsert(
                    ids=ids,
                    embeddings=vectors[first : first + _ADD_BATCH],
                    metadatas=[{"document": document_id}] * len(ids),
                )

    def nearest(
        self, collection: str, vector: npt.NDArray[np.float32], document_ids: Collection[int] | None, limit: int
    ) -> dict[int, float]:
        if (document_ids is not None and not document_ids) or (target := self._found_collection(collection)) is None:
            return {}
        where = None if document_ids is None else {"document": {"$in": list(document_ids)}}
        with _named_errors():
            rows = self._rows_of(target, vector)
            if rows is not None and (document_ids is not None or rows.n_bytes <= _COMPARED_IN_ROWS_BYTES):
                return rows.nearest(vector, document_ids, limit)
            if rows is None and where is not None:
                few = target.get(where=where, include=[], limit=_COMPARED_FROM_AFAR + 1)["ids"]
                if len(few) <= _COMPARED_FROM_AFAR:
                    compared = self.similarities(collection, vector, [int(chunk_id) for chunk_id in few])
                    return dict(sorted(compared.items(), key=lambda item: -item[1])[:limit])
            asked = target.query(
                query_embeddings=[vector], n_results=_ASKED_FOR * limit, where=where, include=["distances"]
            )
        nearest = islice(zip(asked["ids"][0], asked["distances"][0], strict=True), limit)
        found = {int(chunk_id): 1.0 - distance for chunk_id, distance in nearest}
        if rows is not None and rows.has_nearer(vector, found):
            return rows.nearest(vector, None, limit)
        return found

    def similarities(
        self, collection: str, vector: npt.NDArray[np.float32], chunk_ids: Sequence[int]
    ) -> dict[int, float]:
        if not chunk_ids or (target := self._found_collection(collection)) is None:
            return {}
        with _named_errors():
            if (rows := self._rows_of(target, vector)) is not None:
                return rows.similarities(vector, chunk_ids)
        found = self.vectors(collection, chunk_ids)
        if not found:
            return {}
        stored = np.stack(list(found.values()))
        lengths = np.linalg.norm(stored, axis=1) * np.linalg.norm(vector)
        cosines = stored @ vector / np.maximum(lengths, 1e-12)
        return {chunk_id: float(cosine) for chunk_id, cosine in zip(found, cosines, strict=True)}

    def count(self, collection: str, document_id: int) -> int:
        if (target := self._found_collection(collection)) is None:
            return 0
        with _named_errors():
            return len(target.get(where={"document": document_id}, include=[])["ids"])

    def contents(self, collection: str) -> dict[int, int]:
        found: dict[int, int] = {}
        if (target := self._found_collection(collection)) is None:
            return found
        with _named_errors():
            for first in range(0, target.count(), _READ_BATCH):
                page = target.get(include=["metadatas"], limit=_READ_BATCH, offset=first)
                found |= {
                    int(i): int(about["document"]) for i, about in zip(page["ids"], page["metadatas"], strict=True)
                }
        return found

    def vectors(self, collection: str, chunk_ids: Sequence[int]) -> dict[int, npt.NDArray[np.float32]]:
        if not chunk_ids or (target := self._found_collection(collection)) is None:
            return {}
        with _named_errors():
            found = target.get(ids=[str(i) for i in chunk_ids], include=["embeddings"])
        return {int(i): np.asarray(v, dtype=np.float32) for i, v in zip(found["ids"], found["embeddings"], strict=True)}

    def remove_chunks(self, collection: str, chunk_ids: Sequence[int]) -> None:
        with self._writing:
            if chunk_ids and (target := self._found_collection(collection)):
                with _named_errors():
                    target.delete(ids=[str(i) for i in chunk_ids])
                    if (rows := self._open_rows(target)) is not None:
                        rows.remove(chunk_ids)

    def remove_from(self, collection: str, document_id: int) -> None:
        with self._writing:
            if target := self._found_collection(collection):
                with _named_errors():
                    target.delete(where={"document": document_id})
                    if (rows := self._open_rows(target)) is not None:
                        rows.remove_from(document_id)

    def remove_document(self, document_id: int) -> None:
        for collection in self.collections():
            self.remove_from(collection, document_id)

    def collections(self) -> list[str]:
        with _named_errors():
            return [collection.name for collection in self._client.list_collections()]

    def drop(self, collection: str) -> None:
        with self._writing, _named_errors():
            self._collections.pop(collection, None)
            try:
                self._client.delete_collection(collection)
            except NotFoundError:
                return
            self._forget_rows()

    def close(self) -> None:
        self._client.close()
        for session in self._sessions:
            session.close()

    def _open_collection(self, name: str) -> Any:
        if name not in self._collections:
            self._collections[name] = self._client.get_or_create_collection(
                name, embedding_function=None, configuration={"hnsw": _HNSW}
            )
        return self._collections[name]

    def _found_collection(self, name: str) -> Any | None:
        if name not in self._collections:
            with _named_errors():
                try:
                    self._collections[name] = self._client.get_collection(name, embedding_function=None)
                except NotFoundError:
                    return None
        return self._collections[name]

    def _rows_of(self, target: Any, vector: npt.NDArray[np.float32]) -> Rows | None:
        """Return the rows of a collection for a search; None where there are none."""
        rows = self._rows.get(target.id)
        if rows is None and self._rows_folder is not None:
            with self._writing:
                rows = self._open_rows(target)
        if rows is not None and rows.n_dims != len(vector):
            raise StoreUnavailable("vectors of another length")
        return rows

    def _open_rows(self, target: Any, n_dims: int = 0) -> Rows | None:
        """Return the rows of a collection, brought to what it holds at their first use. The caller writes alone.

        Args:
            n_dims: Of what is to be added; without it, an empty collection has no rows.
        """
        if self._rows_folder is None or target.id in self._rows:
            rows = self._rows.get(target.id)
        else:
            rows = self._first_rows(target, self._rows_folder / str(target.id), n_dims)
        if rows is not None and n_dims and rows.n_dims != n_dims:
            raise StoreUnavailable("vectors of another length")
        return rows

    def _first_rows(self, target: Any, folder: Path, n_dims: int) -> Rows | None:
        n_stored = target.count()
        if n_stored:
            n_dims = len(target.get(limit=1, include=["embeddings"])["embeddings"][0])
        if not n_dims:
            return None
        rows = Rows.open(folder)
        if rows is None or rows.n_dims != n_dims:
            rows = Rows.create(folder, n_dims)
        if rows.n_chunks != n_stored:
            logger.info("The vectors of %s are brought together for searching", target.name)
            reconcile(rows, self.contents(target.name), lambda ids: self.vectors(target.name, ids), _ADD_BATCH)
        self._rows[target.id] = rows
        return rows

    def _forget_rows(self) -> None:
        """Remove the rows of collections that are no more. The caller writes alone."""
        there = {collection.id for collection in self._client.list_collections()}
        self._rows = {key: rows for key, rows in self._rows.items() if key in there}
        if self._rows_folder is not None and self._rows_folder.exists():
            for folder in self._rows_folder.iterdir():
                if folder.name not in map(str, there):
                    shutil.rmtree(folder)


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except (ChromaError, httpx.HTTPError, OSError) as exc:
        # Only the kind: Chroma's messages quote what it was given.
        raise StoreUnavailable(type(exc).__name__) from exc
