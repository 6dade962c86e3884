"""How the passages of an answer were found: for people as a panel, for scripts as JSON."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

import rag.api as rag
from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.chats import access
from webui.chats.views.trace_contexts import TracePanel, trace_panel


@require_GET
@never_cache
@member_required
def trace(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> HttpResponse:
    return render(request, "chats/_trace.html", {"trace": _panel(request, uuid, message_uuid)})


@require_GET
@never_cache
@member_required
def trace_json(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> JsonResponse:
    return JsonResponse(_panel(request, uuid, message_uuid).as_json())


def _panel(request: MemberRequest, uuid: UUID, message_uuid: UUID) -> TracePanel:
    generation = access.retrieval_read(request.user, uuid, message_uuid)
    return trace_panel(rag.readable_trace(request.user, generation.ledger["retrieval"]), generation, chat_uuid=uuid)
