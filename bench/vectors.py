"""Vectors of the corpus, kept between runs: embedding it takes minutes of two cores."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag import embedding
from rag.models import IndexVersion

# A run that is cut off loses no more.
_KEEP_EVERY = 2000


class KeptVectors:
    """Vectors by text, in a file for each embedder; `keep` writes it."""

    def __init__(self, folder: Path, version: IndexVersion) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        model = f"{version.embedder} {version.embedder_digest}"
        self._file = folder / f"{hashlib.sha256(model.encode()).hexdigest()[:16]}.npz"
        self._version = version
        self._by_text: dict[str, npt.NDArray[np.float16]] = {}
        self._n_new = 0
        if self._file.exists():
            with np.load(self._file) as kept:
                self._by_text = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    async def of(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return vectors of shape (len(texts), n_dims); those not yet known are embedded."""
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._by_text}
        if missing:
            vectors = await embedding.embed_for(self._version, list(missing.values()))
            self._by_text |= zip(missing, vectors.astype(np.float16), strict=True)
            self._n_new += len(missing)
            if self._n_new >= _KEEP_EVERY:
                self.keep()
        return np.stack([self._by_text[key] for key in keys]).astype(np.float32)

    def keep(self) -> None:
        if self._n_new:
            partial = self._file.with_suffix(".partial.npz")
            np.savez(partial, keys=np.array(list(self._by_text)), vectors=np.stack(list(self._by_text.values())))
            partial.replace(self._file)
            self._n_new = 0
