"""Knowledge as a ZIP: taking it along, and making a new one out of it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rag import api as rag
from rag.errors import ImportRefused
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest, wants_json
from webui.accounts.permissions import Permission
from webui.documents import wording
from webui.documents.import_contexts import ImportPage, report_page
from webui.documents.uploads import UploadForm
from webui.ui.streaming import PieceByPiece


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
@needs(Permission.CREATE_KNOWLEDGE)
def take_in(request: MemberRequest) -> HttpResponse:
    """Make a knowledge of the ZIP in the field `file`. Scripts get JSON with the address that tells how far it is."""
    if request.method == "GET":
        return render(request, "knowledge/import.html", {"page": ImportPage(max_bytes=rag.max_import_bytes())})
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _refused(request, _("No file came with the request."), status=400)
    file = form.cleaned_data["file"]
    name = rag.display_name(file.name or "").removesuffix(".zip")
    try:
        begun = rag.begin_import(request.user, file, name)
    except ImportRefused as exc:
        return _refused(request, wording.import_refusal_in_words(exc.problem), status=422)
    url = reverse("knowledge:report", args=[begun.knowledge.uuid, begun.uuid])
    return JsonResponse({"url": url, "state": begun.state}, status=201) if wants_json(request) else redirect(url)


def _refused(request: MemberRequest, sentence: str, *, status: int) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": sentence}, status=status)
    messages.error(request, sentence)
    return redirect("knowledge:import")


@require_GET
@member_required
def report(request: MemberRequest, uuid: UUID, import_uuid: UUID) -> HttpResponse:
    """Say how far an import is, and at its end what became of each file, first what was not taken.

    For the owner: it names files that are not there.
    """
    shown = rag.knowledge_own(request.user, uuid)
    shown.owner = request.user
    context = report_page(shown, get_object_or_404(shown.imports, uuid=import_uuid))
    if wants_json(request):
        return JsonResponse(context.as_json())
    is_polling = request.headers.get("HX-Target") == "import-state"
    template = "knowledge/_import_state.html" if is_polling else "knowledge/report.html"
    return render(request, template, {"page": context})


@require_POST
@member_required
def stop(request: MemberRequest, uuid: UUID, import_uuid: UUID) -> HttpResponse:
    shown = rag.knowledge_own(request.user, uuid)
    rag.stop_import(get_object_or_404(shown.imports, uuid=import_uuid))
    return redirect("knowledge:report", shown.uuid, import_uuid)
