"""What the site offers to be installed as an app."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from PIL import Image

from webui.ui.themes import PAGE_COLORS

pytestmark = pytest.mark.django_db


def test_the_manifest_names_icons_of_the_sizes_that_they_have(client: Client) -> None:
    answer = client.get("/manifest.webmanifest")

    assert answer.headers["Content-Type"] == "application/manifest+json"
    icons = [icon for icon in json.loads(answer.content)["icons"] if icon["type"] == "image/png"]
    for icon in icons:
        with Image.open(str(finders.find(icon["src"].removeprefix("/static/")))) as image:
            assert "{}x{}".format(*image.size) == icon["sizes"]
    assert {icon["sizes"] for icon in icons} == {"192x192", "512x512"}
    assert any(icon.get("purpose") == "maskable" for icon in icons)


def test_the_service_worker_is_asked_for_anew(client: Client) -> None:
    answer = client.get("/service-worker.js")

    assert answer.headers["Content-Type"] == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert b"hearth-offline" in answer.content


def test_the_page_without_a_connection_names_nobody(alice_client: Client) -> None:
    html = alice_client.get("/offline/").content.decode()

    assert "No connection" in html
    assert "alice" not in html.lower()
    assert "csrf" not in html


def test_the_frame_of_the_system_has_the_colours_of_the_page(alice_client: Client) -> None:
    html = alice_client.get("/accounts/profile/").content.decode()

    assert re.findall(r'name="theme-color" content="(#\w+)"', html) == list(PAGE_COLORS.values())
