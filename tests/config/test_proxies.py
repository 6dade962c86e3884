from __future__ import annotations

import ipaddress

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from webui.config.proxies import TrustedProxyMiddleware


@pytest.fixture(autouse=True)
def _proxies(settings: Settings) -> None:
    settings.HEARTH_TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.0/8")]


def seen_by_the_site(**meta: str) -> HttpRequest:
    seen: list[HttpRequest] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse()

    TrustedProxyMiddleware(view)(RequestFactory().get("/", **meta))  # type: ignore[arg-type]
    return seen[0]


def test_a_trusted_proxy_tells_who_asks_and_how() -> None:
    request = seen_by_the_site(
        REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.7, 10.0.0.2", HTTP_X_FORWARDED_PROTO="https"
    )

    assert request.META["REMOTE_ADDR"] == "203.0.113.7"
    assert request.is_secure()


def test_an_address_forged_before_the_proxy_is_not_believed() -> None:
    request = seen_by_the_site(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.7")

    assert request.META["REMOTE_ADDR"] == "203.0.113.7"


def test_anybody_else_is_who_they_are_and_their_headers_are_gone() -> None:
    request = seen_by_the_site(
        REMOTE_ADDR="203.0.113.7", HTTP_X_FORWARDED_FOR="10.0.0.1", HTTP_X_FORWARDED_PROTO="https"
    )

    assert request.META["REMOTE_ADDR"] == "203.0.113.7"
    assert not request.is_secure()
    assert "HTTP_X_FORWARDED_FOR" not in request.META


@pytest.mark.parametrize("header", ["", "nonsense", ",", "1.2.3.4, <script>"])
def test_a_broken_header_leaves_the_proxy_as_the_asker(header: str) -> None:
    request = seen_by_the_site(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=header)

    assert request.META["REMOTE_ADDR"] == "10.0.0.1"
