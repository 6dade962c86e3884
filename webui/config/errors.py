"""What a failed request is answered: one table of pages, and JSON for scripts. Never a traceback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.exceptions import DisallowedHost, RequestDataTooBig, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from webui.accounts.errors import NotPermitted

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """What a person reads."""

    title: _StrPromise | str
    advice: _StrPromise | str


PAGES = {
    "bad_request": ErrorPage(
        title=_("That request could not be understood"), advice=_("Go back, reload the page and try again.")
    ),
    "unknown_host": ErrorPage(
        title=_("This address is not known here"),
        advice=_("Whoever runs this site can add it to HEARTH_ALLOWED_HOSTS, or set HEARTH_URL to it."),
    ),
    "too_large": ErrorPage(title=_("That was too large"), advice=_("Send less at once.")),
    "not_stored": ErrorPage(
        title=_("The server could not store this: its disk may be full"),
        advice=_("Try again later, or tell your administrator."),
    ),
    "form_expired": ErrorPage(
        title=_("This form has expired"), advice=_("Go back, reload the page and send it again. Nothing was changed.")
    ),
    "forbidden": ErrorPage(title=_("That is not allowed"), advice=_("Go back to the start page.")),
    "not_found": ErrorPage(
        title=_("There is nothing here"), advice=_("The address is wrong, or what was here has been deleted.")
    ),
    "server_error": ErrorPage(
        title=_("Something broke on our side"),
        advice=_("It has been written to the log. Try again; if it happens again, tell whoever runs this site."),
    ),
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig | TooManyFilesSent):
        return _answer(request, "too_large", status=413)
    # Django hands DisallowedHost over only as a bad request; the page must not build absolute URLs then.
    code = "unknown_host" if isinstance(exception, DisallowedHost) else "bad_request"
    return _answer(request, code, status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, NotPermitted):
        title = _("Your account has no permission for this: %(action)s") % {"action": exception.action}
        page = ErrorPage(title=title, advice=_("An administrator can give it to you."))
        accept = request.headers.get("Accept", "")
        return _page_or_json(page, "not_permitted", status=403, accept=accept, sentence=f"{title}. {page.advice}")
    return _answer(request, "forbidden", status=403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, "not_found", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, "server_error", status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(request, "form_expired", status=403)


def _answer(request: HttpRequest, code: str, *, status: int) -> HttpResponse:
    return _page_or_json(PAGES[code], code, status=status, accept=request.headers.get("Accept", ""))


def too_large(accept: str, *, limit_mb: int) -> HttpResponse:
    """Answer a request whose body is not read at all."""
    advice = _("At most %(limit)s MB can be sent here at once.") % {"limit": limit_mb}
    page = ErrorPage(title=PAGES["too_large"].title, advice=advice)
    return _page_or_json(page, "too_large", status=413, accept=accept, sentence=f"{page.title}. {advice}")


def not_stored(accept: str) -> HttpResponse:
    """Answer a request whose body found no room."""
    page = PAGES["not_stored"]
    return _page_or_json(page, "not_stored", status=507, accept=accept, sentence=f"{page.title}. {page.advice}")


def _page_or_json(page: ErrorPage, code: str, *, status: int, accept: str, sentence: str = "") -> HttpResponse:
    if "text/html" not in accept and "json" in accept:
        return JsonResponse({"error": sentence or str(page.title), "code": code}, status=status)
    # Without the request: the page must not fail for the reason that brought it here (session, database, host).
    return HttpResponse(render_to_string("errors/error.html", {"page": page, "status": status}), status=status)
