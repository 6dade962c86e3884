"""Find the models that other programs have already put on this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from inference.library.locations import Location
from inference.types import FoundStore


def usual_places(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Yield the folders where Ollama, Hugging Face's tools and LM Studio keep models."""
    if models := environ.get("OLLAMA_MODELS"):
        yield Path(models)
    yield home / ".ollama" / "models"
    yield Path("/usr/share/ollama/.ollama/models")
    yield Path("/var/lib/ollama/.ollama/models")
    if cache := environ.get("HF_HUB_CACHE"):
        yield Path(cache)
    if hf_home := environ.get("HF_HOME"):
        yield Path(hf_home) / "hub"
    yield home / ".cache" / "huggingface" / "hub"
    yield home / ".lmstudio" / "models"
    yield home / ".cache" / "lm-studio" / "models"


def found_stores(environ: Mapping[str, str], home: Path, *, known: Collection[Path] = ()) -> list[FoundStore]:
    """Return the stores that exist here, hold at least one usable model and are not among `known`."""
    seen = {path.resolve() for path in known}
    found = []
    for place in usual_places(environ, home):
        try:
            store = _look(place, seen)
        except OSError:  # Somebody else's folder that we may not read.
            continue
        if store is not None:
            found.append(store)
    return found


def _look(place: Path, seen: set[Path]) -> FoundStore | None:
    location = Location.recognise(place)
    if location is None or location.kind == "file" or location.kind == "folder":
        return None
    resolved = location.path.resolve()
    if resolved in seen:
        return None
    seen.add(resolved)
    n_models, size_bytes = location.measure()
    if n_models == 0:
        return None
    return FoundStore(kind=location.kind, path=str(location.path), n_models=n_models, size_bytes=size_bytes)
