"""Retrieval by words: how text is cut into terms, and the index that holds them."""

from __future__ import annotations
