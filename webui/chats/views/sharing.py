"""Who else reads a chat: the owner's dialog, and the list of what they share."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.audiences import AudienceForm
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest
from webui.accounts.permissions import Permission, may, require
from webui.chats import access, conf, queries
from webui.chats.forms import LinkForm
from webui.chats.models import Chat, ShareLink
from webui.chats.services import sharing
from webui.chats.views.heads import chat_title, chat_url
from webui.chats.views.shared_contexts import SharedList, SharePage, link_view, shared_row


@require_GET
@never_cache
@member_required
def share(request: MemberRequest, uuid: UUID) -> HttpResponse:
    return _page(request, access.chat_share(request.user, uuid))


@require_POST
@member_required
@needs(Permission.SHARE_CHATS)
def create(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """Make the link; for whom comes after."""
    chat = access.chat_share(request.user, uuid)
    sharing.share_chat(chat, is_live=request.POST.get("shows") == "live")
    return _done(request, chat)


@require_POST
@member_required
@needs(Permission.SHARE_CHATS)
def change(request: MemberRequest, uuid: UUID) -> HttpResponse:
    chat, link = _own(request, uuid)
    form = LinkForm(request.POST)
    if not form.is_valid():
        return _page(request, chat, status=422)
    wanted = form.cleaned_data
    if wanted["is_public"] and not link.is_public:
        require(request.user, Permission.SHARE_PUBLICLY)
    sharing.change_link(
        link, is_live=wanted["shows"] == "live", has_files=wanted["has_files"], is_public=wanted["is_public"]
    )
    return _done(request, chat)


@require_POST
@member_required
@needs(Permission.SHARE_CHATS)
def renew(request: MemberRequest, uuid: UUID) -> HttpResponse:
    chat, link = _own(request, uuid)
    sharing.renew_snapshot(link)
    return _done(request, chat)


@require_POST
@member_required
@needs(Permission.SHARE_CHATS)
def grant(request: MemberRequest, uuid: UUID) -> HttpResponse:
    chat, link = _own(request, uuid)
    form = AudienceForm(request.user, request.POST)
    if not form.is_valid():
        return _page(request, chat, form, status=422)
    sharing.grant(link, form.cleaned_data["to"])
    return _done(request, chat)


@require_POST
@member_required
def revoke(request: MemberRequest, uuid: UUID, grant_uuid: UUID) -> HttpResponse:
    chat, link = _own(request, uuid)
    sharing.revoke(access.share_grant_of(link, grant_uuid))
    return _done(request, chat)


@require_POST
@member_required
def stop(request: MemberRequest, uuid: UUID) -> HttpResponse:
    chat, link = _own(request, uuid)
    sharing.stop_sharing(link)
    if request.POST.get("from") == "list":
        return redirect("chats:shared_list")
    return _done(request, chat)


@require_GET
@never_cache
@member_required
def shared_list(request: MemberRequest) -> HttpResponse:
    allows_public = _allows_public(request)
    rows = [shared_row(link, allows_public=allows_public) for link in queries.own_links(request.user)]
    return render(request, "chats/shared_list.html", {"page": SharedList(rows=rows)})


def _allows_public(request: MemberRequest) -> bool:
    return conf.allows_public_links() and may(request.user, Permission.SHARE_PUBLICLY)


def _own(request: MemberRequest, uuid: UUID) -> tuple[Chat, ShareLink]:
    chat = access.chat_share(request.user, uuid)
    return chat, access.link_of(chat)


def _done(request: MemberRequest, chat: Chat) -> HttpResponse:
    if _is_dialog(request):
        return _page(request, chat)
    return redirect("chats:share", chat.uuid)


def _is_dialog(request: MemberRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _page(request: MemberRequest, chat: Chat, form: AudienceForm | None = None, *, status: int = 200) -> HttpResponse:
    link = ShareLink.objects.filter(chat=chat).defer("snapshot").first()
    page = SharePage(
        chat_uuid=str(chat.uuid),
        title=chat_title(chat),
        chat_url=chat_url(chat),
        link=link_view(link, request.build_absolute_uri(reverse("chats:shared", args=[link.uuid]))) if link else None,
        allows_public=_allows_public(request),
    )
    given = {"page": page, "form": form or AudienceForm(request.user), "is_dialog": _is_dialog(request)}
    if _is_dialog(request):
        # htmx shows no answer that is an error.
        return render(request, "chats/_share.html", given)
    return render(request, "chats/share.html", given, status=status)
