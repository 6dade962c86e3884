"""The audit log: who did what to what, when and from where; as a page and as a file."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from webui.accounts import audit, conf
from webui.accounts.audit_events import Event
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.audit_files import FORMS
from webui.administration.audit_forms import AuditFilter
from webui.ui.keyset import BadCursor, newest_first
from webui.ui.streaming import PieceByPiece

PAGE_SIZE = 50


@admin_required
@require_GET
@never_cache
def log(request: MemberRequest) -> HttpResponse:
    form = AuditFilter(request.GET)
    found = form.found()
    try:
        page = newest_first(found, field="happened_at", before=form.cleaned_data.get("before"), limit=PAGE_SIZE)
    except BadCursor:
        page = newest_first(found, field="happened_at", before=None, limit=PAGE_SIZE)
    is_filtered = any(form.cleaned_data.get(name) for name in ("person", "event", "since", "until"))
    facts = {"is_filtered": is_filtered, "days": conf.audit_days(), "command_line": audit.COMMAND_LINE}
    context = {"form": form, "page": page, **facts}
    return render(request, "administration/audit.html", context)


@admin_required
@require_GET
@never_cache
def export(request: MemberRequest, form: str) -> HttpResponseBase:
    """Send all that the filter of the page lets through, however much it is, in pieces; itself stands in the log."""
    if form not in FORMS:
        raise Http404
    media_type, written = FORMS[form]
    found = AuditFilter(request.GET).found()
    audit.record(Event.LOG_EXPORTED, detail=form)
    response = PieceByPiece(written(audit.newest_first(found)), content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="audit-{timezone.localdate().isoformat()}.{form}"'
    return response
