"""What people write to name a model on Hugging Face, and which of a repository's files they mean by it. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from inference.library.errors import InvalidName, NoSuchFile
from inference.library.names import DEFAULT_TAG, ModelName, part_of_split, quantization_of, without_part

HUB_HOST = "hf.co"
"""The host in the names of models that came from there, whichever mirror they came through."""

HUB_HOSTS = frozenset({"hf.co", "huggingface.co", "www.huggingface.co"})

_PIECE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*")
MAX_PATH = 1024
MAX_PARTS = 999

# Which file is meant when nobody says: the best one that most machines run.
_PREFERRED = (
    "q4_k_m", "ud-q4_k_xl", "q4_k_s", "q4_0", "iq4_xs", "iq4_nl", "q4_1", "mxfp4", "mxfp4_moe", "q5_k_m", "q5_k_s",
    "q5_0", "q6_k", "q3_k_m", "q3_k_l", "q3_k_s", "q8_0", "iq3_m", "q2_k", "f16", "bf16", "f32",
)  # fmt: skip
_PREFERRED_PROJECTORS = ("f16", "fp16", "bf16", "q8_0", "f32")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubReference:
    """Attributes:
    wanted: A quantization, or a file's name or path; empty for the one that suits most.
    """

    repository: str
    wanted: str = ""
    revision: str = "main"

    @classmethod
    def parse(cls, text: str, hosts: Iterable[str] = ()) -> HubReference | None:
        """Read `hf.co/org/repo[:quantization or file]`, or the address of a repository or of a file in it.

        Args:
            hosts: Further hosts that stand for the Hub, of mirrors.

        Returns:
            None when the text names something that is not on the Hub.

        Raises:
            InvalidName
        """
        rest = text.strip()
        for scheme in ("https://", "http://"):
            rest = rest.removeprefix(scheme)
        host, _, path = rest.partition("/")
        if host.lower() not in HUB_HOSTS.union(hosts):
            return None
        path = urlsplit(f"//host/{path}").path.strip("/")
        pieces = path.split("/")
        if len(pieces) > 3 and pieces[2] in ("resolve", "blob", "raw", "tree"):
            return _of_address(text, pieces)
        if len(pieces) != 2:
            raise InvalidName(text)
        model, _, wanted = pieces[1].partition(":")
        if (":" in pieces[1] and not wanted) or len(wanted) > MAX_PATH:
            raise InvalidName(text)
        return cls(
            repository=parse_repository(f"{pieces[0]}/{model}"),
            wanted="" if wanted.lower() == DEFAULT_TAG else wanted,
        )


def _of_address(text: str, pieces: Sequence[str]) -> HubReference:
    kind, revision, path = pieces[2], unquote(pieces[3]), "/".join(map(unquote, pieces[4:]))
    if not _REVISION.fullmatch(revision) or bool(path) == (kind == "tree"):
        raise InvalidName(text)
    if path and not is_safe_path(path):
        raise InvalidName(text)
    return HubReference(repository=parse_repository("/".join(pieces[:2])), wanted=path, revision=revision)


def parse_repository(text: str) -> str:
    """Return `org/name`. Raises InvalidName for anything else."""
    pieces = text.split("/")
    if len(pieces) != 2 or not all(_PIECE.fullmatch(piece) and ".." not in piece for piece in pieces):
        raise InvalidName(text)
    return text


def is_safe_path(path: str) -> bool:
    """Return whether a path stays below where it starts, and is text that can be shown."""
    return (
        0 < len(path) <= MAX_PATH
        and path.isprintable()
        and "\\" not in path
        and all(piece not in ("", ".", "..") for piece in path.split("/"))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file of a repository. `sha256` is None where the Hub keeps none, for small files."""

    path: str
    size_bytes: int
    sha256: str | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """One model that a repository holds: one file, or the parts of a split one in order."""

    path: str
    quantization: str
    files: tuple[HubFile, ...]
    projector: HubFile | None = None

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def all_files(self) -> tuple[HubFile, ...]:
        return self.files if self.projector is None else (*self.files, self.projector)


def models_among(files: Iterable[HubFile]) -> list[HubModel]:
    """Return the models that a repository's files make up, without split ones of which a part is missing."""
    ggufs = [file for file in files if file.name.lower().endswith(".gguf") and is_safe_path(file.path)]
    projectors = [file for file in ggufs if "mmproj" in file.name.lower()]
    groups: dict[str, list[HubFile]] = {}
    for file in ggufs:
        if file not in projectors and "lora" not in file.name.lower():
            groups.setdefault(without_part(file.path), []).append(file)
    models = []
    for path, group in groups.items():
        parts = sorted(group, key=lambda file: file.path)
        counts = [part_of_split(PurePosixPath(file.path)) for file in parts]
        if counts == [(number, len(parts)) for number in range(1, len(parts) + 1)] and len(parts) <= MAX_PARTS:
            models.append(
                HubModel(
                    path=path,
                    quantization=quantization_of(path),
                    files=tuple(parts),
                    projector=_projector_for(path, projectors),
                )
            )
    return sorted(models, key=lambda model: (model.path.count("/"), model.size_bytes, model.path))


def _projector_for(path: str, projectors: Sequence[HubFile]) -> HubFile | None:
    folder = path.rpartition("/")[0]
    near = [file for file in projectors if file.path.rpartition("/")[0] in (folder, "")]
    ranks: Mapping[str, int] = {name: rank for rank, name in enumerate(_PREFERRED_PROJECTORS)}
    return min(
        near, key=lambda file: (ranks.get(quantization_of(file.path).lower(), len(ranks)), file.path), default=None
    )


def choose(models: Sequence[HubModel], reference: HubReference) -> HubModel:
    """Return the model that a reference means.

    Raises:
        NoSuchFile: None of them, or more than one.
    """
    wanted = reference.wanted.lower()
    found = _preferred(models) if not wanted else _matching(models, wanted)
    shallowest = [model for model in found if model.path.count("/") == found[0].path.count("/")]
    if len(shallowest) != 1:
        offered = [model.path if shallowest else model.quantization or model.path for model in shallowest or models]
        raise NoSuchFile(reference.repository, reference.wanted, list(dict.fromkeys(offered)), is_ambiguous=bool(found))
    return shallowest[0]


def _preferred(models: Sequence[HubModel]) -> list[HubModel]:
    for quantization in _PREFERRED:
        if found := [model for model in models if model.quantization.lower() == quantization]:
            return found
    return list(models[:1])


def _matching(models: Sequence[HubModel], wanted: str) -> list[HubModel]:
    """Return the models of that path, else of that file name, else of that quantization."""
    names = {wanted, without_part(wanted), f"{wanted}.gguf"}
    return (
        [model for model in models if model.path.lower() in names]
        or [model for model in models if model.path.lower().rpartition("/")[2] in names]
        or [model for model in models if model.quantization.lower() == wanted]
    )


def name_for(reference: HubReference, model: HubModel, models: Sequence[HubModel]) -> ModelName:
    """Return the name under which a model is kept: as it was asked for, or the shortest that means this file."""
    organisation, _, repository = reference.repository.partition("/")
    tag = reference.wanted or DEFAULT_TAG
    if "/" in tag or tag.lower().endswith(".gguf"):
        is_only_one = sum(other.quantization == model.quantization for other in models) == 1
        tag = model.quantization if model.quantization and is_only_one else model.path.rpartition("/")[2]
    name = ModelName(HUB_HOST, organisation, repository, tag)
    return ModelName.parse(name.short)
