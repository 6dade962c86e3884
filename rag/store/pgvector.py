"""Vectors in our own PostgreSQL with its extension pgvector: a table for each collection, in the caller's transaction.

Any process may write: PostgreSQL keeps them apart, so that several web processes can share the work.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction
from django.db.backends.utils import CursorWrapper

from rag.errors import StoreUnavailable

# As for Chroma.
_HNSW = "m = 16, ef_construction = 100"
_EF_SEARCH = 100
# pgvector indexes no longer ones; they are compared one by one.
_INDEXED_MAX_DIMS = 2000
_PREFIX = "rag_vectors_"
_COLLECTION = re.compile("[a-z0-9-]{1,40}")
# Since then an index goes on looking until enough rows pass the filter.
_MIN_VERSION = (0, 8)
# Any number that nobody else takes; makers of tables wait for each other.
_TABLES_LOCK = 7_264_001


class PgVectorStore:
    """The vectors of one database."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    @classmethod
    def open(cls, alias: str = DEFAULT_DB_ALIAS) -> Self:
        """Open the store; the extension is created at the first time.

        Raises:
            StoreUnavailable: The database is no PostgreSQL, or has no pgvector from 0.8 on.
        """
        store = cls(alias)
        if connections[alias].vendor != "postgresql":
            raise StoreUnavailable("pgvector needs PostgreSQL: set DATABASE_URL")
        with store._cursor() as cursor:
            cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
            found = cursor.fetchone()
            if found is None:
                cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")
                if cursor.fetchone() is None:
                    raise StoreUnavailable("PostgreSQL has no pgvector: install the package for its version")
                cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
                cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
                found = cursor.fetchone()
        if tuple(map(int, found[0].split(".")[:2])) < _MIN_VERSION:
            raise StoreUnavailable(f"pgvector {found[0]} is too old: 0.8 or newer is needed")
        return store

    def add(
        self, collection: str, document_id: int, chunk_ids: Sequence[int], vectors: npt.NDArray[np.float32]
    ) -> None:
        if not len(chunk_ids):
            return
        table = self._table(collection)
        rows = [
            (int(chunk_id), document_id, _text(vector)) for chunk_id, vector in zip(chunk_ids, vectors, strict=True)
        ]
        with self._cursor() as cursor:
            if not self._has_table(cursor, table):
                self._make_table(cursor, table, vectors.shape[1])
            cursor.executemany(
                f'INSERT INTO "{table}" (chunk_id, document_id, embedding) VALUES (%s, %s, %s) '  # noqa: S608
                "ON CONFLICT (chunk_id) DO UPDATE "
                "SET document_id = EXCLUDED.document_id, embedding = EXCLUDED.embedding",
                rows,
            )

    def nearest(
        self, collection: str, vector: npt.NDArray[np.float32], document_ids: Collection[int] | None, limit: int
    ) -> dict[int, float]:
        table = self._table(collection)
        with self._cursor() as cursor:
            if (document_ids is not None and not document_ids) or not self._has_table(cursor, table):
                return {}
            cursor.execute(f"SET LOCAL hnsw.ef_search = {max(_EF_SEARCH, min(limit, 1000)):d}")
            cursor.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            wanted = _text(vector)
            of_documents = "" if document_ids is None else "WHERE document_id = ANY(%s) "
            cursor.execute(
                f'SELECT chunk_id, 1 - (embedding <=> %s::vector) FROM "{table}" '  # noqa: S608
                f"{of_documents}ORDER BY embedding <=> %s::vector LIMIT %s",
                [wanted, *([] if document_ids is None else [list(document_ids)]), wanted, limit],
            )
            return {chunk_id: float(cosine) for chunk_id, cosine in cursor.fetchall()}

    def similarities(
        self, collection: str, vector: npt.NDArray[np.float32], chunk_ids: Sequence[int]
    ) -> dict[int, float]:
        return dict(
            self._rows(
                collection,
                "SELECT chunk_id, 1 - (embedding <=> %s::vector) FROM {} WHERE chunk_id = ANY(%s)",
                [_text(vector), list(chunk_ids)],
            )
        )

    def count(self, collection: str, document_id: int) -> int:
        rows = self._rows(collection, "SELECT count(*) FROM {} WHERE document_id = %s", [document_id])
        return int(rows[0][0]) if rows else 0

    def contents(self, collection: str) -> dict[int, int]:
        return dict(self._rows(collection, "SELECT chunk_id, document_id FROM {}", []))

    def vectors(self, collection: str, chunk_ids: Sequence[int]) -> dict[int, npt.NDArray[np.float32]]:
        rows = self._rows(
            collection, "SELECT chunk_id, embedding::real[] FROM {} WHERE chunk_id = ANY(%s)", [list(chunk_ids)]
        )
        return {chunk_id: np.asarray(vector, dtype=np.float32) for chunk_id, vector in rows}

    def remove_chunks(self, collection: str, chunk_ids: Sequence[int]) -> None:
        self._rows(collection, "DELETE FROM {} WHERE chunk_id = ANY(%s) RETURNING chunk_id", [list(chunk_ids)])

    def remove_from(self, collection: str, document_id: int) -> None:
        self._rows(collection, "DELETE FROM {} WHERE document_id = %s RETURNING chunk_id", [document_id])

    def remove_document(self, document_id: int) -> None:
        for collection in self.collections():
            self.remove_from(collection, document_id)

    def collections(self) -> list[str]:
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND starts_with(tablename, %s)",
                [_PREFIX],
            )
            return [table.removeprefix(_PREFIX) for (table,) in cursor.fetchall()]

    def drop(self, collection: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(f'DROP TABLE IF EXISTS "{self._table(collection)}"')

    def close(self) -> None:
        """Nothing is held: the connections are Django's."""

    def _rows(self, collection: str, statement: str, parameters: Sequence[int | str | list[int]]) -> list[Any]:
        """Return what a statement finds in a collection; nothing where there is none."""
        table = self._table(collection)
        with self._cursor() as cursor:
            if not self._has_table(cursor, table):
                return []
            cursor.execute(statement.format(f'"{table}"'), parameters)
            rows: list[Any] = cursor.fetchall()
            return rows

    def _table(self, collection: str) -> str:
        """Return the table of a collection; only its own letters ever become part of a statement."""
        if not _COLLECTION.fullmatch(collection):
            raise RuntimeError(f"no name for a collection: {collection!r}")
        return f"{_PREFIX}{collection}"

    def _has_table(self, cursor: CursorWrapper, table: str) -> bool:
        # Not to_regclass: it may still remember that there was none before another process made it.
        cursor.execute(
            "SELECT 1 FROM pg_class WHERE relname = %s AND relnamespace = current_schema()::regnamespace", [table]
        )
        return cursor.fetchone() is not None

    def _make_table(self, cursor: CursorWrapper, table: str, n_dims: int) -> None:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TABLES_LOCK])
        if self._has_table(cursor, table):
            return
        cursor.execute(
            f'CREATE TABLE "{table}" (chunk_id bigint PRIMARY KEY, document_id bigint NOT NULL, '
            f"embedding vector({n_dims:d}) NOT NULL)"
        )
        cursor.execute(f'CREATE INDEX ON "{table}" (document_id)')
        if n_dims <= _INDEXED_MAX_DIMS:
            cursor.execute(f'CREATE INDEX ON "{table}" USING hnsw (embedding vector_cosine_ops) WITH ({_HNSW})')

    @contextmanager
    def _cursor(self) -> Iterator[CursorWrapper]:
        """Give a cursor in a transaction of its own, or in a part of the caller's that can fail alone."""
        try:
            with transaction.atomic(using=self._alias), connections[self._alias].cursor() as cursor:
                yield cursor
        except Error as exc:
            # Only the kind: the message quotes what it was given.
            raise StoreUnavailable(type(exc).__name__) from exc


def _text(vector: npt.NDArray[np.float32]) -> str:
    return "[" + ",".join(map(repr, vector.tolist())) + "]"
