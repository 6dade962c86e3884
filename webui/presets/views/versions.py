"""What a preset was before, and bringing that back: for its owner."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.presets import access
from webui.presets.contexts import VersionsPage, version_rows
from webui.presets.kinds import Kind


@require_GET
@member_required
def version_list(request: MemberRequest, uuid: UUID, kind: Kind[Any]) -> HttpResponse:
    shown = access.own_write(kind.model, request.user, uuid)
    rows = version_rows(list(shown.versions.select_related("made_by")), kind.parts)
    return render(request, "presets/versions.html", {"page": VersionsPage(preset=shown, kind=kind, rows=rows)})


@require_POST
@member_required
def restore(request: MemberRequest, uuid: UUID, number: int, kind: Kind[Any]) -> HttpResponse:
    shown = access.own_write(kind.model, request.user, uuid)
    kind.restore(access.version_of(shown, number), request.user)
    messages.success(request, _("Version %(number)d is back.") % {"number": number})
    return redirect(f"{kind.namespace}:preset", shown.uuid)
