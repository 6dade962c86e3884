"""What the index holds of a document: its chunks, and each between its neighbours."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from rag import api as rag
from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.documents.contexts import ChunkListPage, ChunkPage, chunk_row, document_row, marked_text

CHUNKS_A_PAGE = 25


class PositionForm(forms.Form):
    first = forms.IntegerField(required=False, min_value=0, max_value=10**8)


@require_GET
@member_required
def chunks(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """List the chunks of a document as the index has them, a page by position."""
    found = rag.document_read(request.user, uuid)
    form = PositionForm(request.GET)
    first = (form.cleaned_data["first"] or 0) if form.is_valid() else 0
    rows = list(rag.chunks_of(found).filter(position__gte=first)[: CHUNKS_A_PAGE + 1])
    context = ChunkListPage(
        document=document_row(found, request.user.pk),
        chunks=[chunk_row(found, chunk) for chunk in rows[:CHUNKS_A_PAGE]],
        previous=max(0, first - CHUNKS_A_PAGE) if first else None,
        next=rows[CHUNKS_A_PAGE].position if len(rows) > CHUNKS_A_PAGE else None,
    )
    return render(request, "documents/chunks.html", {"page": context})


@require_GET
@member_required
def chunk(request: MemberRequest, uuid: UUID, position: int) -> HttpResponse:
    """Show one chunk between its neighbours."""
    found = rag.document_read(request.user, uuid)
    shown = rag.chunk_of(found, position)
    around = rag.chunks_of(found).filter(position__in=(position - 1, position + 1))
    neighbours = {row.position: row for row in around}
    before, after = neighbours.get(position - 1), neighbours.get(position + 1)
    content = rag.document_text(found)
    first, last = before.start if before else shown.start, after.end if after else shown.end
    context = ChunkPage(
        document=document_row(found, request.user.pk),
        chunk=chunk_row(found, shown),
        text=marked_text(content.text, first, last, shown.start, shown.end),
        previous=before.position if before else None,
        next=after.position if after else None,
    )
    return render(request, "documents/chunk.html", {"page": context})
