"""The answers of `/v1/embeddings`."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.server.openai.bodies import Encoding


def embeddings(model: str, vectors: npt.NDArray[np.float32], *, n_tokens: int, encoding: Encoding) -> dict[str, Any]:
    """Args: vectors: shape (n_texts, n_dims)."""
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, encoding)}
            for index, vector in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
    }


def _encoded(vector: npt.NDArray[np.float32], encoding: Encoding) -> str | npt.NDArray[np.float32]:
    """Return a vector for JSON; in base64 it is its floats of 32 bits, the lowest byte first."""
    if encoding == "float":
        return np.ascontiguousarray(vector)
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
