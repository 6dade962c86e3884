"""What goes with every question of a chat beside its branch: words for the model, and documents to search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet, Value

import rag.api as rag

NO_MESSAGE: Final = 0
"""Stands for the message in links of what no message has brought along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """What one side gives: a model preset, then the chat's folder, in this order; the branch itself comes after them.

    Attributes:
        documents, knowledge: Without regard to who may read them: that is asked when they are looked up.
    """

    system: str = ""
    documents: QuerySet[rag.Document] | None = None
    knowledge: QuerySet[rag.Knowledge] | None = None


def joined_system(briefings: Iterable[Briefing], own: str = "") -> str:
    """Return one system prompt; `own`, that of the chat, has the last word."""
    words = [*(briefing.system for briefing in briefings), own]
    return "\n\n".join(text for text in map(str.strip, words) if text)


def briefed_links(briefings: Sequence[Briefing], reader_id: int) -> list[Any]:
    """Return queries of (kind, `NO_MESSAGE`, id) for what of it the reader may read at that moment."""
    documents = [briefing.documents for briefing in briefings if briefing.documents is not None]
    knowledge = [briefing.knowledge for briefing in briefings if briefing.knowledge is not None]
    return [
        *(_links("document", rag.documents_readable_by(reader_id), given) for given in documents),
        *(_links("knowledge", rag.knowledge_readable_by(reader_id), given) for given in knowledge),
    ]


def _links(kind: str, readable: QuerySet[Any], given: QuerySet[Any]) -> Any:
    rows = readable.filter(pk__in=given.order_by().values("pk")).order_by()
    return rows.annotate(kind=Value(kind), message=Value(NO_MESSAGE)).values_list("kind", "message", "pk")
