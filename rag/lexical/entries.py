"""The lexical index: which chunks hold the words of a question. Lives in the database, in the caller's transaction.

SQLite keeps it in an FTS5 table, PostgreSQL in a tsvector column; both see the same terms, made by `words`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models.expressions import RawSQL

from rag.lexical import words

_ADD = {
    "sqlite": "INSERT INTO rag_lexical (rowid, terms) VALUES (%s, %s)",
    "postgresql": "INSERT INTO rag_lexical (chunk_id, terms) VALUES (%s, to_tsvector('simple', %s))",
}
_REMOVE = {
    "sqlite": "DELETE FROM rag_lexical WHERE rowid IN (SELECT id FROM rag_chunk WHERE document_id = %s{of_chunker})",
    "postgresql": (
        "DELETE FROM rag_lexical WHERE chunk_id IN (SELECT id FROM rag_chunk WHERE document_id = %s{of_chunker})"
    ),
}
# The documents are part of the query, not a filter on its result: others' chunks never leave the database.
_SEARCH = {
    "sqlite": """
        SELECT chunk.id, -rag_lexical.rank FROM rag_lexical JOIN rag_chunk AS chunk ON chunk.id = rag_lexical.rowid
        WHERE rag_lexical MATCH %s AND chunk.chunker = %s AND chunk.document_id IN (SELECT value FROM json_each(%s))
        ORDER BY rag_lexical.rank LIMIT %s
    """,
    "postgresql": """
        SELECT chunk.id, ts_rank_cd(lexical.terms, query.terms, 1) AS score
        FROM rag_lexical AS lexical JOIN rag_chunk AS chunk ON chunk.id = lexical.chunk_id,
             to_tsquery('simple', %s) AS query(terms)
        WHERE lexical.terms @@ query.terms AND chunk.chunker = %s
          AND chunk.document_id IN (SELECT value::bigint FROM json_array_elements_text(%s))
        ORDER BY score DESC LIMIT %s
    """,
}
_KEY = {"sqlite": "rowid", "postgresql": "chunk_id"}
# As they were indexed; PostgreSQL gives each once, and in an order of its own.
_TERMS_OF_CHUNK = {
    "sqlite": "SELECT terms FROM rag_lexical WHERE rowid = rag_chunk.id",
    "postgresql": """
        SELECT array_to_string(tsvector_to_array(terms), ' ') FROM rag_lexical WHERE chunk_id = rag_chunk.id
    """,
}
_QUOTE = {"sqlite": ('"{}"', " OR "), "postgresql": ("'{}'", " | ")}


@dataclass(frozen=True, slots=True)
class Match:
    chunk_id: int
    score: float
    """BM25 on SQLite, cover density on PostgreSQL; comparable within one answer only."""


def terms_in(text: str) -> str:
    """Return the terms of a text as they are stored: to be made before a transaction, because it takes longer."""
    return " ".join(words.terms(text))


def add(chunks: Iterable[tuple[int, str]]) -> None:
    """Index chunks, given as (id, text)."""
    add_terms([(chunk_id, terms_in(text)) for chunk_id, text in chunks])


def add_terms(rows: Sequence[tuple[int, str]]) -> None:
    """Index chunks, given as (id, `terms_in` their text)."""
    with connection.cursor() as cursor:
        cursor.executemany(_ADD[connection.vendor], rows)


def remove(document_id: int, chunker: str = "") -> None:
    """Forget a document's chunks, or those of one chunker; they must still be in their table."""
    of_chunker = " AND chunker = %s" if chunker else ""
    with connection.cursor() as cursor:
        cursor.execute(
            _REMOVE[connection.vendor].format(of_chunker=of_chunker), [document_id, *([chunker] if chunker else [])]
        )


def search(terms: Sequence[str], document_ids: Collection[int], chunker: str, limit: int) -> list[Match]:
    """Return the chunks of these documents, as one chunker cut them, that hold any of the terms, best first.

    A term that is given several times counts as often, in SQLite.
    """
    if not terms or not document_ids:
        return []
    form, either = _QUOTE[connection.vendor]
    # Terms are letters and digits only, so nothing in them can end the quotation.
    query = either.join(form.format(term) for term in terms)
    with connection.cursor() as cursor:
        cursor.execute(_SEARCH[connection.vendor], [query, chunker, json.dumps(sorted(document_ids)), limit])
        return [Match(chunk_id, float(score)) for chunk_id, score in cursor.fetchall()]


def chunks_without_entry(cursor: CursorWrapper) -> list[int]:
    """Return the ids of chunks that no words lead to."""
    cursor.execute(f"SELECT id FROM rag_chunk WHERE id NOT IN (SELECT {_KEY[connection.vendor]} FROM rag_lexical)")  # noqa: S608  (a closed set)
    return [chunk_id for (chunk_id,) in cursor.fetchall()]


def entries_without_chunk(cursor: CursorWrapper) -> list[int]:
    """Return the ids that words lead to and that no chunk has."""
    key = _KEY[connection.vendor]
    cursor.execute(f"SELECT {key} FROM rag_lexical WHERE {key} NOT IN (SELECT id FROM rag_chunk)")  # noqa: S608  (a closed set)
    return [chunk_id for (chunk_id,) in cursor.fetchall()]


def remove_entries(chunk_ids: Sequence[int]) -> None:
    """Forget what leads to these ids."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"DELETE FROM rag_lexical WHERE {_KEY[connection.vendor]} = %s",  # noqa: S608  (a closed set)
            [[chunk_id] for chunk_id in chunk_ids],
        )


def terms_of_chunk() -> Any:
    """Return what stands for the indexed terms of a chunk in a query of chunks; NULL for one without an entry."""
    return RawSQL(_TERMS_OF_CHUNK[connection.vendor], [])  # noqa: S611  (a closed set)


def n_entries() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM rag_lexical")
        return int(cursor.fetchone()[0])
