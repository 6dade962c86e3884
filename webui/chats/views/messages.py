"""One message: as it is shown, as plain text, what was sent for it, and what is known of how it came about."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.chats import access
from webui.chats.shown_branch import earlier_messages
from webui.chats.views.answer_info import answer_info
from webui.chats.views.contexts import MessageView
from webui.chats.views.fragments import one_message_view, shown_messages
from webui.chats.views.ledger_contexts import ledger_panel


@require_GET
@never_cache
@member_required
def message(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    return render(request, "chats/_message.html", {"message": _view(request, uuid, message_uuid)})


@require_GET
@never_cache
@member_required
def earlier(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    """Some messages that go before one, and the way to those before them."""
    chat = access.chat_read(request.user, uuid)
    branch = earlier_messages(access.message_read(chat, message_uuid))
    return render(request, "chats/_messages.html", {"shown": shown_messages(chat, branch)})


@require_GET
@never_cache
@member_required
def message_text(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    """The message without its marks."""
    text = _view(request, uuid, message_uuid).plain_text
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@require_GET
@never_cache
@member_required
def message_info(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    info = answer_info(access.answer_read(request.user, uuid, message_uuid))
    return render(request, "chats/_answer_info.html", {"info": info})


@require_GET
@never_cache
@member_required
def ledger(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    panel = ledger_panel(request.user, access.ledger_read(request.user, uuid, message_uuid))
    return render(request, "chats/_ledger.html", {"panel": panel})


def _view(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> MessageView:
    chat = access.chat_read(request.user, uuid)
    return one_message_view(access.message_read(chat, message_uuid))
