"""A person's documents: the list, uploading, reading them at a passage, deleting."""

from __future__ import annotations

import logging
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from rag import api as rag
from rag.errors import PageNotFetched, RenderingFailed, UploadRefused
from rag.types import PageKind, PageMarks
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest, wants_json
from webui.accounts.permissions import Permission
from webui.documents import conf, wording
from webui.documents.contexts import (
    CONTEXT_CHARACTERS,
    PART_CHARACTERS,
    DocumentListPage,
    DocumentRow,
    ImagePage,
    PassagePanel,
    ReaderPage,
    document_row,
    image_page,
    marked_text,
)
from webui.documents.originals import original
from webui.documents.places import Place, place_in
from webui.documents.uploads import as_json, take_upload
from webui.ui.keyset import BadCursor, newest_first

logger = logging.getLogger(__name__)

ROWS_A_PAGE = 50
SEARCH_LIMIT = 8
KNOWLEDGE_LIMIT = 4


class SearchForm(forms.Form):
    q = forms.CharField(required=False, max_length=200)


@require_GET
@member_required
def document_list(request: MemberRequest) -> HttpResponse:
    before = request.GET.get("before", "")
    try:
        page = newest_first(rag.documents_of(request.user), field="created_at", before=before, limit=ROWS_A_PAGE)
    except BadCursor as exc:
        raise Http404 from exc
    context = DocumentListPage(
        rows=[document_row(document, request.user.pk) for document in page.rows],
        next_cursor=page.next_cursor,
        before=before,
        max_upload_bytes=rag.max_upload_bytes(),
    )
    # htmx asks again for the rows alone while some of them are being worked on.
    is_polling = request.headers.get("HX-Target") == "documents"
    return render(request, "documents/_rows.html" if is_polling else "documents/list.html", {"page": context})


@require_POST
@member_required
@needs(Permission.UPLOAD)
def upload(request: MemberRequest) -> HttpResponse:
    return take_upload(request, back=reverse("documents:list"))


@require_GET
@member_required
def search(request: MemberRequest) -> JsonResponse:
    """Complete `#` in the composer: knowledge, and usable documents, that the person may read and whose name fits."""
    form = SearchForm(request.GET)
    query = form.cleaned_data["q"] if form.is_valid() else ""
    knowledge = rag.readable_knowledge(request.user).filter(name__icontains=query).order_by("-updated_at")
    documents = rag.readable_documents(request.user).exclude(state=rag.Document.State.FAILED)
    found = documents.filter(name__icontains=query)[:SEARCH_LIMIT]
    return JsonResponse(
        {
            "knowledge": [{"uuid": str(k.uuid), "name": k.name} for k in knowledge[:KNOWLEDGE_LIMIT]],
            "documents": [as_json(document, request.user.pk) for document in found],
        }
    )


@require_GET
@member_required
def status(request: MemberRequest, uuid: UUID) -> HttpResponse:
    document = rag.document_read(request.user, uuid)
    if wants_json(request):
        return JsonResponse(as_json(document, request.user.pk))
    return render(request, "documents/_row.html", {"document": document_row(document, request.user.pk)})


@require_GET
@member_required
def document(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Show a document at a page, the passage asked for marked."""
    found = rag.document_read(request.user, uuid)
    content = rag.document_text(found)
    is_paged = content.page_spans and found.page_kind != PageKind.SECTION
    row = document_row(found, request.user.pk)
    reader = (_paged if is_paged else _in_parts)(row, found, content, place_in(content, request.GET))
    return render(request, "documents/document.html", {"page": reader})


def _paged(row: DocumentRow, found: rag.Document, content: rag.DocumentText, place: Place) -> ReaderPage:
    start, end = place.start, place.end
    has_passage = start < end
    number = min(place.page or (has_passage and content.page_of(start)) or 1, len(content.page_spans))
    first, last = content.page_spans[number - 1]
    return ReaderPage(
        document=row,
        number=number,
        n_pages=len(content.page_spans),
        noun=wording.page_noun(found.page_kind),
        name=content.page_names[number - 1] if content.page_names else "",
        text=marked_text(content.text, first, last, start, end),
        image=_image(found, number, start, end),
        has_lost_passage=place.is_lost,
    )


def _in_parts(row: DocumentRow, found: rag.Document, content: rag.DocumentText, place: Place) -> ReaderPage:
    start, end = place.start, place.end
    n_parts = max(1, -(-len(content.text) // PART_CHARACTERS))
    number = min(place.page or start // PART_CHARACTERS + 1, n_parts)
    first = (number - 1) * PART_CHARACTERS
    # A passage is not cut where a part ends.
    last = max(first + PART_CHARACTERS, end if start < first + PART_CHARACTERS else 0)
    return ReaderPage(
        document=row,
        number=number,
        n_pages=n_parts,
        noun=_("Part"),
        name="",
        text=marked_text(content.text, first, min(last, len(content.text)), start, end),
        image=None,
        has_lost_passage=place.is_lost,
    )


def _image(found: rag.Document, number: int, start: int, end: int) -> ImagePage | None:
    if not found.is_drawn:
        return None
    return image_page(found, number, _marks(found, number, start, end) if start < end else None)


def _marks(found: rag.Document, number: int, start: int, end: int) -> PageMarks | None:
    try:
        return rag.page_marks(found, number, start, end)
    except RenderingFailed as exc:
        # The text beside the image still marks the passage.
        logger.info("Page %d of document %d could not be marked: %s", number, found.pk, exc.problem)
        return None


@require_GET
@member_required
def passage(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Show a passage with what stands around it: the side panel of a citation."""
    found = rag.document_read(request.user, uuid)
    content = rag.document_text(found)
    place = place_in(content, request.GET)
    start, end = min(place.start, len(content.text)), place.end
    number = content.page_of(start) if content.page_spans else None
    low, high = content.page_spans[number - 1] if number else (0, len(content.text))
    first, last = max(low, start - CONTEXT_CHARACTERS), min(high, end + CONTEXT_CHARACTERS)
    panel = PassagePanel(
        document=document_row(found, request.user.pk),
        page=number,
        text=marked_text(content.text, first, last, start, end),
        is_cut_before=first > low,
        is_cut_after=last < high,
        image=_image(found, number, start, end) if number else None,
        has_lost_passage=place.is_lost,
    )
    return render(request, "documents/_passage.html", {"panel": panel})


@require_GET
@member_required
def page_image(request: MemberRequest, uuid: UUID, number: int, width: int) -> HttpResponseBase:
    found = rag.document_read(request.user, uuid)
    etag = f'"{number}-{width}"'
    if request.headers.get("If-None-Match") == etag:
        return _asked_again_each_time(HttpResponse(status=304), etag)
    try:
        image = rag.page_image(found, number, width)
    except RenderingFailed as exc:
        raise Http404 from exc
    return _asked_again_each_time(FileResponse(image.open("rb"), content_type="image/png"), etag)


def _asked_again_each_time(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    """Let browsers keep a page, which never changes, and ask before they show it: who may read it does change."""
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


@require_GET
@member_required
def file(request: MemberRequest, uuid: UUID) -> HttpResponseBase:
    """Hand out the file as it was uploaded."""
    return original(rag.document_read(request.user, uuid))


@require_POST
@member_required
def stop(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Give up the reading of a document."""
    return _changed_row(request, rag.stop_document(rag.document_write(request.user, uuid)))


@require_POST
@member_required
def retry(request: MemberRequest, uuid: UUID) -> HttpResponse:
    return _changed_row(request, rag.retry_document(rag.document_write(request.user, uuid)))


def _changed_row(request: MemberRequest, changed: rag.Document) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        return render(request, "documents/_row.html", {"document": document_row(changed, request.user.pk)})
    return redirect("documents:list")


@require_POST
@member_required
@needs(Permission.WEB_PAGES)
def fetch_again(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Fetch a page anew; when it has changed, it is another document, and answers keep the one they cite."""
    found = rag.document_write(request.user, uuid)
    if not found.source_url:
        raise Http404
    try:
        conf.require_web_pages()
        page = rag.fetch_page(request.user, found.source_url, again=True)
    except (PageNotFetched, UploadRefused) as exc:
        messages.error(request, wording.fetch_failure_in_words(exc))
        return redirect("documents:document", uuid=uuid)
    is_same = page.pk == found.pk
    messages.success(request, _("The page has not changed.") if is_same else _("The page was fetched again."))
    return redirect("documents:document", uuid=page.uuid)


@require_POST
@member_required
def delete(request: MemberRequest, uuid: UUID) -> HttpResponse:
    found = rag.document_write(request.user, uuid)
    rag.delete_document(found)
    if wants_json(request):
        return HttpResponse(status=204)
    messages.success(request, _("“%(name)s” was deleted.") % {"name": found.name})
    return redirect("documents:list")
