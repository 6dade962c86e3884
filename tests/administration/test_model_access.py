"""The page on which an administrator says who may use a model."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from tests.doubles.upstream import Upstream
from tests.factories import make_group
from webui.accounts.model_access import Access
from webui.accounts.models import ModelRule, User

pytestmark = pytest.mark.django_db
PAGE = "/administration/models/access/"
MODEL = "tiny:latest"
KEY = "builtin/tiny"


@pytest.fixture(autouse=True)
def _built_in(upstream: Upstream, settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = upstream.url


def post(client: Client, action: str, **form: str) -> str:
    return client.post(f"{PAGE}{action}/", {"model": MODEL, **form}, follow=True).content.decode()


def test_only_administrators_say_who_may_use_a_model(alice_client: Client, alice: User) -> None:
    assert alice_client.get(PAGE, {"model": MODEL}).status_code == 404
    for action in ("change", "give", "take"):
        form = {"model": MODEL, "openness": "closed", "to": alice.email, "member": str(alice.uuid)}
        assert alice_client.post(f"{PAGE}{action}/", form).status_code == 404

    assert not ModelRule.objects.exists()


def test_a_model_is_closed_given_taken_and_opened(root_client: Client, alice: User, bob: User) -> None:
    assert "Everybody who may chat" in root_client.get(PAGE, {"model": MODEL}).content.decode()

    assert "Only administrators can use it" in post(root_client, "change", openness="closed")
    assert not Access(alice).allows(KEY)

    group = make_group(bob, name="Pilots")
    assert alice.email in post(root_client, "give", to=alice.email)
    assert "Pilots" in post(root_client, "give", to="Pilots")
    assert Access(alice).allows(KEY)
    assert Access(bob).allows(KEY)
    assert "Not for everybody" in root_client.get("/administration/models/list/").content.decode()

    assert "Revoke Pilots" not in post(root_client, "take", member=str(group.uuid))
    assert not Access(bob).allows(KEY)

    post(root_client, "give", to="Everybody")
    assert Access(bob).allows(KEY)

    post(root_client, "change", openness="default")
    assert not ModelRule.objects.exists()


def test_what_is_wrong_is_told_or_not_found(root_client: Client) -> None:
    wrong = root_client.post(f"{PAGE}give/", {"model": MODEL, "to": "nobody@example.org"})

    assert wrong.status_code == 422
    assert root_client.get(PAGE, {"model": "none"}).status_code == 404
    assert root_client.post(f"{PAGE}change/", {"model": "none", "openness": "closed"}).status_code == 404
    assert root_client.post(f"{PAGE}change/", {"model": MODEL, "openness": "odd"}).status_code == 404
    assert not ModelRule.objects.exists()
