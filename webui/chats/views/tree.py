"""What is done to the tree of a chat from the menu of a message: go on in a new chat, delete, undo."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.chats.errors import ChatError
from webui.chats.forms import DeleteMessageForm
from webui.chats.models import Chat
from webui.chats.services import forks, removals
from webui.chats.shown_branch import newest_messages
from webui.chats.views.announcements import announce_branch, announce_sidebar
from webui.chats.views.fragments import shown_messages
from webui.chats.views.heads import chat_url
from webui.chats.wording import refusal_text


@require_POST
@member_required
def fork(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    try:
        made = forks.fork_chat(request.user, uuid, message_uuid)
    except ChatError as exc:
        return _refused(exc)
    announce_sidebar(request.user)
    return HttpResponse(status=201, headers={"Location": chat_url(made)})


@require_POST
@member_required
def delete_message(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    """Show the chat without it; `Undo-Location` brings it back."""
    form = DeleteMessageForm(request.POST)
    with_branch = form.is_valid() and form.cleaned_data["with_branch"]
    try:
        removal = removals.delete_message(request.user, uuid, message_uuid, with_branch=with_branch)
    except ChatError as exc:
        return _refused(exc)
    response = _changed(request, removal.chat)
    response["Undo-Location"] = reverse("chats:undo_delete_message", args=[uuid, removal.uuid])
    return response


@require_POST
@member_required
def undo_delete_message(request: MemberRequest, uuid: UUID, removal_uuid: UUID) -> HttpResponse:
    try:
        chat = removals.undo_delete_message(request.user, uuid, removal_uuid)
    except ChatError as exc:
        return _refused(exc)
    return _changed(request, chat)


def _changed(request: MemberRequest, chat: Chat) -> HttpResponse:
    announce_branch(chat.uuid)
    return render(request, "chats/_messages.html", {"shown": shown_messages(chat, newest_messages(chat))})


def _refused(error: ChatError) -> HttpResponse:
    return HttpResponse(refusal_text(error), status=422, content_type="text/plain")
