"""What Django tells of signing in, for the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.models import User


@receiver(user_logged_in)
def note_sign_in(sender: type[User], request: HttpRequest, user: User, **others: Any) -> None:
    record(Event.SIGNED_IN, by=user)


@receiver(user_login_failed)
def note_failed_sign_in(sender: str, credentials: dict[str, Any], **others: Any) -> None:
    """Name the person whose address it was, and nothing else: some people type their password into the wrong field."""
    address = str(credentials.get("email") or credentials.get("username") or "").lower()
    person = User.objects.filter(email=address).first()
    record(Event.SIGN_IN_FAILED, person or "", by="")
