"""What a preset was before, and bringing that back: for its owner."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.presets import access, services
from webui.presets.contexts import VersionsPage, version_rows


@require_GET
@member_required
def version_list(request: MemberRequest, uuid: UUID) -> HttpResponse:
    shown = access.preset_write(request.user, uuid)
    rows = version_rows(list(shown.versions.select_related("made_by")))
    return render(request, "presets/versions.html", {"page": VersionsPage(preset=shown, rows=rows)})


@require_POST
@member_required
def restore(request: MemberRequest, uuid: UUID, number: int) -> HttpResponse:
    shown = access.preset_write(request.user, uuid)
    services.restore_version(access.version_of(shown, number), request.user)
    messages.success(request, _("Version %(number)d is back.") % {"number": number})
    return redirect("presets:preset", shown.uuid)
