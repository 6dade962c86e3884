"""A Modelfile on this machine: what it names is looked for beside it, and sent to the server that makes the model."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from inference.connections.creating import hashed
from inference.connections.ollama import OllamaConnection
from inference.library.modelfile import BadModelfile, Instruction, Modelfile, decoded, parse
from inference.terminal.server import CommandFailed
from inference.types import PullProgress

GGUF_MAGIC = b"GGUF"
SAFETENSORS = (
    "is in safetensors format, which cannot be imported; convert it to GGUF first, with llama.cpp's "
    "convert_hf_to_gguf.py, or begin with a GGUF version: FROM hf.co/OWNER/REPOSITORY"
)
_PATHLIKE = re.compile(r"[./~\\]|[A-Za-z]:[\\/]|.*\.(?:gguf|safetensors|bin)$", re.IGNORECASE | re.DOTALL)
_NOTES = {"RENDERER": "renderer", "PARSER": "parser", "REQUIRES": "requires"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be made: the fields of `/api/create` that are texts, and the files that must be sent before."""

    fields: dict[str, object]
    files: Sequence[Path] = ()
    adapters: Sequence[Path] = ()


def read_modelfile(path: str) -> tuple[Modelfile, Path]:
    """Return a Modelfile and the folder that its paths start from; `-` reads it from standard input.

    Raises CommandFailed.
    """
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return parse(decoded(data)), Path() if path == "-" else Path(path).parent
    except OSError as exc:
        raise CommandFailed(f"{path} cannot be read: {exc.strerror}. Name a Modelfile with -f.") from exc
    except BadModelfile as exc:
        raise CommandFailed(f"{path}: {exc}") from exc


def order_of(model: str, modelfile: Modelfile, folder: Path) -> Order:
    """Return what a Modelfile asks for. Raises CommandFailed."""
    bases: list[str] = []
    files: list[Path] = []
    adapters: list[Path] = []
    for item in modelfile.instructions:
        if item.keyword == "FROM":
            found = _files_of(item, folder)
            files += found
            bases += [] if found else [item.value]
        elif item.keyword == "ADAPTER":
            adapters += _files_of(item, folder)
        elif item.keyword == "DRAFT":
            raise CommandFailed(f"(line {item.line}): DRAFT is not supported")
    if len(bases) > 1:
        raise CommandFailed(f"a model begins with one model only, and not with {bases[0]} and {bases[1]}")
    return Order(fields=_fields(model, modelfile, bases), files=files, adapters=adapters)


async def make(ollama: OllamaConnection, order: Order) -> AsyncGenerator[PullProgress, None]:
    """Send the files that the server does not have, and let it make the model."""
    digests: dict[Path, str] = {}
    for path in dict.fromkeys([*order.files, *order.adapters]):
        try:
            async with aclosing(hashed(path)) as steps:
                async for step in steps:
                    if isinstance(step, PullProgress):
                        yield step
                    else:
                        digests[path] = step
            async with aclosing(ollama.creating.upload(path, digests[path])) as sent:
                async for progress in sent:
                    yield progress
        except OSError as exc:
            raise CommandFailed(f"{path} cannot be read: {exc.strerror}") from exc
    body = dict(order.fields)
    for field, paths in (("files", order.files), ("adapters", order.adapters)):
        if paths:
            # By place where two files of different folders have one name.
            is_unique = len({path.name for path in paths}) == len(paths)
            body[field] = {
                path.name if is_unique else f"{number}/{path.name}": digests[path] for number, path in enumerate(paths)
            }
    async with aclosing(ollama.create_model(body)) as lines:
        async for line in lines:
            yield line


def _fields(model: str, modelfile: Modelfile, bases: Sequence[str]) -> dict[str, object]:
    try:
        parameters = modelfile.parameters()
    except BadModelfile as exc:
        raise CommandFailed(str(exc)) from exc
    fields: dict[str, object] = {
        "model": model,
        "from": bases[0] if bases else "",
        "template": modelfile.last("TEMPLATE") or "",
        "system": modelfile.last("SYSTEM") or "",
        "license": modelfile.values("LICENSE"),
        "parameters": parameters,
        "messages": [{"role": role, "content": content} for role, content in modelfile.messages()],
    }
    notes = {_NOTES[item.keyword]: item.value for item in modelfile.instructions if item.keyword in _NOTES}
    return {name: value for name, value in {**fields, **notes}.items() if value}


def _files_of(item: Instruction, folder: Path) -> list[Path]:
    """Return the GGUF files that a value names; none when it is the name of a model."""
    looks_like_path = bool(_PATHLIKE.match(item.value)) or item.keyword == "ADAPTER"
    path = folder / Path(item.value).expanduser()
    if path.is_file():
        return [_checked(path, item)]
    if looks_like_path and path.is_dir():
        return list(_ggufs_in(path, item))
    if looks_like_path:
        raise CommandFailed(f"(line {item.line}): {item.keyword} names {item.value}, and there is no such file")
    return []


def _ggufs_in(folder: Path, item: Instruction) -> Iterator[Path]:
    found = sorted(folder.glob("*.gguf"))
    if not found and any(folder.glob("*.safetensors")):
        raise CommandFailed(f"(line {item.line}): the model in {item.value} {SAFETENSORS}")
    if not found:
        raise CommandFailed(f"(line {item.line}): there is no GGUF file in {item.value}")
    for path in found:
        yield _checked(path, item)


def _checked(path: Path, item: Instruction) -> Path:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as exc:
        raise CommandFailed(f"(line {item.line}): {item.value} cannot be read: {exc.strerror}") from exc
    if head.startswith(GGUF_MAGIC):
        return path
    if path.suffix.lower() == ".safetensors" or head[8:9] == b"{":
        raise CommandFailed(f"(line {item.line}): {item.value} {SAFETENSORS}")
    raise CommandFailed(f"(line {item.line}): {item.value} is not a GGUF file")
