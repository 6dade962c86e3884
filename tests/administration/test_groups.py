from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import make_group, make_user
from webui.accounts import groups
from webui.accounts.models import Group, Role, User

pytestmark = pytest.mark.django_db


def post(client: Client, action: str, *args: object, **form: str) -> str:
    return client.post(reverse(f"administration:{action}", args=args), form, follow=True).content.decode()


def test_a_group_is_created_filled_renamed_and_deleted(root_client: Client, alice: User) -> None:
    post(root_client, "create_group", name="Harbour", description="All of the harbour")
    group = Group.objects.get()
    page = post(root_client, "add_member", group.uuid, person="ALICE@example.org")

    assert "alice@example.org" in page
    assert list(group.members.all()) == [alice]

    assert "Port" in post(root_client, "group", group.uuid, name="Port", description="")
    assert "1 member<" in root_client.get(reverse("administration:groups")).content.decode()

    post(root_client, "remove_member", group.uuid, alice.uuid)

    assert not group.members.exists()

    post(root_client, "delete_group", group.uuid)

    assert not Group.objects.exists()
    assert User.objects.filter(pk=alice.pk).exists()


def test_two_groups_never_have_one_name(root_client: Client) -> None:
    first, second = make_group(name="Harbour"), make_group(name="Port")

    assert "There is a group of that name." in post(root_client, "create_group", name="Harbour")
    assert "There is a group of that name." in post(root_client, "group", second.uuid, name="Harbour")
    assert {group.name for group in Group.objects.all()} == {first.name, "Port"}


def test_only_who_may_sign_in_is_found(root_client: Client, alice: User) -> None:
    group = make_group()
    make_user(email="waiting@example.org", role=Role.PENDING)
    make_user(email="locked@example.org", is_active=False)
    for words in ("waiting@example.org", "locked@example.org", "nobody", ""):
        assert "Alice" not in post(root_client, "add_member", group.uuid, person=words)

    assert not group.members.exists()


def test_a_name_finds_a_person_as_long_as_only_one_has_it(alice: User) -> None:
    assert groups.find_person("alice") == alice

    make_user(email="other@example.org", name="Alice")

    assert groups.find_person("Alice") is None
    assert groups.find_person("other@example.org") is not None


def test_members_find_no_groups(alice_client: Client) -> None:
    group = make_group()

    assert alice_client.get(reverse("administration:group", args=[group.uuid])).status_code == 404
    assert alice_client.post(reverse("administration:delete_group", args=[group.uuid])).status_code == 404
