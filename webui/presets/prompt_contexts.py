"""What the templates of prompt presets are given, and what the composer is told to insert one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from webui.presets.models import PromptPreset
from webui.presets.variables import Asked, Known, Parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRow:
    """One prompt in a list. `shared_by`: whose it is; empty when it is the reader's own."""

    uuid: str
    name: str
    command: str
    beginning: str
    shared_by: str
    is_shared: bool
    updated_at: datetime

    dom_noun = "prompt"

    @property
    def is_own(self) -> bool:
        return not self.shared_by


def prompt_row(prompt: PromptPreset, reader_id: int, *, is_shared: bool) -> PromptRow:
    """Return the row of a prompt that has its owner selected."""
    return PromptRow(
        uuid=str(prompt.uuid),
        name=prompt.name,
        command=prompt.command,
        beginning=" ".join(prompt.content[:300].split()),
        shared_by="" if prompt.owner_id == reader_id else str(prompt.owner),
        is_shared=is_shared,
        updated_at=prompt.updated_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptListPage:
    """`deleted` is what can still be brought back, right after it was deleted."""

    rows: Sequence[PromptRow]
    next_cursor: str | None
    before: str
    has_own: bool
    deleted: PromptPreset | None = None
    sidebar: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPage:
    """One prompt. `fields` are the names of what is asked for before it is inserted."""

    prompt: PromptRow
    content: str
    fields: Sequence[str]
    n_versions: int
    sidebar: None = None


def asked_fields(parsed: Parsed) -> list[str]:
    return [field.label or field.name for field in parsed.fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFormPage:
    """The form of a new prompt, or of one that is there."""

    prompt: PromptPreset | None
    sidebar: None = None


def insertion(parsed: Parsed) -> dict[str, Any]:
    """Return the parts of a prompt and its fields as JSON: texts, and what is known or asked for by name."""
    parts = [
        {"known": part.name}
        if isinstance(part, Known)
        else {"asked": part.name}
        if isinstance(part, Asked)
        else part.text
        for part in parsed.parts
    ]
    return {"parts": parts, "fields": [asdict(field) for field in parsed.fields]}
