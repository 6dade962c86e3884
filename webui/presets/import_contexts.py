"""What became of a file of presets, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webui.presets import preset_transfer, prompt_transfer
from webui.presets.preset_transfer import ImportedPreset
from webui.presets.prompt_transfer import ImportedItem


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """What became of one item. `command` is there for prompts."""

    name: str
    words: str
    is_imported: bool
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPage:
    """`report` is what became of a file; None before one was sent."""

    report: Sequence[ImportRow] | None
    sidebar: None = None

    @property
    def n_imported(self) -> int:
        return sum(row.is_imported for row in self.report or ())

    @property
    def n_others(self) -> int:
        return len(self.report or ()) - self.n_imported


_PROMPTS: Final[Mapping[prompt_transfer.Outcome, Promise]] = {
    "imported": _("Imported"),
    "renamed": _("Imported with another command: you have a prompt with the one it had"),
    "present": _("You have it already"),
    "no_object": _("Left out: this is no prompt"),
    "no_text": _("Left out: it has no text"),
    "too_long": _("Left out: its text is too long"),
    "no_room": _("Left out: you have as many prompts as there can be"),
}
_PROMPT_PARTS: Final[Mapping[str, Promise]] = {
    "tags": _("its tags"), "data": _("its data"), "meta": _("its description"),
}  # fmt: skip
_PRESETS: Final[Mapping[preset_transfer.Outcome, Promise]] = {
    "imported": _("Imported"),
    "present": _("You have it already"),
    "no_object": _("Left out: this is no preset"),
    "no_model": _("Left out: it names no model"),
    "too_long": _("Left out: its system prompt is too long"),
    "no_room": _("Left out: you have as many presets as there can be"),
}
_PRESET_PARTS: Final[Mapping[preset_transfer.Part, Promise]] = {
    "tools": _("its tools"),
    "tags": _("its tags"),
    "picture": _("its picture, which cannot be read"),
    "options": _("some of its settings, which are not known here or out of bounds"),
    "knowledge": _("knowledge, of which you have none by that name"),
    "suggestions": _("some of its suggestions, which are too many or too long"),
}


def prompt_rows(report: Sequence[ImportedItem]) -> list[ImportRow]:
    """Return what became of each prompt, what was left out first."""
    return _sorted(
        ImportRow(
            name=item.name,
            command=item.command,
            words=_in_words(_PROMPTS[item.outcome], [_PROMPT_PARTS[part] for part in item.left_out]),
            is_imported=item.is_imported,
        )
        for item in report
    )


def preset_rows(report: Sequence[ImportedPreset]) -> list[ImportRow]:
    """Return what became of each model preset, what was left out first."""
    return _sorted(
        ImportRow(
            name=item.name,
            words=_in_words(_PRESETS[item.outcome], [_PRESET_PARTS[part] for part in item.left_out]),
            is_imported=item.is_imported,
        )
        for item in report
    )


def _sorted(rows: Iterable[ImportRow]) -> list[ImportRow]:
    return sorted(rows, key=lambda row: row.is_imported)


def _in_words(outcome: Promise, parts: Sequence[Promise]) -> str:
    if not parts:
        return str(outcome)
    return str(_("%(outcome)s, without %(parts)s") % {"outcome": outcome, "parts": "; ".join(map(str, parts))})
