"""Find the projector that lets a model see, and check it before native code opens it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from inference.errors import BadModelFile, ModelLoadFailed
from inference.library.files import is_gguf_name
from inference.library.gguf import GgufHeader, read_header
from inference.library.names import name_of_file

TYPES_BY_PREFERENCE = ("F16", "BF16", "Q8_0", "F32")
"""Several precisions of one projector often lie side by side; half of them is exact enough and small."""

MAX_NEIGHBOURS = 1000
"""Directory entries that are looked at for a projector."""


def check_projector(model: str, path: Path) -> None:
    """Raise ModelLoadFailed unless this is the whole file of a projector that reads images."""
    try:
        header = read_header(path)
    except BadModelFile as exc:
        raise ModelLoadFailed(model, f"its projector {path.name} cannot be used: {exc.detail}") from exc
    if not reads_images(header):
        raise ModelLoadFailed(model, f"{path.name} is no projector for images")


def reads_images(header: GgufHeader) -> bool:
    return header.is_projector and header.metadata.get("clip.has_vision_encoder") is True


def is_model(header: GgufHeader) -> bool:
    return not header.is_projector and not header.is_adapter


def folders_beside(model: Path) -> Sequence[Path]:
    """Return where a model's projector may lie: in its folder, and above it in a Hugging Face snapshot."""
    folder = model.parent
    is_below_snapshot = len(model.parents) > 2 and model.parents[2].name == "snapshots"
    return [folder, folder.parent] if is_below_snapshot else [folder]


def files_in(folder: Path) -> Iterator[Path]:
    """Yield the first GGUF files of a folder."""
    names = sorted(entry.name for entry in islice(os.scandir(folder), MAX_NEIGHBOURS) if is_gguf_name(entry.name))
    yield from (folder / name for name in names)


def projector_for(model: Path, header: GgufHeader, beside: Mapping[Path, GgufHeader]) -> Path | None:
    """Return the projector that belongs to a model.

    It must have the model's width. In a folder of several models it must also carry the model's name; where the folder
    holds one model only, perhaps in several precisions, any name will do.

    Args:
        beside: The headers of all files in the folder.
    """
    if header.is_embedding or header.is_reranker:
        return None
    name = name_of_file(model).model
    is_alone = all(name_of_file(path).model == name for path, other in beside.items() if is_model(other))
    fitting = [
        path
        for path, other in beside.items()
        if _fits(other, header) and (is_alone or name in name_of_file(path).model)
    ]
    return min(fitting, key=lambda path: _rank(beside[path], path), default=None)


def _fits(projector: GgufHeader, header: GgufHeader) -> bool:
    width = projector.metadata.get("clip.vision.projection_dim")
    return reads_images(projector) and width == header.embedding_length


def _rank(header: GgufHeader, path: Path) -> tuple[int, str]:
    known: Sequence[str] = TYPES_BY_PREFERENCE
    kind = header.quantization or ""
    return (known.index(kind) if kind in known else len(known)), path.name
