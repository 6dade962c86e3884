"""With whom a preset is shared: for its owner alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.audiences import AudienceForm
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest
from webui.accounts.permissions import Permission
from webui.presets import access, queries, services
from webui.presets.contexts import SharePage, Source, grant_row, source_of
from webui.presets.coverage import unread_by_some
from webui.presets.kinds import Kind
from webui.presets.models import ModelPreset, PromptPreset


@require_GET
@member_required
def share(request: MemberRequest, uuid: UUID, kind: Kind[Any]) -> HttpResponse:
    return _page(request, kind, access.own_write(kind.model, request.user, uuid), AudienceForm(request.user))


@require_POST
@member_required
@needs(Permission.SHARE_PRESETS)
def grant(request: MemberRequest, uuid: UUID, kind: Kind[Any]) -> HttpResponse:
    shown = access.own_write(kind.model, request.user, uuid)
    form = AudienceForm(request.user, request.POST)
    if not form.is_valid():
        return _page(request, kind, shown, form, status=422)
    audience = form.cleaned_data["to"]
    services.grant(shown, user=audience.user, group=audience.group)
    return _done(request, kind, shown)


@require_POST
@member_required
def revoke(request: MemberRequest, uuid: UUID, grant_uuid: UUID, kind: Kind[Any]) -> HttpResponse:
    shown = access.own_write(kind.model, request.user, uuid)
    services.revoke(access.grant_of(shown, grant_uuid))
    return _done(request, kind, shown)


def _done(request: MemberRequest, kind: Kind[Any], shown: ModelPreset | PromptPreset) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        return _page(request, kind, shown, AudienceForm(request.user))
    return redirect(f"{kind.namespace}:share", shown.uuid)


def _page(
    request: MemberRequest,
    kind: Kind[Any],
    shown: ModelPreset | PromptPreset,
    form: AudienceForm,
    *,
    status: int = 200,
) -> HttpResponse:
    grants = list(shown.grants.select_related("user", "group"))
    context = SharePage(
        preset=shown,
        kind=kind,
        grants=[grant_row(row) for row in grants],
        unread=_unread(request, shown) if isinstance(shown, ModelPreset) else [],
    )
    is_dialog = request.headers.get("HX-Request") == "true"
    given = {"page": context, "form": form, "is_dialog": is_dialog}
    if is_dialog:
        # htmx shows no answer that is an error.
        return render(request, "presets/_share.html", given)
    return render(request, "presets/share.html", given, status=status)


def _unread(request: MemberRequest, shown: ModelPreset) -> list[Source]:
    grants = list(shown.grants.select_related("user"))
    documents = queries.readable_documents(shown, request.user)
    knowledge = queries.readable_knowledge(shown, request.user)
    return [source_of(row) for row in unread_by_some(grants, documents, knowledge)]
