"""Recognise a folder that another program keeps its models in, and list what we can use of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from inference.library.errors import BadManifest
from inference.library.files import gguf_files
from inference.library.manifests import Store

LocationKind = Literal["file", "folder", "ollama", "huggingface", "lmstudio"]

_LMSTUDIO_FOLDERS = (".lmstudio", "lm-studio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place on this machine that holds models. Only ever read."""

    kind: LocationKind
    path: Path

    @classmethod
    def recognise(cls, path: Path) -> Location | None:
        """Return what kind of place `path` is; None when it does not exist.

        `~/.ollama` and `~/.cache/huggingface` are understood as the folder inside that holds the models.
        """
        if path.is_file():
            return cls(kind="file", path=path)
        if not path.is_dir():
            return None
        for candidate in (path, path / "models", path / "hub"):
            if (candidate / "manifests").is_dir() and (candidate / "blobs").is_dir():
                return cls(kind="ollama", path=candidate)
            if next(candidate.glob("models--*"), None) is not None:
                return cls(kind="huggingface", path=candidate)
        is_lmstudio = any(part in _LMSTUDIO_FOLDERS for part in path.parts)
        return cls(kind="lmstudio" if is_lmstudio else "folder", path=path)

    def gguf_files(self) -> Iterator[Path]:
        """Yield the GGUF files that carry their own name; an Ollama store has none, see `Store`."""
        if self.kind == "file":
            yield self.path
        elif self.kind == "huggingface":
            for repository in sorted(self.path.glob("models--*")):
                yield from gguf_files(repository / "snapshots")
        elif self.kind != "ollama":
            yield from gguf_files(self.path)

    def measure(self) -> tuple[int, int]:
        """Return how many models are here and how many bytes they take. Reads manifests, opens no model."""
        sizes = list(self._sizes())
        return len(sizes), sum(sizes)

    def _sizes(self) -> Iterator[int]:
        if self.kind != "ollama":
            seen: set[Path] = set()
            for path in self.gguf_files():
                target = path.resolve()
                if target.is_file() and target not in seen:
                    seen.add(target)
                    yield target.stat().st_size
            return
        store = Store(self.path)
        for name in store.names():
            try:
                manifest = store.read_manifest(name)
            except (BadManifest, OSError):
                continue
            if manifest.first("model") is not None:
                yield manifest.size_bytes
