"""Deleting a preset of either kind, and bringing it back: for its owner."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.presets import access, services
from webui.presets.kinds import Kind


@require_POST
@member_required
def delete(request: MemberRequest, uuid: UUID, kind: Kind[Any]) -> HttpResponse:
    doomed = access.own_write(kind.model, request.user, uuid)
    services.delete_preset(doomed)
    return redirect(f"{reverse(f'{kind.namespace}:list')}?{urlencode({'deleted': str(doomed.uuid)})}")


@require_POST
@member_required
def undo_delete(request: MemberRequest, uuid: UUID, kind: Kind[Any]) -> HttpResponse:
    restored = access.deleted_write(kind.model, request.user, uuid)
    kind.undo_delete(restored)
    return redirect(f"{kind.namespace}:preset", restored.uuid)


def just_deleted(request: MemberRequest, kind: Kind[Any]) -> Any:
    """Return the preset that the list was left for deleting, while it can be brought back; else None."""
    try:
        return access.deleted_write(kind.model, request.user, UUID(request.GET.get("deleted", "")))
    except (ValueError, Http404):
        return None
