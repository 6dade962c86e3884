"""The page of where somebody is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from webui.accounts import sessions
from webui.accounts.access import session_own
from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    pk: int
    device: str
    ip: str
    signed_in_at: datetime
    is_current: bool


@require_GET
@never_cache
@member_required
def session_list(request: MemberRequest) -> HttpResponse:
    current = request.session.session_key
    rows = [
        SessionRow(
            pk=session.pk,
            device=sessions.device_in_words(session.user_agent),
            ip=session.ip,
            signed_in_at=session.created_at,
            is_current=session.session_key == current,
        )
        for session in sessions.sessions_of(request.user)
    ]
    has_others = any(not row.is_current for row in rows)
    return render(request, "accounts/sessions.html", {"rows": rows, "has_others": has_others})


@require_POST
@member_required
def end(request: MemberRequest, pk: int) -> HttpResponse:
    """Sign out one browser; the one that asks is sent to the sign-in page by its next request."""
    sessions.end_session(request, session_own(request, pk))
    messages.success(request, _("Signed out there."))
    return redirect("accounts:sessions")


@require_POST
@member_required
def end_others(request: MemberRequest) -> HttpResponse:
    n_ended = sessions.end_sessions(request, request.user, but=request.session.session_key)
    words = ngettext("Signed out of %(n)s other browser.", "Signed out of %(n)s other browsers.", n_ended)
    messages.success(request, words % {"n": n_ended})
    return redirect("accounts:sessions")
