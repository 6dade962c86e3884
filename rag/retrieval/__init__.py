"""From a question to passages: words and meaning weighed together, what is too weak cut off, every step on record."""

from __future__ import annotations

from rag.retrieval.fusion import NAME
from rag.retrieval.scope import OtherIndex
from rag.retrieval.steps import LIMIT, retrieve

__all__ = ["LIMIT", "NAME", "OtherIndex", "retrieve"]
