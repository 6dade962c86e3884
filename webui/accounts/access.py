"""Which people a person may see and change."""

from __future__ import annotations

import uuid

from django.http import Http404, HttpRequest

from webui.accounts.http import is_administrator
from webui.accounts.models import User


def person_write(request: HttpRequest, person_uuid: uuid.UUID) -> User:
    """Return a person for an administrator. Raises Http404 for everybody else."""
    if not is_administrator(request):
        raise Http404
    try:
        return User.objects.get(uuid=person_uuid)
    except User.DoesNotExist as exc:
        raise Http404 from exc
