"""The audit log: who did what to what, when and from where.

Whoever changes something calls `record` in the transaction of the change, so that neither is there without the other;
what another server changes is recorded once that has said yes. Who asks is known from the request that is being
answered. Names are kept as text: what a record tells of may be gone. Secrets and what people write are never in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from webui.accounts import conf
from webui.accounts.audit_events import Event
from webui.accounts.models import DETAIL_MAX_LENGTH, NAME_MAX_LENGTH, AuditRecord, User

COMMAND_LINE: Final = "command line"
"""Who acts when it is neither a person nor a stranger."""
_PURGED_AT_ONCE: Final = 1000
_READ_AT_ONCE: Final = 500

_request: ContextVar[HttpRequest | None] = ContextVar("audit_request", default=None)


def record(event: Event, subject: object = "", *, detail: str = "", by: User | str | None = None) -> None:
    """Add to the log; one statement, in the transaction that runs.

    Args:
        subject: What it was done to; a person is named with the address.
        detail: What else is worth knowing, such as the new value.
        by: Who did it, where that is not who asks.
    """
    request = _request.get()
    asks = getattr(request, "user", None)
    actor = by if by is not None else asks if isinstance(asks, User) else "" if request else COMMAND_LINE
    AuditRecord.objects.create(
        event=event,
        actor=_name(actor),
        subject=_name(subject),
        detail=detail[:DETAIL_MAX_LENGTH],
        address=str(request.META.get("REMOTE_ADDR") or "")[:45] if request else "",
    )


def records(
    *, person: str = "", event: str = "", since: datetime | None = None, until: datetime | None = None
) -> QuerySet[AuditRecord]:
    """Return what the log has, filtered: for administrators.

    Args:
        person: A part of the name or address of who did it, or of whom or what it was done to.
        since: From this moment on.
        until: Before this moment.
    """
    found = AuditRecord.objects.all()
    if person:
        found = found.filter(Q(actor__icontains=person) | Q(subject__icontains=person))
    if event:
        found = found.filter(event=event)
    if since:
        found = found.filter(happened_at__gte=since)
    if until:
        found = found.filter(happened_at__lt=until)
    return found


def newest_first(found: QuerySet[AuditRecord]) -> Iterator[AuditRecord]:
    """Yield records page by page, as every page may be read in another thread, and so on another connection."""
    last: AuditRecord | None = None
    while True:
        rest = found
        if last:
            is_older = Q(happened_at__lt=last.happened_at) | Q(happened_at=last.happened_at, id__lt=last.pk)
            rest = found.filter(is_older)
        page = list(rest.order_by("-happened_at", "-id")[:_READ_AT_ONCE])
        yield from page
        if len(page) < _READ_AT_ONCE:
            return
        last = page[-1]


def purge(now: datetime) -> int:
    """Remove what is older than the site keeps it; return how many. Some at a time: other writers hardly wait."""
    days = conf.audit_days()
    n_purged = 0
    while days:
        old = AuditRecord.objects.filter(happened_at__lt=now - timedelta(days=days)).order_by("happened_at")
        ids = list(old.values_list("pk", flat=True)[:_PURGED_AT_ONCE])
        n_purged += AuditRecord.objects.filter(pk__in=ids).delete()[0]
        if len(ids) < _PURGED_AT_ONCE:
            break
    return n_purged


class AuditMiddleware:
    """Lets `record` know who asks, while a request is being answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)


def _name(thing: object) -> str:
    if isinstance(thing, User):
        return (f"{thing.name} ({thing.email})" if thing.name else thing.email)[:NAME_MAX_LENGTH]
    return str(thing)[:NAME_MAX_LENGTH]
