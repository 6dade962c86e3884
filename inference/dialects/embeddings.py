"""Embeddings as JSON lists. No I/O."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inference.dialects.errors import MalformedStream

MAX_DIMENSIONS = 16384


def matrix(rows: object, *, n_rows: int) -> npt.NDArray[np.float32]:
    """Return lists of numbers as an array of shape (n_rows, n_dims), each row of length 1.

    Raises MalformedStream for another number of rows, rows of different lengths, or values that are no numbers.
    """
    try:
        with np.errstate(over="ignore"):
            vectors = np.asarray(rows, dtype=np.float32)
    except (TypeError, ValueError) as exc:
        raise MalformedStream("embeddings that are no lists of numbers") from exc
    if vectors.ndim != 2 or len(vectors) != n_rows or not 0 < vectors.shape[1] <= MAX_DIMENSIONS:
        raise MalformedStream(f"embeddings of shape {vectors.shape} for {n_rows} texts")
    if not np.isfinite(vectors).all():
        raise MalformedStream("embeddings that are not finite")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    normalised: npt.NDArray[np.float32] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return normalised
