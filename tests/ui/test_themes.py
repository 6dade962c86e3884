from __future__ import annotations

import pytest
from django.test import RequestFactory

from webui.ui.context_processors import interface
from webui.ui.themes import SIDEBAR_COOKIE, THEME_COOKIE, Theme, chosen_theme


@pytest.mark.parametrize("theme", list(Theme))
def test_the_theme_is_read_from_the_cookie(theme: Theme) -> None:
    request = RequestFactory(headers={"cookie": f"{THEME_COOKIE}={theme}"}).get("/")

    assert chosen_theme(request) == theme


@pytest.mark.parametrize("value", ["", "pink", '"><script>', "DARK"])
def test_a_cookie_that_names_no_theme_counts_as_none(value: str) -> None:
    request = RequestFactory().get("/")
    request.COOKIES[THEME_COOKIE] = value

    assert chosen_theme(request) == Theme.SYSTEM


def test_the_frame_knows_whether_the_sidebar_is_closed() -> None:
    request = RequestFactory().get("/")
    assert interface(request)["is_sidebar_closed"] is False

    request.COOKIES[SIDEBAR_COOKIE] = "closed"
    assert interface(request)["is_sidebar_closed"] is True
