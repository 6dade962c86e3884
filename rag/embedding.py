"""Vectors of texts, by the configured embedder. Knows how far its similarities can be trusted for a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from inference import client
from rag import conf, words

# Small batches are as fast, and leave the embedder free for a question every tenth of a second.
BATCH = 8


async def embed_texts(embedder: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return vectors of shape (len(texts), n_dims). Raises inference.errors.InferenceError."""
    batches = [await client.embed(embedder, texts[first : first + BATCH]) for first in range(0, len(texts), BATCH)]
    return np.concatenate(batches)


async def embed_question(embedder: str, question: str) -> npt.NDArray[np.float32]:
    """Return the vector, shape (n_dims,), of a question. Raises inference.errors.InferenceError."""
    vectors = await embed_texts(embedder, [question])
    vector: npt.NDArray[np.float32] = vectors[0]
    return vector


def trust(embedder: str, question: str) -> float:
    """Return how much the embedder's similarity counts for a question, 0 to 1.

    An English embedder turns most of a Chinese question into one unknown token; its similarities are noise then.
    """
    return words.share_of_latin(question) if conf.is_english_only(embedder) else 1.0
