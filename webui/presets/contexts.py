"""What the templates of presets are given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode

from rag import api as rag
from webui.accounts.audiences import Audience
from webui.presets import options
from webui.presets.ids import preset_id
from webui.presets.kinds import Kind
from webui.presets.modelfile_forms import Editor
from webui.presets.models import Grant, ModelPreset, PromptPreset, Version
from webui.presets.wording import in_words


def picture_url(preset: ModelPreset) -> str:
    """Return where the picture of a preset is, an address of its own for each; empty without one."""
    if not preset.picture:
        return ""
    return f"{reverse('presets:picture', args=[preset.uuid])}?{urlencode({'v': preset.picture[:12]})}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetRow:
    """One preset in a list.

    Attributes:
        sign: A letter or an emoji, for where there is no picture.
        shared_by: Whose it is; empty when it is the reader's own.
        is_available: Its base model can be asked now.
        chat_url: A new chat with it.
    """

    uuid: str
    name: str
    description: str
    sign: str
    picture_url: str
    base_model: str
    shared_by: str
    is_shared: bool
    is_available: bool
    updated_at: datetime
    chat_url: str

    dom_noun = "preset"

    @property
    def is_own(self) -> bool:
        return not self.shared_by


def preset_row(preset: ModelPreset, reader_id: int, models: Collection[str], *, is_shared: bool) -> PresetRow:
    """Return the row of a preset that has its owner selected."""
    return PresetRow(
        uuid=str(preset.uuid),
        name=preset.name,
        description=preset.description,
        sign=preset.sign,
        picture_url=picture_url(preset),
        base_model=preset.base_model,
        shared_by="" if preset.owner_id == reader_id else str(preset.owner),
        is_shared=is_shared,
        is_available=preset.base_model in models,
        updated_at=preset.updated_at,
        chat_url=f"{reverse('chats:new')}?{urlencode({'model': preset_id(preset.uuid)})}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetListPage:
    """`deleted` is what can still be brought back, right after it was deleted."""

    rows: Sequence[PresetRow]
    next_cursor: str | None
    before: str
    deleted: ModelPreset | None = None
    sidebar: None = None

    @property
    def has_own(self) -> bool:
        return any(row.is_own for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document or a knowledge that a preset draws on."""

    kind: Literal["document", "knowledge"]
    uuid: str
    name: str

    @property
    def url(self) -> str:
        return reverse("documents:document" if self.kind == "document" else "knowledge:knowledge", args=[self.uuid])


def sources(documents: Sequence[rag.Document], knowledge: Sequence[rag.Knowledge]) -> list[Source]:
    return [*map(source_of, knowledge), *map(source_of, documents)]


def source_of(row: rag.Document | rag.Knowledge) -> Source:
    kind: Literal["document", "knowledge"] = "document" if isinstance(row, rag.Document) else "knowledge"
    return Source(kind=kind, uuid=str(row.uuid), name=row.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetPage:
    """One preset.

    Attributes:
        sources: What it draws on, as far as the reader may read it.
        unread: What of it not everybody may read that it is shared with; for its owner.
        body: The request that its model gets, as JSON; empty when its model is not there.
    """

    preset: PresetRow
    system_prompt: str
    options: Sequence[OptionRow]
    suggestions: Sequence[str]
    sources: Sequence[Source]
    unread: Sequence[Source]
    body: str
    n_versions: int
    sidebar: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRow:
    label: str
    value: str


def option_rows(stored: dict[str, Any]) -> list[OptionRow]:
    return [
        OptionRow(label=str(options.BY_NAME[name].label), value=in_words(value))
        for name, value in options.stored_options(stored).items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetFormPage:
    """The editor of a new preset, or of one that is there. `picture_url` is empty without a picture."""

    preset: ModelPreset | None
    picture_url: str
    sources: Sequence[Source]
    has_models: bool
    editor: Editor
    sidebar: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """What a preset was from one save on. `changed` names what was different before it.

    `detail` tells it from others of its name: a model's base model, a prompt's command.
    """

    number: int
    name: str
    detail: str
    made_by: str
    made_at: datetime
    changed: Sequence[str]
    is_current: bool


def version_rows(versions: Sequence[Version], parts: Mapping[str, Promise]) -> list[VersionRow]:
    """Return rows for the versions of one preset, the newest first, each with who made it selected.

    Args:
        parts: What can be different, in words.
    """
    older = [*versions[1:], None]
    return [
        VersionRow(
            number=version.number,
            name=version.content["name"],
            detail=version.content.get("base_model") or f"/{version.content['command']}",
            made_by=str(version.made_by) if version.made_by else "",
            made_at=version.made_at,
            changed=_changed(version.content, before.content, parts) if before else [],
            is_current=version is versions[0],
        )
        for version, before in zip(versions, older, strict=True)
    ]


def _changed(content: dict[str, Any], before: dict[str, Any], parts: Mapping[str, Promise]) -> list[str]:
    return [str(words) for name, words in parts.items() if content.get(name) != before.get(name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionsPage:
    preset: ModelPreset | PromptPreset
    kind: Kind[Any]
    rows: Sequence[VersionRow]
    sidebar: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """With whom a preset is shared; name and detail of an Audience."""

    uuid: str
    name: str
    detail: str

    dom_noun = "grant"


def grant_row(grant: Grant) -> GrantRow:
    audience = Audience(user=grant.user, group=grant.group)
    return GrantRow(uuid=str(grant.uuid), name=audience.name, detail=audience.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePage:
    """`unread` is what a model preset draws on that not everybody may read."""

    preset: ModelPreset | PromptPreset
    kind: Kind[Any]
    grants: Sequence[GrantRow]
    unread: Sequence[Source]
    sidebar: None = None
