"""With whom a preset is shared: for its owner alone."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.audiences import AudienceForm
from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.presets import access, queries, services
from webui.presets.contexts import SharePage, grant_row, source_of
from webui.presets.coverage import unread_by_some
from webui.presets.models import ModelPreset


@require_GET
@member_required
def share(request: MemberRequest, uuid: UUID) -> HttpResponse:
    return _page(request, access.preset_write(request.user, uuid), AudienceForm(request.user))


@require_POST
@member_required
def grant(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = access.preset_write(request.user, uuid)
    form = AudienceForm(request.user, request.POST)
    if not form.is_valid():
        return _page(request, shown, form, status=422)
    audience = form.cleaned_data["to"]
    services.grant(shown, user=audience.user, group=audience.group)
    return _done(request, shown)


@require_POST
@member_required
def revoke(request: MemberRequest, uuid: UUID, grant_uuid: UUID) -> HttpResponse:
    shown = access.preset_write(request.user, uuid)
    services.revoke(access.grant_of(shown, grant_uuid))
    return _done(request, shown)


def _done(request: MemberRequest, shown: ModelPreset) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        return _page(request, shown, AudienceForm(request.user))
    return redirect("presets:share", shown.uuid)


def _page(request: MemberRequest, shown: ModelPreset, form: AudienceForm, *, status: int = 200) -> HttpResponse:
    grants = list(shown.grants.select_related("user", "group"))
    documents, knowledge = (
        queries.readable_documents(shown, request.user),
        queries.readable_knowledge(shown, request.user),
    )
    context = SharePage(
        preset=shown,
        grants=[grant_row(row) for row in grants],
        unread=[source_of(row) for row in unread_by_some(grants, documents, knowledge)],
    )
    is_dialog = request.headers.get("HX-Request") == "true"
    given = {"page": context, "form": form, "is_dialog": is_dialog}
    if is_dialog:
        # htmx shows no answer that is an error.
        return render(request, "presets/_share.html", given)
    return render(request, "presets/share.html", given, status=status)
