"""Who may call a view.

What somebody may not see does not exist: the answer is 404. What an administrator has not given to them is told: 403.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate

from django.http import Http404, HttpRequest, HttpResponseBase

from webui.accounts.http import MemberRequest, is_administrator, is_member
from webui.accounts.permissions import Permission, require


def member_required(
    view: Callable[Concatenate[MemberRequest, ...], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """The middleware has sent away strangers and people who wait; this makes the user's type certain."""
    return _guarded(view, is_member)


def admin_required(
    view: Callable[Concatenate[MemberRequest, ...], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    return _guarded(view, is_administrator)


def needs(
    permission: Permission,
) -> Callable[[Callable[Concatenate[MemberRequest, ...], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Refuse a member without a permission. Stands below `member_required`; `needed` on the view names what it asks."""

    def guard(view: Callable[Concatenate[MemberRequest, ...], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            require(request.user, permission)
            return view(request, *args, **kwargs)

        guarded.needed = {permission, *getattr(view, "needed", ())}  # type: ignore[attr-defined]
        return guarded

    return guard


def _guarded(
    view: Callable[Concatenate[MemberRequest, ...], HttpResponseBase], may_call: Callable[[HttpRequest], bool]
) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def guarded(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_call(request):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded
