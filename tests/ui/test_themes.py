from __future__ import annotations

import pytest
from django.test import RequestFactory

from webui.accounts.models import User
from webui.ui.context_processors import interface
from webui.ui.themes import SIDEBAR_COOKIE, THEME_COOKIE, Theme, chosen_theme


@pytest.mark.parametrize("theme", list(Theme))
def test_the_theme_is_read_from_the_cookie(theme: Theme) -> None:
    request = RequestFactory(headers={"cookie": f"{THEME_COOKIE}={theme}"}).get("/")

    assert chosen_theme(request) == theme


def test_what_a_person_has_chosen_goes_before_what_their_device_remembers() -> None:
    request = RequestFactory(headers={"cookie": f"{THEME_COOKIE}={Theme.LIGHT}"}).get("/")
    request.user = User(theme=Theme.DARK)

    assert chosen_theme(request) == Theme.DARK


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
