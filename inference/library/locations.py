"""Recognise a folder that another program keeps its models in, and list what we can use of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from inference.library.errors import BadManifest, InvalidName
from inference.library.files import gguf_files
from inference.library.hub_names import HUB_HOST
from inference.library.manifests import Store
from inference.library.names import ModelName, quantization_of, without_part

LocationKind = Literal["file", "folder", "ollama", "huggingface", "lmstudio"]

MAX_REF_BYTES = 100

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
                for snapshot in _snapshots(repository):
                    yield from gguf_files(snapshot)
        elif self.kind != "ollama":
            yield from gguf_files(self.path)

    def holds(self, path: Path) -> bool:
        """Return whether a file lies here, also after its links are followed. What does not was never attached."""
        return self.kind == "file" or path.resolve().is_relative_to(self.path.resolve())

    def name_of(self, path: Path) -> ModelName | None:
        """Return the name by which whoever put a file here knows it; None where only the file has a name."""
        inside = path.relative_to(self.path).parts if self.kind in ("huggingface", "lmstudio") else ()
        try:
            if self.kind == "huggingface":
                _models, organisation, repository = inside[0].split("--", 2)
                return ModelName.parse(f"{HUB_HOST}/{organisation}/{repository}:{_tag(path)}")
            if self.kind == "lmstudio" and len(inside) == 3:
                return ModelName.parse(f"{inside[0]}/{inside[1]}:{_tag(path)}")
        except (ValueError, InvalidName):  # A folder that another program named in its own way.
            return None
        return None

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


def _snapshots(repository: Path) -> list[Path]:
    """Return a repository's snapshots in a Hugging Face cache, those that a branch points at first."""
    folders = [folder for folder in (repository / "snapshots").glob("*") if folder.is_dir()]
    branches = {_commit(ref) for ref in (repository / "refs").glob("*")}
    return sorted(folders, key=lambda folder: (folder.name not in branches, folder.name))


def _commit(ref: Path) -> str:
    try:
        with ref.open("rb") as file:
            return file.read(MAX_REF_BYTES).decode("ascii", "replace").strip()
    except OSError:
        return ""


def _tag(path: Path) -> str:
    return quantization_of(path.name) or without_part(path.name)
