"""Requests whose user is certain, and what a refused request is answered."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect

from webui.accounts.models import User


class MemberRequest(HttpRequest):
    """A request of somebody who may use the site."""

    user: User


def is_administrator(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_admin


def is_member(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.may_chat


def wants_json(request: HttpRequest) -> bool:
    """Whether the caller is a script: it asks for JSON and not for a page."""
    accept = request.headers.get("Accept", "")
    return "application/json" in accept and "text/html" not in accept


def send_elsewhere(request: HttpRequest, url: str, *, status: int, error: str) -> HttpResponse:
    """Answer a refused request: a page goes to `url`, htmx takes the whole page there, a script gets `status`."""
    if wants_json(request):
        return JsonResponse({"error": error}, status=status)
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=status, headers={"HX-Redirect": url})
    return redirect(url)
