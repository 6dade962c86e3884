"""Fixtures for everything under inference: model files that real llama.cpp loads."""

from __future__ import annotations

from tests.doubles.gguf_fixtures import (
    counting_gguf,
    embedding_gguf,
    endless_gguf,
    gguf_folder,
    reranker_gguf,
    scripted_gguf,
    slow_gguf,
    tiny_gguf,
)

__all__ = [
    "counting_gguf",
    "embedding_gguf",
    "endless_gguf",
    "gguf_folder",
    "reranker_gguf",
    "scripted_gguf",
    "slow_gguf",
    "tiny_gguf",
]
