"""What of a stored trace a person may see: the candidates whose documents they may read at this moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Left

from rag.models import Chunk, Document
from rag.queries import readable_documents
from rag.types import SeenCandidate, SeenTrace, Steps, Weighed

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser

OPENING_CHARACTERS = 180


def readable_trace(user: AbstractBaseUser | AnonymousUser, stored: Mapping[str, Any]) -> SeenTrace:
    """Return a trace that `RetrievalTrace.as_dict` made, for the eyes of one person; two queries.

    A document that they may not read, or that is gone, leaves neither name nor number nor count. Names are those of
    now, and the words are read from the document: a trace keeps none of them.
    """
    candidates: list[dict[str, Any]] = stored["candidates"]
    documents = readable_documents(user).in_bulk({candidate["document_id"] for candidate in candidates})
    readable = [item for item in candidates if item["document_id"] in documents]
    is_whole = stored["whole_tokens"] > 0
    openings = _openings(documents, {item["start"] for item in readable})
    return SeenTrace(
        **_own(Steps, stored) | {"terms": tuple(stored["terms"])},
        candidates=tuple(_seen(item, documents[item["document_id"]], openings) for item in readable),
        is_whole=is_whole,
        whole_tokens=stored["whole_tokens"] if len(readable) == len(candidates) else None,
    )


def _own(kind: type[Steps | Weighed], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a stored trace is a field of this kind."""
    return {field.name: stored[field.name] for field in fields(kind)}


def _openings(documents: Collection[int], starts: Collection[int]) -> dict[tuple[int, int], str]:
    """Return the first words of chunks by (document id, offset)."""
    chunks = Chunk.objects.filter(document__in=documents, start__in=starts).order_by()
    rows = chunks.annotate(opening=Left("text", OPENING_CHARACTERS)).values_list("document_id", "start", "opening")
    return {(document_id, start): " ".join(opening.split()) for document_id, start, opening in rows}


def _seen(item: Mapping[str, Any], document: Document, openings: Mapping[tuple[int, int], str]) -> SeenCandidate:
    return SeenCandidate(
        **_own(Weighed, item) | {"document_name": document.name},
        document_uuid=document.uuid,
        opening=openings.get((document.pk, item["start"]), ""),
    )
