"""What `list`, `ps` and `show` print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from inference.dialects.ollama import ModelDetails
from inference.terminal.words import moment_in_words, size_in_words
from inference.types import LoadedModel, ModelCard, ServerSetting

GAP = "    "
ID_LENGTH = 12


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return left-aligned columns, four spaces apart."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def listed(models: Iterable[ModelDetails], *, now: datetime | None = None) -> str:
    return table(
        ("NAME", "ID", "SIZE", "MODIFIED"),
        (
            (
                model["name"],
                _id(model["digest"]),
                "-" if model["size_bytes"] is None else size_in_words(model["size_bytes"]),
                moment_in_words(modified, now=now) if isinstance(modified := model["modified_at"], datetime) else "",
            )
            for model in models
        ),
    )


def loaded(models: Iterable[LoadedModel], *, now: datetime | None = None) -> str:
    return table(
        ("NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"),
        (
            (
                model.name,
                _id(model.digest),
                size_in_words(model.size_bytes),
                processor(model),
                "" if model.context_length is None else str(model.context_length),
                moment_in_words(model.expires_at, now=now, never="Forever"),
            )
            for model in models
        ),
    )


def processor(model: LoadedModel) -> str:
    """Return where a model is computed: `100% CPU`, `100% GPU` or `48%/52% CPU/GPU`."""
    if not model.gpu_bytes:
        return "100% CPU"
    if model.gpu_bytes >= model.size_bytes:
        return "100% GPU"
    on_cpu = round(100 * (model.size_bytes - model.gpu_bytes) / model.size_bytes)
    return f"{on_cpu}%/{100 - on_cpu}% CPU/GPU"


def shown(card: ModelCard, *, verbose: bool = False) -> str:
    """Return the facts of one model, in sections; what the server does not say is left out.

    Args:
        verbose: Every key of its file and every tensor too.
    """
    facts = (
        ("architecture", card.architecture),
        ("parameters", card.parameter_size),
        ("context length", str(card.context_length or "")),
        ("embedding length", str(card.embedding_length or "")),
        ("quantization", card.quantization),
    )
    options = [(*line.split(None, 1), "")[:2] for line in card.parameters.splitlines() if line.strip()]
    return "\n".join(
        [
            *_section("Model", [fact for fact in facts if fact[1]]),
            *_section("Capabilities", [(capability,) for capability in card.capabilities]),
            *_section("Parameters", options),
            *_section("Metadata", list(card.metadata.items()) if verbose else []),
            *_section("Tensors", card.tensors if verbose else []),
            *_section("System", [(line,) for line in _first_lines(card.system)]),
            *_section("License", [(line,) for line in _first_lines(card.license)]),
        ]
    ).rstrip()


def variables(settings: Iterable[ServerSetting]) -> str:
    """Return what a server was told by variables, and what each of them does."""
    return table(
        ("NAME", "GIVEN", "DEFAULT", "SUPPORT", "MEANING"),
        ((entry.name, entry.value, entry.default, entry.support, entry.meaning.replace("`", "")) for entry in settings),
    )


def _section(title: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield f"  {title}"
    for row in rows:
        yield f"    {GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))}".rstrip()
    yield ""


def _first_lines(text: str, limit: int = 2) -> list[str]:
    """Return the beginning of a long text; `--license` and `--system` print all of it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [*lines[:limit], "..."] if len(lines) > limit else lines


def _id(digest: str | None) -> str:
    return (digest or "").removeprefix("sha256:")[:ID_LENGTH] or "-"
