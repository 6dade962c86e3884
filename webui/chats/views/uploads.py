"""What a person brings into a chat: files, pictures, and pages of the web."""

from __future__ import annotations

from django import forms
from django.http import Http404, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

import rag.api as rag
from rag.errors import PageNotFetched, UploadRefused
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest
from webui.accounts.models import User
from webui.accounts.permissions import Permission
from webui.chats import access
from webui.chats.errors import NotFound
from webui.chats.models import Chat
from webui.chats.services import images
from webui.chats.services.uploads import note_upload
from webui.documents import conf, wording
from webui.documents.uploads import UploadForm, as_json, take_upload
from webui.presets.errors import PictureRefused


class PlaceForm(forms.Form):
    """The temporary chat that a file is brought into; none for any other chat."""

    chat = forms.UUIDField(required=False)


def _temporary_chat(request: MemberRequest) -> Chat | None:
    form = PlaceForm(request.GET)
    if not form.is_valid():
        raise Http404
    wanted = form.cleaned_data["chat"]
    return access.temporary_chat_read(request.user, wanted) if wanted else None


@require_POST
@member_required
@needs(Permission.UPLOAD)
def upload(request: MemberRequest) -> HttpResponse:
    """Take one file that is to be asked in a chat; see `take_upload`. It goes with the chat, in the end."""
    chat = _temporary_chat(request)
    began = timezone.now()

    def place(document: rag.Document) -> None:
        note_upload(document, since=began, temporary_chat=chat)

    try:
        return take_upload(request, back=reverse("chats:new"), place=place)
    except NotFound as exc:
        raise Http404 from exc


@require_POST
@member_required
@needs(Permission.UPLOAD)
def upload_image(request: MemberRequest) -> JsonResponse:
    """Take one picture, in the field `file`. It goes with a temporary chat, sent or not."""
    chat = _temporary_chat(request)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"error": _("No file came with the request.")}, status=400)
    file = form.cleaned_data["file"]
    try:
        if file.size > images.MAX_FILE_BYTES:
            raise PictureRefused(PictureRefused.TOO_LARGE)
        image = images.create_image(request.user, file.name, file, temporary_chat=chat)
    except NotFound as exc:
        raise Http404 from exc
    except PictureRefused as exc:
        is_large = exc.problem == PictureRefused.TOO_LARGE
        words = _("“%(name)s” is too large a picture.") if is_large else _("“%(name)s” is no picture that can be read.")
        return JsonResponse({"error": words % {"name": file.name}}, status=413 if is_large else 415)
    return JsonResponse({"uuid": str(image.uuid), "name": image.name, "state": "ready", "kind": "image"}, status=201)


class PageForm(forms.Form):
    """An address, and the chat that it is for; a new one has no name yet."""

    address = forms.CharField(max_length=2000)
    chat = forms.UUIDField(required=False)


@require_POST
@member_required
@needs(Permission.WEB_PAGES)
def fetch_page(request: MemberRequest) -> JsonResponse:
    """Make a page of the web a document. What is in the chat already is not fetched again."""
    form = PageForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"error": wording.address_in_words()}, status=400)
    try:
        conf.require_web_pages()
        document = _in_chat(request.user, form) or _fetched(request.user, form)
    except NotFound as exc:
        raise Http404 from exc
    except (PageNotFetched, UploadRefused) as exc:
        sentence = wording.fetch_failure_in_words(exc)
        return JsonResponse({"error": sentence, "code": exc.problem}, status=422)
    return JsonResponse(as_json(document, request.user.pk), status=201)


def _fetched(user: User, form: PageForm) -> rag.Document:
    began = timezone.now()
    chat = access.chat_read(user, form.cleaned_data["chat"]) if form.cleaned_data["chat"] else None

    def place(document: rag.Document) -> None:
        note_upload(document, since=began, temporary_chat=chat if chat and chat.is_temporary else None)

    return rag.fetch_page(user, form.cleaned_data["address"], together_with=place)


def _in_chat(user: User, form: PageForm) -> rag.Document | None:
    if not form.cleaned_data["chat"]:
        return None
    chat = access.chat_read(user, form.cleaned_data["chat"])
    attached = chat.messages.filter(documents__isnull=False).values("documents")
    pages = rag.documents_of(user).filter(pk__in=attached, source_url=rag.page_address(form.cleaned_data["address"]))
    return pages.exclude(state=rag.Document.State.FAILED).order_by("-fetched_at").first()
