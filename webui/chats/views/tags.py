"""Tags: their page, choosing one, and what is done to them with a form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.accounts.models import User
from webui.chats import queries
from webui.chats.errors import ChatError
from webui.chats.forms import TagNameForm
from webui.chats.models import TAG_NAME_MAX_LENGTH, Chat, Tag
from webui.chats.services import tags as services
from webui.chats.views.announcements import announce_chats
from webui.chats.views.heads import chat_title
from webui.chats.views.keeping import chosen_chats
from webui.chats.views.keeping_contexts import CountedTag, TaggingPanel, TagsPage, TagTarget
from webui.chats.wording import refusal_text


@require_GET
@never_cache
@member_required
def tags(request: MemberRequest) -> HttpResponse:
    """All tags, to be renamed and removed."""
    page = TagsPage(tags=_counted(request.user), name_max_length=TAG_NAME_MAX_LENGTH)
    return render(request, "chats/tags.html", {"page": page})


@require_GET
@never_cache
@member_required
def choose(request: MemberRequest) -> HttpResponse:
    """The tags to show the chats of."""
    return render(request, "chats/_choose_tag.html", {"tags": _counted(request.user)})


def _counted(user: User) -> list[CountedTag]:
    return [
        CountedTag(uuid=str(tag.uuid), name=tag.name, n_chats=tag.n_chats)  # type: ignore[attr-defined]  # annotated
        for tag in queries.counted_tags(user)
    ]


@require_GET
@never_cache
@member_required
def tagging(request: MemberRequest) -> HttpResponse:
    """The tags that can be put on some chats, or taken off."""
    return render(request, "chats/_tagging.html", {"panel": _panel(request.user, chosen_chats(request))})


def _panel(user: User, chats: Sequence[Chat]) -> TaggingPanel:
    numbers = queries.numbers_of_tags(chats)
    return TaggingPanel(
        chats=[str(chat.uuid) for chat in chats],
        title=chat_title(chats[0]) if len(chats) == 1 else "",
        tags=[
            TagTarget(uuid=str(tag.uuid), name=tag.name, n_having=numbers.get(tag.pk, 0), n_chats=len(chats))
            for tag in queries.visible_tags(user)
        ],
        name_max_length=TAG_NAME_MAX_LENGTH,
    )


@require_POST
@member_required
def rename(request: MemberRequest, uuid: UUID) -> HttpResponse:
    form = TagNameForm(request.POST)
    name = form.cleaned_data["name"] if form.is_valid() else ""
    return _changed(request, lambda: services.rename_tag(request.user, uuid, name))


@require_POST
@member_required
def delete(request: MemberRequest, uuid: UUID) -> HttpResponse:
    return _changed(request, lambda: services.delete_tag(request.user, uuid))


def _changed(request: MemberRequest, change: Callable[[], Tag]) -> HttpResponse:
    is_script = request.headers.get("HX-Request") == "true"
    try:
        tag = change()
    except ChatError as exc:
        if is_script:
            return HttpResponse(refusal_text(exc), status=422, content_type="text/plain")
        messages.error(request, refusal_text(exc))
        return redirect("chats:tags")
    announce_chats(request.user, None)
    if is_script:
        return HttpResponse(status=204)
    if tag.pk is None:
        messages.success(request, _("The tag “%(name)s” is gone from all chats.") % {"name": tag.name})
    return redirect("chats:tags")
