"""Knowledge as a ZIP: taking it along, and making a new one out of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import cast
from uuid import UUID

from channels.db import DatabaseSyncToAsync
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from rag import api as rag
from rag.errors import ImportRefused
from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest, wants_json
from webui.documents import wording
from webui.documents.knowledge_contexts import ImportPage, ReportPage, knowledge_rows, report_line
from webui.documents.uploads import UploadForm


class PieceByPiece(StreamingHttpResponse):
    """Sends what a generator yields as it comes; Django would gather all of it first."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(cast(Iterable[bytes], self.streaming_content))
        take = DatabaseSyncToAsync(next, thread_sensitive=False)
        while (piece := await take(pieces, None)) is not None:
            yield piece


@require_GET
@member_required
def export(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    shown = rag.knowledge_read(request.user, uuid)
    name = slugify(shown.name, allow_unicode=False) or "knowledge"
    response = PieceByPiece(rag.export_knowledge(shown, request.user.pk), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@require_http_methods(["GET", "POST"])
@member_required
def take_in(request: MemberRequest) -> HttpResponse:
    """Make a knowledge of the ZIP in the field `file`. Scripts get JSON with the address of its report."""
    if request.method == "GET":
        return render(request, "knowledge/import.html", {"page": ImportPage(max_bytes=rag.max_import_bytes())})
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _refused(request, _("No file came with the request."), status=400)
    file = form.cleaned_data["file"]
    name = rag.display_name(file.name or "").removesuffix(".zip")
    try:
        made = rag.import_knowledge(request.user, file, name)
    except ImportRefused as exc:
        return _refused(request, wording.import_refusal_in_words(exc), status=422)
    url = reverse("knowledge:report", args=[made.knowledge.uuid, made.uuid])
    return JsonResponse({"url": url, "state": "stored"}, status=201) if wants_json(request) else redirect(url)


def _refused(request: MemberRequest, sentence: str, *, status: int) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": sentence}, status=status)
    messages.error(request, sentence)
    return redirect("knowledge:import")


@require_GET
@member_required
def report(request: MemberRequest, uuid: UUID, import_uuid: UUID) -> HttpResponse:
    """Say what became of each file, first what was not taken. For the owner: it names files that are not there."""
    shown = rag.knowledge_own(request.user, uuid)
    shown.owner = request.user
    made = get_object_or_404(shown.imports, uuid=import_uuid)
    lines = [report_line(entry) for entry in made.report]
    context = ReportPage(
        knowledge=knowledge_rows([shown], request.user.pk)[0],
        refused=[line for line in lines if line.problem],
        n_taken=sum(entry.get("outcome") == "taken" for entry in made.report),
        n_known=sum(entry.get("outcome") == "known" for entry in made.report),
    )
    return render(request, "knowledge/report.html", {"page": context})
