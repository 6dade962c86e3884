"""Who is asking, when a reverse proxy stands in front of us."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# Set here only: a header of a client can never have this name, because those start with HTTP_.
FORWARDED_PROTO = "hearth.forwarded_proto"


class TrustedProxyMiddleware:
    """Takes address and scheme from X-Forwarded-*, if the peer is one of HEARTH_TRUSTED_PROXIES.

    From anybody else the headers are removed, so that nothing behind this can believe them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        forwarded_for = request.META.pop("HTTP_X_FORWARDED_FOR", "")
        forwarded_proto = request.META.pop("HTTP_X_FORWARDED_PROTO", "")
        if is_trusted(request.META.get("REMOTE_ADDR", "")):
            request.META["REMOTE_ADDR"] = client_address(forwarded_for) or request.META["REMOTE_ADDR"]
            request.META[FORWARDED_PROTO] = forwarded_proto
        return self.get_response(request)


def client_address(forwarded_for: str) -> str:
    """Return the nearest address that is not one of our proxies; what is left of it could be forged."""
    addresses = [part.strip() for part in forwarded_for.split(",") if part.strip()]
    for address in reversed(addresses):
        if not _is_address(address):
            return ""
        if not is_trusted(address):
            return address
    return addresses[0] if addresses else ""


def is_trusted(address: str) -> bool:
    if not _is_address(address):
        return False
    parsed = ipaddress.ip_address(address)
    return any(parsed in network for network in settings.HEARTH_TRUSTED_PROXIES)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
