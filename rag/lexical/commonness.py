"""Which terms of a question are too common to look for in a large index: most of the time, for next to no rank."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from django.db import connection

# Smaller indexes are searched in a few milliseconds whatever is asked.
MIN_ENTRIES = 20_000
COMMON_SHARE = 0.05
MIN_TERMS = 3
"""So many terms stay, the rarest, however common they are."""

_GOOD_FOR_S = 600.0
_MAX_KNOWN = 20_000
# Counting a term is a good deal cheaper than ranking by it, but not free.
_COUNT = "SELECT count(*) FROM rag_lexical WHERE rag_lexical MATCH %s"
_COUNT_ALL = "SELECT count(*) FROM rag_lexical"

_known: dict[str, tuple[int, float]] = {}
_lock = threading.Lock()


def without_common(terms: Sequence[str]) -> list[str]:
    """Return the terms to search for, in their order; all of them in an index of moderate size.

    SQLite only: PostgreSQL's index finds common terms faster than it ranks by them, but cannot count them cheaply.
    """
    if connection.vendor != "sqlite" or len(terms) <= MIN_TERMS or (n_entries := _count("")) < MIN_ENTRIES:
        return list(terms)
    counts = {term: _count(term) for term in terms}
    rarest = sorted(terms, key=lambda term: counts[term])[:MIN_TERMS]
    return [term for term in terms if counts[term] <= COMMON_SHARE * n_entries or term in rarest]


def forget() -> None:
    with _lock:
        _known.clear()


def _count(term: str) -> int:
    """Return how many chunks hold a term, or with "" how many there are; some minutes old at most."""
    now = time.monotonic()
    with _lock:
        count, counted_at = _known.get(term, (0, -_GOOD_FOR_S))
    if now - counted_at < _GOOD_FOR_S:
        return count
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [f'"{term}"']) if term else cursor.execute(_COUNT_ALL)
        count = int(cursor.fetchone()[0])
    with _lock:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[term] = count, now
    return count
