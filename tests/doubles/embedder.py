"""A fast, deterministic embedder at the seam of `inference.client`: texts with words in common are near each other."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from inference.errors import InferenceError, ModelNotFound
from inference.types import ModelInfo
from rag.lexical import words


class FakeEmbedder:
    """Counts what it is asked for; `error` makes it fail, `digest` and `n_dims` make it another model.

    Models named in `n_dims_of` have other dimensions.
    """

    def __init__(self, n_dims: int = 64) -> None:
        self.n_dims = n_dims
        self.n_dims_of: dict[str, int] = {}
        self.digest = "d" * 64
        self.error: InferenceError | None = None
        self.texts: list[str] = []

    async def embed(self, model: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if self.error:
            raise self.error
        self.texts += texts
        vectors = np.stack([self._vector(text, self.n_dims_of.get(model, self.n_dims)) for text in texts])
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)

    async def find_model(self, model: str) -> ModelInfo:
        if self.error:
            raise ModelNotFound(model)
        return ModelInfo(
            id=model, name=model, connection="builtin", connection_kind="builtin", digest=self.digest,
            capabilities=frozenset({"embedding"}),
        )  # fmt: skip

    def _vector(self, text: str, n_dims: int) -> npt.NDArray[np.float32]:
        vector = np.full(n_dims, 0.01, dtype=np.float32)
        for term in words.terms(text):
            if term not in words.STOP_WORDS:
                vector[zlib.crc32(term.encode()) % n_dims] += 1
        return vector
