"""What is shown of an answer's code when somebody asks for it: drawings and pages, and a frame that draws diagrams."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import get_random_string
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.accounts.middleware import open_to_waiting
from webui.chats import access
from webui.rendering import FRAME_POLICY, preview_document, previewed_source

DRAWER_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
"""Of the frame that draws diagrams: two scripts of this site run in it, and nothing that these make of a source."""
_APART: Final = {
    "Referrer-Policy": "no-referrer",
    "X-DNS-Prefetch-Control": "off",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@require_GET
@never_cache
@xframe_options_sameorigin
@member_required
def preview(request: MemberRequest, uuid: UUID, message_uuid: UUID, number: int) -> HttpResponse:
    """A drawing or a page, for a frame that is cut off from everything."""
    return preview_page(access.answer_read(request.user, uuid, message_uuid).content, number)


def preview_page(text: str, number: int) -> HttpResponse:
    source = previewed_source(text, number)
    if source is None:
        raise Http404
    return HttpResponse(preview_document(source), headers={"Content-Security-Policy": FRAME_POLICY, **_APART})


@login_not_required
@open_to_waiting
@require_GET
@never_cache
@xframe_options_sameorigin
def drawer(request: HttpRequest) -> HttpResponse:
    """The page that draws diagrams, for a frame without an origin; the page around it says what to draw."""
    nonce = get_random_string(64)
    response = render(request, "chats/drawer.html", {"nonce": nonce})
    for name, value in {"Content-Security-Policy": DRAWER_POLICY.format(nonce=nonce), **_APART}.items():
        response[name] = value
    return response
