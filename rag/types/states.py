"""How things stand: counts for pages and for health."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderProgress:
    """How many files of a synced folder are to be copied, on their way, in answers, and could not be taken."""

    n_waiting: int = 0
    n_unfinished: int = 0
    n_ready: int = 0
    n_problems: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What is in a knowledge."""

    n_documents: int = 0
    n_chunks: int = 0
    size_bytes: int = 0
    n_unfinished: int = 0
    n_failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """How the document side is, for /ready and the health page."""

    is_ready: bool
    detail: str
    n_waiting: int
    n_failed: int
