"""The values that describe one model this machine can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from inference.library.chat_templates import chat_templates, fills_gaps, knows_thinking, knows_tools
from inference.library.gguf import GgufHeader
from inference.library.modelfile import PARAMETER_NAME, Instruction, Modelfile
from inference.library.names import ModelName
from inference.types import Capability, ChatMessage, ModelSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Baked:
    """What a stored model brings besides its weights.

    Attributes:
        options: Sampling defaults, with Ollama's names; not yet checked.
        template: Go as a rule, or Jinja; used where the file brings no Jinja template, or when `has_own_template`.
        has_own_template: Whoever created the model wrote that template for it.
        messages: Put before the messages of every chat.
        parent: The name of the model that it was made of; empty for one that was not.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    system: str = ""
    template: str = ""
    has_own_template: bool = False
    licenses: Sequence[str] = ()
    messages: Sequence[ChatMessage] = ()
    parent: str = ""

    @property
    def license(self) -> str:
        return "\n".join(self.licenses)


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryModel:
    """One model with the file it is loaded from.

    Attributes:
        digest: 64 hex digits that identify the content: of the manifest for stored models, of samples for plain files.
        header: None for the embedded embedder, which is no GGUF.
        modified_ns: Nanoseconds since 1970, UTC.
        adapters: LoRA files that change it.
        projector: The file that lets it see.
    """

    name: ModelName
    path: Path
    kind: Literal["llama", "onnx"]
    source: ModelSource
    size_bytes: int
    digest: str
    modified_ns: int
    header: GgufHeader | None
    capabilities: frozenset[Capability]
    family: str
    parameter_size: str
    quantization: str
    context_length: int | None
    baked: Baked = field(default_factory=Baked)
    adapters: Sequence[Path] = ()
    projector: Path | None = None

    @property
    def is_embedding(self) -> bool:
        return "embedding" in self.capabilities

    @property
    def is_reranker(self) -> bool:
        return "reranking" in self.capabilities

    @property
    def can_chat(self) -> bool:
        return "completion" in self.capabilities

    @property
    def chat_template(self) -> str:
        """What chats are rendered with in the place of the file's Jinja template; empty where that is used.

        Vendors write the Jinja templates; the Go templates of a registry are rewritten from them by hand.
        """
        has_jinja = self.header is not None and bool(chat_templates(self.header))
        return self.baked.template if self.baked.has_own_template or not has_jinja else ""

    @property
    def is_ours(self) -> bool:
        """True when deleting it through us touches nobody else's files."""
        return self.source in ("folder", "pulled")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenModel:
    """A file that is offered to nobody, and why."""

    path: Path
    problem: str


def capabilities_of(header: GgufHeader, *, template: str = "") -> frozenset[Capability]:
    """Return what a model can do here, as far as its file and its template tell."""
    if header.is_reranker:
        return frozenset({"reranking"})
    if header.is_embedding:
        return frozenset({"embedding"})
    templates = [template] if template else [*chat_templates(header).values()]
    capabilities: set[Capability] = {"completion"}
    if any(map(knows_tools, templates)):
        capabilities.add("tools")
    if any(map(knows_thinking, templates)):
        capabilities.add("thinking")
    if any(map(fills_gaps, templates)):
        capabilities.add("insert")
    return frozenset(capabilities)


def human_parameters(count: int) -> str:
    """Return a count as Ollama writes it: `7.6B`, `494.03M`, `12.5K`."""
    for unit, size, digits in (("B", 10**9, 1), ("M", 10**6, 2), ("K", 10**3, 2)):
        if count >= size:
            return f"{count / size:.{digits}f}{unit}"
    return str(count)


def modelfile_of(model: LibraryModel) -> Modelfile:
    """Return the Modelfile that builds this model again on this machine."""
    baked = model.baked
    items = [Instruction("FROM", str(model.path))]
    items += [Instruction("FROM", str(model.projector))] if model.projector is not None else []
    items += [Instruction("ADAPTER", str(path)) for path in model.adapters]
    items += [Instruction("TEMPLATE", baked.template)] if baked.template else []
    items += [Instruction("SYSTEM", baked.system)] if baked.system else []
    for name, value in baked.options.items():
        if PARAMETER_NAME.fullmatch(name):
            items += [Instruction("PARAMETER", text, name) for text in _written(value)]
    items += [Instruction("LICENSE", text) for text in baked.licenses]
    items += [Instruction("MESSAGE", message.content, message.role) for message in baked.messages]
    return Modelfile(tuple(items))


def _written(value: Any) -> list[str]:
    """Return an option as the values of its PARAMETERs; nothing of what a stranger's file may hold instead of one."""
    items = value if isinstance(value, list) else [value]
    return [
        str(item).lower() if isinstance(item, bool) else str(item)
        for item in items
        if isinstance(item, int | float | str)
    ]
