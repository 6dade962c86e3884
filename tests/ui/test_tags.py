from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.template import Context, Template
from django.test import RequestFactory
from django.urls import resolve
from django.utils import timezone

from webui.ui.templatetags.ui import dom_id


@dataclass
class MessageView:
    uuid: str


@dataclass
class Document:
    uuid: str


def render(template: str, **context: object) -> str:
    return Template("{% load ui %}" + template).render(Context(context))


def test_an_id_is_made_of_the_noun_and_the_uuid() -> None:
    assert dom_id(MessageView("1-2")) == "message-1-2"
    assert dom_id(Document("3-4"), "state") == "document-3-4-state"


def test_an_icon_is_hidden_from_screen_readers_and_has_no_style() -> None:
    html = render('{% icon "trash" %}')

    assert html.startswith("<svg")
    assert 'aria-hidden="true"' in html
    assert 'width="20"' in html
    assert "style" not in html


def test_a_moment_carries_its_exact_time() -> None:
    html = render("{% moment value %}", value=timezone.now() - timedelta(minutes=5))

    assert "5 minutes ago" in html
    assert 'datetime="' in html


def test_no_moment_shows_nothing() -> None:
    assert render("{% moment value %}", value=None) == ""


def test_the_link_of_the_page_that_is_shown_is_marked() -> None:
    request = RequestFactory().get("/")
    request.resolver_match = resolve("/")
    name = request.resolver_match.view_name

    html = render(f'{{% navigation_link "{name}" "home" "Start" %}}', request=request)

    assert 'aria-current="page"' in html
    assert "Start" in html


def test_the_link_above_the_page_that_is_shown_is_marked_too() -> None:
    request = RequestFactory().get("/administration/models/model/?model=a")
    request.resolver_match = resolve("/administration/models/model/")

    above, room = (
        render(f'{{% navigation_link "administration:{name}" "home" "Start" %}}', request=request)
        for name in ("models", "home")
    )

    assert 'aria-current="true"' in above
    assert "aria-current" not in room


def test_a_link_to_a_page_that_does_not_exist_is_left_out() -> None:
    assert render('{% navigation_link "no:such" "home" "Nowhere" %}').strip() == ""
