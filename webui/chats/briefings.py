"""What goes with every question of a chat beside its branch: words for the model, and documents to search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import QuerySet, Value

import rag.api as rag
from webui.chats.models import Chat, Folder
from webui.presets.levels import Level
from webui.presets.modelfiles import examples_of
from webui.presets.models import ModelPreset

BriefingSource = Literal["model", "person", "preset", "folder", "chat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """What one side gives, the most general first: what is said for the model and by the person, a model preset, the
    chat's folder, the chat; the branch itself comes after them.

    Attributes:
        source, name: Who gives it, for the ledger.
        examples: (role, text) of messages that go before the branch.
        documents, knowledge: Without regard to who may read them: that is asked when they are looked up.
    """

    source: BriefingSource = "preset"
    name: str = ""
    system: str = ""
    examples: Sequence[tuple[str, str]] = ()
    documents: QuerySet[rag.Document] | None = None
    knowledge: QuerySet[rag.Knowledge] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefed:
    """What a briefing came to for one person at one moment."""

    source: BriefingSource
    name: str
    system: str
    document_ids: Sequence[int]
    knowledge_ids: Sequence[int]


def briefings_of(chat: Chat, preset: ModelPreset | None = None, levels: Sequence[Level] = ()) -> list[Briefing]:
    """Return what goes with every question of a chat. Reads its folder; one query if not selected.

    Args:
        levels: Of which the words for the model and of the person are taken; those of the preset come with it.
    """
    briefings = [
        Briefing(source=level.source, name=level.name, system=level.system_prompt)
        for level in levels
        if level.source in ("model", "person") and level.system_prompt.strip()
    ]
    if preset:
        briefings.append(_briefing_of_preset(preset))
    if chat.folder:
        briefings.append(_briefing_of_folder(chat.folder))
    if chat.system_prompt.strip():
        briefings.append(Briefing(source="chat", system=chat.system_prompt))
    return briefings


def _briefing_of_preset(preset: ModelPreset) -> Briefing:
    said = examples_of(preset.modelfile_rest)
    return Briefing(
        source="preset",
        name=preset.name,
        system="\n\n".join(filter(None, [preset.system_prompt, *(text for role, text in said if role == "system")])),
        examples=[(role, text) for role, text in said if role != "system"],
        documents=preset.documents.all(),
        knowledge=preset.knowledge.all(),
    )


def _briefing_of_folder(folder: Folder) -> Briefing:
    return Briefing(
        source="folder",
        name=folder.name,
        system=folder.system_prompt,
        documents=folder.documents.all(),
        knowledge=folder.knowledge.all(),
    )


def joined_system(briefings: Iterable[Briefing], own: str = "") -> str:
    """Return one system prompt; `own`, that of the chat, has the last word."""
    words = [*(briefing.system for briefing in briefings), own]
    return "\n\n".join(text for text in map(str.strip, words) if text)


def briefed_links(briefings: Sequence[Briefing], reader_id: int) -> list[Any]:
    """Return queries of (kind, `mark_of` its briefing, id) for what of it the reader may read at that moment."""
    links = []
    for number, briefing in enumerate(briefings):
        if briefing.documents is not None:
            links.append(_links("document", number, rag.documents_readable_by(reader_id), briefing.documents))
        if briefing.knowledge is not None:
            links.append(_links("knowledge", number, rag.knowledge_readable_by(reader_id), briefing.knowledge))
    return links


def _links(kind: str, number: int, readable: QuerySet[Any], given: QuerySet[Any]) -> Any:
    rows = readable.filter(pk__in=given.order_by().values("pk")).order_by()
    return rows.annotate(kind=Value(kind), message=Value(mark_of(number))).values_list("kind", "message", "pk")


def mark_of(number: int) -> int:
    """Return what stands in the place of a message's id where a briefing brings something along: no message has it."""
    return -1 - number
