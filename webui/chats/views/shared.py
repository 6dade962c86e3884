"""A shared chat, for its readers. An address that leads nowhere for somebody looks like one that never was."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

import rag.api as rag
from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest, send_elsewhere
from webui.accounts.middleware import open_to_waiting
from webui.accounts.models import User
from webui.chats import access
from webui.chats.models import Image, ShareLink
from webui.chats.services import sharing
from webui.chats.shared_chats import SharedChat, shared_chat
from webui.chats.views.announcements import announce_sidebar
from webui.chats.views.heads import chat_title, chat_url
from webui.chats.views.images import image_file
from webui.chats.views.previews import preview_page
from webui.chats.views.shared_contexts import SharedPage, shared_message_views
from webui.documents.originals import original
from webui.speech.contexts import strangers_voice, voice_view

View = Callable[..., HttpResponseBase]


def for_readers(view: View) -> View:
    """Let in who may open the link `uuid`, and hand it to the view; strangers who may not are asked to sign in."""

    shown = require_GET(never_cache(view))

    @login_not_required
    @open_to_waiting
    @wraps(view)
    def guarded(request: HttpRequest, uuid: UUID, *args: Any, **kwargs: Any) -> HttpResponseBase:
        reader = request.user if isinstance(request.user, User) and request.user.may_chat else None
        try:
            link = access.shared_read(reader, uuid)
        except Http404:
            if reader is not None:
                raise
            if request.user.is_authenticated:
                return send_elsewhere(
                    request,
                    reverse("accounts:pending"),
                    status=403,
                    error=_("An administrator has to approve this account."),
                )
            sign_in = redirect_to_login(request.get_full_path()).url
            return send_elsewhere(request, sign_in, status=401, error=_("Sign in first."))
        response: HttpResponseBase = shown(request, reader, link, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex"
        return response

    return guarded


@for_readers
def shared(request: HttpRequest, reader: User | None, link: ShareLink) -> HttpResponse:
    return render(request, "chats/shared.html", {"page": _page(reader, link, shared_chat(link))})


@for_readers
def messages(request: HttpRequest, reader: User | None, link: ShareLink) -> HttpResponse:
    """The messages alone, or nothing while they are those that the page shows already."""
    shown = shared_chat(link)
    if shown.digest == request.GET.get("seen"):
        return HttpResponse(status=204)
    return render(request, "chats/_shared_messages.html", {"page": _page(reader, link, shown)})


@for_readers
def file(request: HttpRequest, reader: User | None, link: ShareLink, document_uuid: UUID) -> HttpResponseBase:
    """Hand out a file of the owner's own that goes with one of the questions shown."""
    if not link.has_files or str(document_uuid) not in shared_chat(link).file_uuids:
        raise Http404
    document = rag.documents_of(link.chat.owner).filter(uuid=document_uuid).first()
    if document is None:
        raise Http404
    return original(document)


@for_readers
def image(request: HttpRequest, reader: User | None, link: ShareLink, image_uuid: UUID) -> HttpResponse:
    return image_file(request, _image(link, image_uuid), "content")


@for_readers
def preview(request: HttpRequest, reader: User | None, link: ShareLink, image_uuid: UUID) -> HttpResponse:
    """A picture small."""
    return image_file(request, _image(link, image_uuid), "preview")


@xframe_options_sameorigin
@for_readers
def block(request: HttpRequest, reader: User | None, link: ShareLink, place: int, number: int) -> HttpResponse:
    """A drawing or a page among the code blocks of the answer at a place among the messages."""
    shown = shared_chat(link).all_messages
    if place >= len(shown) or shown[place].role != "assistant" or shown[place].is_unfinished:
        raise Http404
    return preview_page(shown[place].text, number)


def _image(link: ShareLink, uuid: UUID) -> Image:
    if str(uuid) not in shared_chat(link).image_uuids:
        raise Http404
    return get_object_or_404(Image, message__chat=link.chat, uuid=uuid)


@require_POST
@member_required
def copy(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Go on in a chat of one's own."""
    chat = sharing.copy_shared(request.user, access.shared_read(request.user, uuid))
    announce_sidebar(request.user)
    return redirect("chats:chat", chat.uuid)


def _page(reader: User | None, link: ShareLink, shown: SharedChat) -> SharedPage:
    cited = shown.cited_documents
    readable = (
        rag.readable_documents(reader).filter(uuid__in=cited) if reader and cited else rag.Document.objects.none()
    )
    is_own = reader is not None and link.chat.owner_id == reader.pk
    may_read = {str(pk) for pk in readable.values_list("uuid", flat=True)}
    return SharedPage(
        layout="base_app.html" if reader else "base_open.html",
        uuid=str(link.uuid),
        title=shown.title or chat_title(link.chat),
        # A stranger learns no address.
        owner_name=str(link.chat.owner) if reader else link.chat.owner.name,
        messages=shared_message_views(link, shown.messages, may_read),
        columns=shared_message_views(link, shown.columns, may_read, first_place=len(shown.messages)),
        digest=shown.digest,
        as_of=link.snapshot_at,
        is_own=is_own,
        may_copy=reader is not None and not is_own,
        voice=voice_view(reader) if reader else strangers_voice(),
        chat_url=chat_url(link.chat) if is_own else "",
    )
