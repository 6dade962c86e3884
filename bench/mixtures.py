"""Vectors like those of an embedder, for more chunks than can be embedded in a minute: they lie between real ones.

Made of chance alone they would be as far from each other as can be, all of them equally, which no texts are; a graph
finds next to nothing among such.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

# Of the real vectors, largest share first; chance adds a little that none of them has.
_SHARES = np.array([0.7, 0.4, 0.2], np.float32)
_CHANCE = 0.35


def mixtures(real: Vectors, n: int, generator: np.random.Generator) -> Vectors:
    """Return n vectors of length 1."""
    picked = real[generator.integers(len(real), size=(n, len(_SHARES)))]
    chance = generator.standard_normal((n, real.shape[1]), dtype=np.float32) / np.sqrt(real.shape[1])
    mixed = np.einsum("s,nsd->nd", _SHARES, picked) + _CHANCE * chance
    units: Vectors = (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)
    return units
