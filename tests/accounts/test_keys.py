from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from webui.accounts.keys import create_key, key_for
from webui.accounts.models import ApiKey, User

pytestmark = pytest.mark.django_db

TOKEN = re.compile(r"hearth-[\w-]{43}")


def make_key(owner: User, **fields: Any) -> tuple[ApiKey, str]:
    return create_key(owner, name="Notebook", scopes=[ApiKey.Scope.ANSWERS], **fields)


def test_a_key_opens_for_its_owner_and_is_not_kept(alice: User) -> None:
    key, token = make_key(alice)

    found = key_for(token)

    assert found == key
    assert found.owner == alice
    assert token.startswith(key.prefix)
    assert not any(token in str(value) for value in ApiKey.objects.values().get().values())


@pytest.mark.parametrize("change", [lambda token: token[:-1], lambda token: token + "a", lambda token: "", str.upper])
def test_no_other_token_opens(alice: User, change: Any) -> None:
    _key, token = make_key(alice)

    assert key_for(change(token)) is None


def test_a_key_ends_when_it_says(alice: User) -> None:
    soon, token = make_key(alice, expires_at=timezone.now() + timedelta(hours=1))
    assert key_for(token)

    ApiKey.objects.filter(pk=soon.pk).update(expires_at=timezone.now())

    assert key_for(token) is None


@pytest.mark.parametrize("fields", [{"is_active": False}, {"role": "pending"}])
def test_keys_of_who_may_not_use_the_site_open_nothing(alice: User, fields: dict[str, Any]) -> None:
    _key, token = make_key(alice)

    User.objects.filter(pk=alice.pk).update(**fields)

    assert key_for(token) is None


def test_the_last_use_is_written_once_a_minute(alice: User, django_assert_num_queries: Any) -> None:
    key, token = make_key(alice)
    with django_assert_num_queries(2):
        key_for(token)
    key.refresh_from_db()
    assert key.last_used_at
    with django_assert_num_queries(1):
        key_for(token)

    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    key_for(token)

    key.refresh_from_db()
    assert timezone.now() - key.last_used_at < timedelta(seconds=30)


# ---- the page -------------------------------------------------------------------------------------


def test_a_key_is_shown_once(alice_client: Client, alice: User) -> None:
    fields = {"name": "Notebook", "scopes": ["answers"], "days": "30"}

    page = alice_client.post(reverse("accounts:create_key"), fields).content.decode()

    found = TOKEN.search(page)
    assert found
    key = key_for(found.group())
    assert key
    assert (key.owner, key.name, key.scopes) == (alice, "Notebook", ["answers"])
    assert key.expires_at
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)
    later = alice_client.get(reverse("accounts:keys")).content.decode()
    assert not TOKEN.search(later)
    assert key.prefix in later
    assert "http://testserver/ollama" in later


def test_a_key_is_revoked_by_its_owner_and_by_nobody_else(
    alice: User, alice_client: Client, bob_client: Client, root_client: Client
) -> None:
    key, token = make_key(alice)
    for other in (bob_client, root_client):
        assert other.post(reverse("accounts:revoke_key", args=[key.uuid])).status_code == 404
        assert key.prefix not in other.get(reverse("accounts:keys")).content.decode()
    assert key_for(token)

    page = alice_client.post(reverse("accounts:revoke_key", args=[key.uuid]), follow=True).content.decode()

    assert "does not work any more" in page
    assert key_for(token) is None


def test_an_administrator_ends_all_keys_of_a_person(alice: User, root_client: Client, alice_client: Client) -> None:
    tokens = [make_key(alice)[1], make_key(alice)[1]]
    address = reverse("administration:revoke_keys", args=[alice.uuid])
    assert alice_client.post(address).status_code == 404

    page = root_client.post(address, follow=True).content.decode()

    assert "2 API keys" in page
    assert [key_for(token) for token in tokens] == [None, None]


def test_only_administrators_have_keys_that_manage_models(alice_client: Client, root_client: Client) -> None:
    fields = {"name": "Pulls", "scopes": ["management"]}

    assert alice_client.post(reverse("accounts:create_key"), fields).status_code == 422
    assert root_client.post(reverse("accounts:create_key"), fields).status_code == 200

    assert [key.scopes for key in ApiKey.objects.all()] == [["management"]]


# ---- the command ----------------------------------------------------------------------------------


def test_the_command_prints_a_key(alice: User) -> None:
    printed = io.StringIO()

    call_command("apikey", "Alice@example.org", name="Nightly", scope=["embeddings"], days=7, stdout=printed)

    key = key_for(printed.getvalue().strip())
    assert key
    assert (key.owner, key.name, key.scopes) == (alice, "Nightly", ["embeddings"])
    assert key.expires_at


@pytest.mark.parametrize(
    ("email", "options"),
    [
        ("nobody@example.org", {"name": "N"}),
        ("alice@example.org", {"name": " "}),
        ("alice@example.org", {"name": "N", "days": 0}),
    ],
)
def test_the_command_refuses_what_makes_no_sense(alice: User, email: str, options: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        call_command("apikey", email, **options)

    assert not ApiKey.objects.exists()
