"""People, as lists and facts."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from webui.accounts import conf
from webui.accounts.models import Role, Roster, User


def people(search: str = "", role: str = "") -> QuerySet[User]:
    """All people, the newest first; for administrators."""
    found = User.objects.order_by("-date_joined", "-id")
    if search:
        found = found.filter(Q(email__icontains=search) | Q(name__icontains=search))
    if role in Role.values:
        found = found.filter(role=role)
    return found


def n_people_waiting() -> int:
    return User.objects.filter(role=Role.PENDING, is_active=True).count()


def has_administrator() -> bool:
    """Whether the first administrator has been made; until then the next person to sign up becomes it."""
    return Roster.objects.filter(setup_finished_at__isnull=False).exists()


def is_open_for_signup() -> bool:
    return conf.signup_policy() != "closed" or not has_administrator()
