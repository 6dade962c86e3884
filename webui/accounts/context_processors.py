"""What pages ask about whom they are shown to."""

from __future__ import annotations

from django.http import HttpRequest

from webui.accounts.models import User
from webui.accounts.permissions import Permission, permissions_of


class May:
    """`may.upload` in a template: whether the reader has that permission. Asked for when the first one is looked up."""

    def __init__(self, request: HttpRequest) -> None:
        self._user = getattr(request, "user", None)
        self._permissions: frozenset[Permission] | None = None

    def __getitem__(self, name: str) -> bool:
        """Raises ValueError for a name that no permission has."""
        permission = Permission(name)
        if self._permissions is None:
            self._permissions = permissions_of(self._user) if isinstance(self._user, User) else frozenset()
        return permission in self._permissions


def permissions(request: HttpRequest) -> dict[str, May]:
    return {"may": May(request)}
