"""With whom a preset is shared: for its owner alone."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.decorators import member_required
from webui.accounts.groups import find_person, groups_known_to
from webui.accounts.http import MemberRequest
from webui.presets import access, queries, services
from webui.presets.contexts import SharePage, grant_row, source_of
from webui.presets.coverage import unread_by_some
from webui.presets.forms import ShareForm
from webui.presets.models import ModelPreset


@require_GET
@member_required
def share(request: MemberRequest, uuid: UUID) -> HttpResponse:
    return _page(request, access.preset_write(request.user, uuid), ShareForm())


@require_POST
@member_required
def grant(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = access.preset_write(request.user, uuid)
    form = ShareForm(request.POST)
    if form.is_valid() and (problem := _give(request, shown, form.cleaned_data["to"].strip())):
        form.add_error("to", problem)
    if form.errors:
        return _page(request, shown, form, status=422)
    return _done(request, shown)


@require_POST
@member_required
def revoke(request: MemberRequest, uuid: UUID, grant_uuid: UUID) -> HttpResponse:
    shown = access.preset_write(request.user, uuid)
    services.revoke(access.grant_of(shown, grant_uuid))
    return _done(request, shown)


def _give(request: MemberRequest, shown: ModelPreset, words: str) -> str:
    """Share with whom the words name; return what is wrong with that, or nothing."""
    if words.casefold() == _("Everybody").casefold():
        services.grant(shown)
        return ""
    if group := groups_known_to(request.user).filter(name__iexact=words).first():
        services.grant(shown, group=group)
        return ""
    person = find_person(words)
    if person is None:
        return _("Nobody has this e-mail address, and not exactly one person or group of yours this name.")
    if person == request.user:
        return _("It is yours already.")
    services.grant(shown, user=person)
    return ""


def _done(request: MemberRequest, shown: ModelPreset) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        return _page(request, shown, ShareForm())
    return redirect("presets:share", shown.uuid)


def _page(request: MemberRequest, shown: ModelPreset, form: ShareForm, *, status: int = 200) -> HttpResponse:
    grants = list(shown.grants.select_related("user", "group"))
    documents, knowledge = (
        queries.readable_documents(shown, request.user),
        queries.readable_knowledge(shown, request.user),
    )
    context = SharePage(
        preset=shown,
        grants=[grant_row(row) for row in grants],
        suggestions=[_("Everybody"), *groups_known_to(request.user).values_list("name", flat=True)],
        unread=[source_of(row) for row in unread_by_some(grants, documents, knowledge)],
    )
    is_dialog = request.headers.get("HX-Request") == "true"
    given = {"page": context, "form": form, "is_dialog": is_dialog}
    if is_dialog:
        # htmx shows no answer that is an error.
        return render(request, "presets/_share.html", given)
    return render(request, "presets/share.html", given, status=status)
