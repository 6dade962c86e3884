"""Pages of the web that a person brings into a chat."""

from __future__ import annotations

from django import forms
from django.http import JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

import rag.api as rag
from rag.errors import PageNotFetched, UploadRefused
from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.accounts.models import User
from webui.chats import access
from webui.chats.services.uploads import note_upload
from webui.documents import conf, wording
from webui.documents.uploads import as_json


class PageForm(forms.Form):
    """An address, and the chat that it is for; a new one has no name yet."""

    address = forms.CharField(max_length=2000)
    chat = forms.UUIDField(required=False)


@require_POST
@member_required
def fetch_page(request: MemberRequest) -> JsonResponse:
    """Make a page of the web a document. What is in the chat already is not fetched again."""
    form = PageForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"error": wording.address_in_words()}, status=400)
    try:
        conf.require_web_pages()
        document = _in_chat(request.user, form) or _fetched(request.user, form)
    except (PageNotFetched, UploadRefused) as exc:
        sentence = wording.fetch_failure_in_words(exc)
        return JsonResponse({"error": sentence, "code": exc.problem}, status=422)
    return JsonResponse(as_json(document, request.user.pk), status=201)


def _fetched(user: User, form: PageForm) -> rag.Document:
    began = timezone.now()
    chat = access.chat_read(user, form.cleaned_data["chat"]) if form.cleaned_data["chat"] else None
    document = rag.fetch_page(user, form.cleaned_data["address"])
    note_upload(document, since=began, temporary_chat=chat if chat and chat.is_temporary else None)
    return document


def _in_chat(user: User, form: PageForm) -> rag.Document | None:
    if not form.cleaned_data["chat"]:
        return None
    chat = access.chat_read(user, form.cleaned_data["chat"])
    attached = chat.messages.filter(documents__isnull=False).values("documents")
    pages = rag.documents_of(user).filter(pk__in=attached, source_url=rag.page_address(form.cleaned_data["address"]))
    return pages.exclude(state=rag.Document.State.FAILED).order_by("-fetched_at").first()
