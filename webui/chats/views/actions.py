"""What is done to a chat with a form: rename, delete, undo, show another branch."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.chats.errors import TitleEmpty
from webui.chats.forms import TitleForm
from webui.chats.models import Chat
from webui.chats.services import chats
from webui.chats.shown_branch import newest_messages
from webui.chats.views.announcements import announce_sidebar, announce_title, stop_generations
from webui.chats.views.fragments import shown_messages
from webui.chats.views.heads import chat_url
from webui.chats.wording import refusal_text


@require_POST
@member_required
def rename(request: MemberRequest, uuid: UUID) -> HttpResponse:
    form = TitleForm(request.POST)
    if not form.is_valid():
        return HttpResponse(refusal_text(TitleEmpty()), status=422, content_type="text/plain")
    chat = chats.rename_chat(request.user, uuid, form.cleaned_data["title"])
    announce_title(request.user, chat)
    announce_sidebar(request.user)
    return done(request, chat_url(chat))


@require_POST
@member_required
def delete(request: MemberRequest, uuid: UUID) -> HttpResponse:
    _chat, running = chats.delete_chat(request.user, uuid)
    stop_generations(running)
    announce_sidebar(request.user)
    return done(request, "chats:new")


@require_POST
@member_required
def undo_delete(request: MemberRequest, uuid: UUID) -> HttpResponse:
    chat = chats.undo_delete_chat(request.user, uuid)
    announce_sidebar(request.user)
    return done(request, chat_url(chat))


@require_POST
@member_required
def show_sibling(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    chat = chats.show_sibling(request.user, uuid, message_uuid)
    return _branch_shown(request, chat)


@require_POST
@member_required
def show_beside(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    return _branch_shown(request, chats.show_beside(request.user, uuid, message_uuid))


def _branch_shown(request: MemberRequest, chat: Chat) -> HttpResponse:
    return render(request, "chats/_messages.html", {"shown": shown_messages(chat, newest_messages(chat))})


def done(request: MemberRequest, url: str) -> HttpResponse:
    """A script has what it needs in the status; a plain form goes to a page."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204)
    return redirect(url)
