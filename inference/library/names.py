"""Model names: `[host/][namespace/]model[:tag]`, with Ollama's defaults."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from inference.library.errors import InvalidName

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"

# Source: Ollama's types/model/name.go. A part never starts with a dot or a dash, so none can be `..` or an option.
_HOST = re.compile(r"[A-Za-z0-9_\[][A-Za-z0-9_\-.:\[\]]{0,349}")
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,79}")
_MODEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-.]{0,79}")
_TAG = _MODEL


@dataclass(frozen=True, slots=True)
class ModelName:
    """A complete, valid name. Compares case-sensitively; `key` is for looking up."""

    host: str
    namespace: str
    model: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """Read a name as people write it.

        Raises:
            InvalidName: A part is empty, too long, or holds a character that it must not.
        """
        rest = text.strip().removeprefix("https://").removeprefix("http://")
        rest, _, _digest = rest.partition("@")
        head, _, tail = rest.rpartition("/")
        model, colon, tag = tail.partition(":")
        parts = head.split("/") if head else []
        if len(parts) > 2 or (colon and not tag):
            raise InvalidName(text)
        namespace = parts.pop() if parts else DEFAULT_NAMESPACE
        host = parts.pop() if parts else DEFAULT_HOST
        name = cls(host, namespace, model, tag or DEFAULT_TAG)
        if not name._is_valid():
            raise InvalidName(text)
        return name

    @classmethod
    def from_manifest_path(cls, path: PurePosixPath) -> ModelName:
        """Read `<host>/<namespace>/<model>/<tag>`, a path relative to a store's manifests folder."""
        if len(path.parts) != 4:
            raise InvalidName(str(path))
        name = cls(*path.parts)
        if not name._is_valid():
            raise InvalidName(str(path))
        return name

    def _is_valid(self) -> bool:
        return all(
            pattern.fullmatch(part)
            for pattern, part in (
                (_HOST, self.host),
                (_NAMESPACE, self.namespace),
                (_MODEL, self.model),
                (_TAG, self.tag),
            )
        )

    @property
    def short(self) -> str:
        """The shortest form that parses back to this name; the tag always shows."""
        model = f"{self.model}:{self.tag}"
        if self.host != DEFAULT_HOST:
            return f"{self.host}/{self.namespace}/{model}"
        return model if self.namespace == DEFAULT_NAMESPACE else f"{self.namespace}/{model}"

    @property
    def key(self) -> str:
        # One place with two names.
        return re.sub(r"^(?:www\.)?huggingface\.co/", "hf.co/", self.short.lower())

    @property
    def manifest_path(self) -> Path:
        return Path(self.host, self.namespace, self.model, self.tag)


# The quantization at the end of a file name, as publishers write it: Q4_K_M, IQ2_XXS, UD-Q4_K_XL, F16, MXFP4 ...
_QUANTIZATION = re.compile(
    r"[-._](?P<tag>(?:ud-)?(?:i?q\d(?:_[0-9a-z]+)*|tq\d_\d|f16|f32|bf16|fp16|fp32|mxfp4(?:_moe)?))$", re.IGNORECASE
)
_PART = re.compile(r"-(?P<number>\d{5})-of-(?P<count>\d{5})$")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.\-]+")


def name_of_file(path: Path, *, prefix: str = "") -> ModelName:
    """Derive a readable, stable name from a file's name: `Qwen2.5-0.5B-Q4_K_M.gguf` is `qwen2.5-0.5b:q4_k_m`."""
    stem = _PART.sub("", path.stem)
    match = _QUANTIZATION.search(stem)
    tag = match["tag"] if match else DEFAULT_TAG
    base = stem[: match.start()] if match else stem
    return ModelName(DEFAULT_HOST, DEFAULT_NAMESPACE, _clean(f"{prefix}-{base}" if prefix else base), _clean(tag))


def quantization_of(path: str) -> str:
    """Return the quantization in a file's name as it stands there; empty when it names none."""
    match = _QUANTIZATION.search(PurePosixPath(without_part(path)).stem)
    return match["tag"] if match else ""


def without_part(path: str) -> str:
    """Return a file's path without the `-00001-of-00003` of a split one."""
    stem, dot, suffix = path.rpartition(".")
    return f"{_PART.sub('', stem)}{dot}{suffix}"


def part_of_split(path: PurePath) -> tuple[int, int]:
    """Return (number, count) of a split file's name, (1, 1) for a whole one."""
    match = _PART.search(path.stem)
    return (int(match["number"]), int(match["count"])) if match else (1, 1)


def all_parts(path: Path) -> Sequence[Path]:
    """Return every file of a split model whose first part is `path`."""
    _number, count = part_of_split(path)
    if count == 1:
        return [path]
    stem = path.stem.removesuffix(f"-00001-of-{count:05d}")
    return [path.with_name(f"{stem}-{number:05d}-of-{count:05d}{path.suffix}") for number in range(1, count + 1)]


def _clean(text: str) -> str:
    cleaned = _NOT_IN_A_NAME.sub("-", text).strip("-.").lower()[:80].rstrip("-.")
    return cleaned or "model"
