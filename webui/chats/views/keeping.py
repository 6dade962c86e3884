"""Chats that are kept or given up: what is done to many at once, the archive, and what was deleted."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.accounts.models import User
from webui.chats import access, queries
from webui.chats.conf import UNDO_WINDOW
from webui.chats.errors import ChatError
from webui.chats.forms import ChatsForm, StepForm
from webui.chats.models import Chat
from webui.chats.services import keeping, purging
from webui.chats.services.keeping import Deed, Outcome, Step
from webui.chats.views.announcements import announce_chats, announce_sidebar, stop_generations
from webui.chats.views.folders import move_panel
from webui.chats.views.heads import chat_title, chat_url, folder_head, keeping_view
from webui.chats.views.keeping_contexts import KeptChat, KeptPage
from webui.chats.wording import refusal_text
from webui.ui.keyset import BadCursor, KeysetPage

# ---- pages ---------------------------------------------------------------------------------------


@require_GET
@never_cache
@member_required
def archived(request: MemberRequest) -> HttpResponse:
    """The chats that were archived, the last one first."""
    return _kept_page(request, "chats/archived.html", queries.archived_page, lambda chat: chat.archived_at)


@require_GET
@never_cache
@member_required
def deleted(request: MemberRequest) -> HttpResponse:
    """The chats that were deleted and can still be brought back, the last one first."""
    return _kept_page(request, "chats/deleted.html", queries.deleted_page, lambda chat: chat.deleted_at)


def _kept_page(
    request: MemberRequest,
    template: str,
    find: Callable[[User, str | None], KeysetPage[Chat]],
    moment: Callable[[Chat], object],
) -> HttpResponse:
    before = request.GET.get("before", "")
    try:
        found = find(request.user, before)
    except BadCursor:
        return HttpResponseBadRequest()
    page = KeptPage(
        chats=[
            KeptChat(
                uuid=str(chat.uuid),
                title=chat_title(chat),
                url=chat_url(chat),
                folder=chat.folder.name if chat.folder else "",
                moment=moment(chat),  # type: ignore[arg-type]  # never None in its own list
            )
            for chat in found.rows
        ],
        next_cursor=found.next_cursor,
        before=before,
        window_days=UNDO_WINDOW.days,
    )
    return render(request, template, {"page": page})


@require_GET
@never_cache
@member_required
def keeping_state(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """How a chat is kept and where, for the page that shows it, also when it was deleted meanwhile."""
    chat = access.chat_or_deleted_read(request.user, uuid)
    folder = folder_head(chat.folder) if chat.folder else None
    return render(request, "chats/_keeping_state.html", {"keeping": keeping_view(chat), "folder": folder})


@require_GET
@never_cache
@member_required
def move_chosen(request: MemberRequest) -> HttpResponse:
    """Offer the folders that some chats can be moved into."""
    chosen = chosen_chats(request)
    panel = move_panel(request.user, chosen, url=reverse("chats:do"))
    return render(request, "chats/_move.html", {"panel": panel})


def chosen_chats(request: MemberRequest) -> list[Chat]:
    """Return the chats that `chats` names in an address; none that the person may not change."""
    form = ChatsForm(request.GET)
    if not form.is_valid():
        raise Http404
    return access.chats_read(request.user, form.cleaned_data["chats"])


# ---- deeds ---------------------------------------------------------------------------------------


@require_POST
@member_required
def do(request: MemberRequest) -> HttpResponse:
    """Do something to some chats. A script gets what to say and the steps that take it back."""
    form = StepForm(request.POST)
    if not form.is_valid():
        raise Http404
    fields = form.cleaned_data
    step = Step(
        deed=Deed(fields["deed"]),
        chats=fields["chats"],
        folder=fields["folder"],
        tag=fields["tag"],
        name=fields["name"],
    )
    try:
        outcome = keeping.carry_out(request.user, step)
    except ChatError as exc:
        return _refused(request, exc)
    _announce(request.user, step, outcome)
    said = _said(step.deed, len(outcome.chats))
    if request.headers.get("HX-Request") == "true":
        return JsonResponse({"said": said, "undo": [_as_json(back) for back in outcome.undo]})
    messages.success(request, said)
    return _back(form)


def _announce(user: User, step: Step, outcome: Outcome) -> None:
    stop_generations(outcome.stopped)
    announce_chats(user, outcome.chats)
    if step.deed not in (Deed.TAG, Deed.UNTAG):
        announce_sidebar(user)


def _refused(request: MemberRequest, error: ChatError) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(refusal_text(error), status=422, content_type="text/plain")
    messages.error(request, refusal_text(error))
    return redirect("chats:new")


def _back(form: StepForm) -> HttpResponse:
    return redirect(f"chats:{form.cleaned_data['back'] or 'new'}")


def _as_json(step: Step) -> list[list[str]]:
    """Return the fields of a form that asks for the step."""
    named = {"deed": step.deed.value, "folder": str(step.folder or ""), "tag": str(step.tag or "")}
    return [*([name, value] for name, value in named.items() if value), *(["chats", str(uuid)] for uuid in step.chats)]


def _said(deed: Deed, n: int) -> str:
    sentences = {
        Deed.PIN: ngettext("Chat pinned.", "%(n)s chats pinned.", n),
        Deed.UNPIN: ngettext("Chat unpinned.", "%(n)s chats unpinned.", n),
        Deed.ARCHIVE: ngettext("Chat archived.", "%(n)s chats archived.", n),
        Deed.RESTORE: ngettext("Chat restored.", "%(n)s chats restored.", n),
        Deed.MOVE: ngettext("Chat moved.", "%(n)s chats moved.", n),
        Deed.TAG: ngettext("Tag added.", "Tag added to %(n)s chats.", n),
        Deed.UNTAG: ngettext("Tag removed.", "Tag removed from %(n)s chats.", n),
        Deed.DELETE: ngettext("Chat deleted.", "%(n)s chats deleted.", n),
        Deed.UNDELETE: ngettext("Chat restored.", "%(n)s chats restored.", n),
    }
    return sentences[deed] % {"n": n}


@require_POST
@member_required
def purge(request: MemberRequest) -> HttpResponse:
    """Remove deleted chats for good."""
    form = ChatsForm(request.POST)
    if not form.is_valid():
        raise Http404
    n = purging.purge_chats(request.user, form.cleaned_data["chats"])
    said = ngettext("Chat deleted for good.", "%(n)s chats deleted for good.", n) % {"n": n}
    if request.headers.get("HX-Request") == "true":
        return JsonResponse({"said": said, "undo": []})
    messages.success(request, said)
    return redirect("chats:deleted")
