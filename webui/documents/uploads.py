"""Taking one file from a browser, for whichever page it was dropped on."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from rag import api as rag
from rag.errors import UploadRefused
from rag.types import Problem
from webui.accounts.http import MemberRequest, wants_json
from webui.documents import wording
from webui.documents.contexts import document_row

_REFUSAL_STATUS = {Problem.TOO_LARGE: 413, Problem.UNSUPPORTED: 415, Problem.NOT_STORED: 507}


class UploadForm(forms.Form):
    # An empty file is refused by the service, with its own sentence.
    file = forms.FileField(allow_empty_file=True, max_length=1000)


_keepers: list[Callable[[rag.Document], None]] = []


def on_kept(tell: Callable[[rag.Document], None]) -> None:
    """Hear of each file that is put among the documents, new or there already, in the transaction that does it."""
    _keepers.append(tell)


def keep(document: rag.Document) -> None:
    for tell in _keepers:
        tell(document)


def take_upload(request: MemberRequest, *, back: str, place: Callable[[rag.Document], None] = keep) -> HttpResponse:
    """Take one file, in the field `file`. Scripts get JSON, a plain form goes `back` to its page.

    Args:
        place: Puts the document where it was dropped; it is stored there or not at all.
    """
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _refused(request, _("No file came with the request."), code="missing", status=400, back=back)
    try:
        document = rag.create_document(request.user, form.cleaned_data["file"], together_with=place)
    except UploadRefused as exc:
        status = _REFUSAL_STATUS.get(exc.problem, 422)
        return _refused(request, wording.refusal_in_words(exc), code=exc.problem, status=status, back=back)
    if wants_json(request):
        return JsonResponse(as_json(document, request.user.pk), status=201)
    return redirect(back)


def _refused(request: MemberRequest, sentence: str, *, code: str, status: int, back: str) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": sentence, "code": code}, status=status)
    messages.error(request, sentence)
    return redirect(back)


def as_json(document: rag.Document, reader_id: int) -> dict[str, object]:
    row = document_row(document, reader_id)
    return {
        "uuid": row.uuid,
        "name": row.name,
        "state": row.state,
        "detail": row.state_text,
        "advice": row.advice,
        "progress": row.progress,
        "address": row.address,
    }
