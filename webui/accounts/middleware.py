"""Who reaches which page, decided in one place for the whole site.

A view is for members unless it says otherwise: `login_not_required` opens it to everybody,
`open_to_waiting` to people who wait for approval or are suspended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from webui.accounts.http import send_elsewhere
from webui.accounts.models import User

View = TypeVar("View", bound=Callable[..., Any])
ALLAUTH_VIEWS_FOR_THE_WAITING = frozenset({"account_logout", "account_inactive"})


def open_to_waiting(view: View) -> View:
    view.open_to_waiting = True  # type: ignore[attr-defined]
    return view


class LanguageMiddleware:
    """Shows every page in the language that the person has chosen."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        language = getattr(request.user, "language", "")
        if not language or not translation.check_for_language(language):
            return self.get_response(request)
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)
        # Django's would name the language of the browser.
        response.headers.setdefault("Content-Language", language)
        return response


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Django's, which sends strangers to the log-in page; scripts are told 401 instead."""

    def handle_no_permission(  # type: ignore[override]  # callers want a response, of whatever kind
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponse:
        response = super().handle_no_permission(request, view_func)
        location = response.headers.get("Location", resolve_url(self.get_login_url(view_func)))
        return send_elsewhere(request, location, status=401, error=_("Sign in first."))


class MembershipMiddleware:
    """Sends people who are not members (yet, or any more) to the waiting page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if not isinstance(request.user, User) or request.user.may_chat or _is_open_to_waiting(request, view):
            return None
        return send_elsewhere(
            request, reverse("accounts:pending"), status=403, error=_("An administrator has to approve this account.")
        )


def _is_open_to_waiting(request: HttpRequest, view: Callable[..., Any]) -> bool:
    if getattr(view, "open_to_waiting", False):
        return True
    return request.resolver_match is not None and request.resolver_match.url_name in ALLAUTH_VIEWS_FOR_THE_WAITING
