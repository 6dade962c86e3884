"""What is not given to somebody is refused on every address that does it, and offered to them on none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve, reverse
from pytest_django import Settings

from tests.factories import make_answer, make_chat, make_group, make_user
from tests.permissions.needed import ELSEWHERE, NEEDED
from tests.permissions.routes import NOBODYS, Route, routes
from webui.accounts.models import Group, Role, User, WithheldPermission
from webui.accounts.permissions import (
    ALL,
    Permission,
    forget_permissions,
    give_to_everybody,
    give_to_group,
    permissions_of,
)
from webui.imagery.models import ImageConnection
from webui.imagery.queries import usable_connections
from webui.speech.contexts import voice_view
from webui.speech.models import Endpoint

pytestmark = pytest.mark.django_db
UNNAMED = "00000000-0000-0000-0000-000000000000"
"""Stands in addresses that a script puts an id into."""
# To say whether it is ready, the site closes its connection to the database, which the tests share; and who has logged
# out is a stranger.
LEFT_OUT = {"ready", "pages_ready", "account_logout"}
TEMPLATES = Path(__file__).parents[2] / "templates"


def address(route: Route) -> str:
    return route.url([NOBODYS] * len(route.ids))


def statuses(client: Client, url: str) -> set[int]:
    return {client.get(url).status_code, client.post(url).status_code}


def give(*permissions: Permission, by: User) -> None:
    give_to_everybody(permissions, by=by)


def member_of(group: Group) -> User:
    person = make_user()
    group.members.add(person)
    return person


# ---- who has what ---------------------------------------------------------------------------------


def test_everybody_has_everything_until_an_administrator_says_otherwise(alice: User, root: User) -> None:
    assert permissions_of(alice) == permissions_of(root) == ALL


def test_groups_add_to_what_everybody_has_and_take_nothing_away(alice: User, root: User) -> None:
    first, second = make_group(), make_group()
    give_to_group(first, {Permission.UPLOAD})
    give_to_group(second, {Permission.SHARE_CHATS})
    give(Permission.EXPORT_CHATS, by=root)
    in_both = member_of(first)
    second.members.add(in_both)

    assert permissions_of(alice) == {Permission.EXPORT_CHATS}
    assert permissions_of(member_of(first)) == {Permission.EXPORT_CHATS, Permission.UPLOAD}
    assert permissions_of(in_both) == {Permission.EXPORT_CHATS, Permission.UPLOAD, Permission.SHARE_CHATS}
    assert permissions_of(root) == ALL


@pytest.mark.parametrize(
    "fields", [{"role": Role.PENDING}, {"is_active": False}, {"is_active": False, "role": "admin"}]
)
def test_who_may_not_chat_may_do_nothing(fields: dict[str, object]) -> None:
    assert permissions_of(make_user(**fields)) == frozenset()  # type: ignore[arg-type]  # of both kinds


def test_what_another_process_has_changed_holds_half_a_second_later(
    alice: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    now = 100.0
    monkeypatch.setattr("webui.accounts.permissions.time.monotonic", lambda: now)
    forget_permissions()
    assert permissions_of(alice) == ALL
    WithheldPermission.objects.create(name=Permission.UPLOAD)

    now += 0.4
    with django_assert_num_queries(0):
        assert permissions_of(alice) == ALL
    now += 0.2

    assert permissions_of(alice) == ALL - {Permission.UPLOAD}


# ---- addresses ------------------------------------------------------------------------------------


def test_the_table_names_what_each_address_asks_for() -> None:
    asked = {
        route.name: needed for route in routes() if (needed := getattr(resolve(address(route)).func, "needed", None))
    }

    assert asked == NEEDED
    assert set().union(*NEEDED.values()) | ELSEWHERE == ALL


def test_without_a_permission_its_addresses_are_closed(alice_client: Client, root: User) -> None:
    give(by=root)

    for route in (route for route in routes() if route.name not in LEFT_OUT):
        for call in (alice_client.get, alice_client.post):
            answer = call(address(route), headers={"Accept": "application/json"})
            is_closed = route.name in NEEDED and answer.status_code != 405
            assert (answer.status_code == 403) == is_closed, route.name
            if is_closed:
                assert answer.json()["code"] == "not_permitted"
                assert any(str(permission.label) in answer.json()["error"] for permission in NEEDED[route.name])


def test_a_permission_opens_its_own_addresses_and_no_others(root: User, sign_in: Callable[[User], Client]) -> None:
    give(by=root)
    for permission in sorted(ALL - ELSEWHERE):
        group = make_group()
        give_to_group(group, {permission})
        member = sign_in(member_of(group))

        asked = {route.name: address(route) for route in routes() if route.name in NEEDED}
        opened = {name for name, url in asked.items() if 403 not in statuses(member, url)}

        assert opened == {name for name, needed in NEEDED.items() if needed <= {permission}}


def test_what_is_refused_says_who_can_change_it(alice_client: Client, root: User) -> None:
    give(by=root)

    answer = alice_client.post(reverse("chats:temporary"))

    assert answer.status_code == 403
    assert "Have temporary chats" in answer.content.decode()
    assert "An administrator can give it to you." in answer.content.decode()


# ---- elsewhere ------------------------------------------------------------------------------------


def test_pictures_are_made_for_those_who_may(alice: User, root: User) -> None:
    ImageConnection.objects.create(name="Pictures", kind="openai", base_url="http://127.0.0.1:9", is_enabled=True)
    assert usable_connections(alice).count() == 1

    give(*(ALL - {Permission.CREATE_PICTURES}), by=root)

    assert usable_connections(alice).count() == 0
    assert usable_connections(root).count() == 1


def test_servers_for_voice_are_offered_to_those_who_may(alice: User, root: User) -> None:
    for task in Endpoint.Task:
        Endpoint.objects.create(task=task, base_url="http://127.0.0.1:9", is_enabled=True)
    assert voice_view(alice).has_speaker
    assert voice_view(alice).has_listener

    give(*(ALL - {Permission.VOICE}), by=root)

    assert not voice_view(alice).has_speaker
    assert not voice_view(alice).has_listener


@pytest.fixture
def public_link(alice: User, alice_client: Client, settings: Settings) -> str:
    settings.HEARTH_PINNED_SETTINGS = {"public_links": "on"}
    chat = make_chat(owner=alice)
    make_answer(chat)
    alice_client.post(reverse("chats:create_link", args=[chat.uuid]))
    alice_client.post(reverse("chats:change_link", args=[chat.uuid]), {"shows": "live", "is_public": "on"})
    return reverse("chats:shared", args=[chat.share_link.uuid])


def test_a_link_for_everybody_opens_while_its_owner_may_have_it(
    public_link: str, alice: User, root: User, client: Client
) -> None:
    assert client.get(public_link).status_code == 200

    give(*(ALL - {Permission.SHARE_PUBLICLY}), by=root)
    assert client.get(public_link).status_code == 302

    group = make_group()
    give_to_group(group, {Permission.SHARE_PUBLICLY})
    group.members.add(alice)
    assert client.get(public_link).status_code == 200


def test_nobody_makes_a_link_for_everybody_without_the_permission(
    alice: User, alice_client: Client, root: User, settings: Settings
) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"public_links": "on"}
    chat = make_chat(owner=alice)
    alice_client.post(reverse("chats:create_link", args=[chat.uuid]))
    give(*(ALL - {Permission.SHARE_PUBLICLY}), by=root)

    answer = alice_client.post(reverse("chats:change_link", args=[chat.uuid]), {"shows": "live", "is_public": "on"})

    assert answer.status_code == 403
    chat.share_link.refresh_from_db()
    assert not chat.share_link.is_public
    assert 'name="is_public"' not in alice_client.get(reverse("chats:share", args=[chat.uuid])).content.decode()


# ---- pages ----------------------------------------------------------------------------------------


def test_templates_ask_for_permissions_that_there_are() -> None:
    asked = {name for page in TEMPLATES.rglob("*.html") for name in re.findall(r"\bmay\.(\w+)", page.read_text())}

    assert asked
    assert asked <= {permission.value for permission in ALL}


@pytest.mark.parametrize(
    "page", ["chats:new", "chats:transfer", "documents:list", "knowledge:list", "presets:list", "prompts:list"]
)
def test_pages_offer_nothing_that_would_be_refused(page: str, alice_client: Client, root: User) -> None:
    # The scripts of the composer know where files go, and show what they are answered.
    for_scripts = {"chats:upload", "chats:upload_image"}
    closed = [route.url([UNNAMED] * len(route.ids)) for route in routes() if route.name in NEEDED.keys() - for_scripts]
    offered = alice_client.get(reverse(page)).content.decode()
    assert any(f'"{url}"' in offered for url in closed)

    give(by=root)

    left = alice_client.get(reverse(page)).content.decode()
    assert [url for url in closed if f'"{url}"' in left] == []
    assert "data-choose-files" not in left


# ---- administration -------------------------------------------------------------------------------


def test_an_administrator_gives_and_takes_and_it_holds_at_once(root_client: Client, alice: User) -> None:
    group = make_group(name="Writers")
    member = member_of(group)

    root_client.post(reverse("administration:permissions"), {"permissions": ["export_chats", "upload"]})
    root_client.post(reverse("administration:group_permissions", args=[group.uuid]), {"permissions": ["share_chats"]})

    assert permissions_of(alice) == {Permission.EXPORT_CHATS, Permission.UPLOAD}
    assert permissions_of(member) == {Permission.EXPORT_CHATS, Permission.UPLOAD, Permission.SHARE_CHATS}
    page = root_client.get(reverse("administration:permissions")).content.decode()
    assert "changed by Root" in page
    assert "Writers" in page

    root_client.post(reverse("administration:permissions"), {})
    assert permissions_of(alice) == frozenset()

    root_client.post(reverse("administration:permissions"), {"permissions": sorted(ALL)})
    assert permissions_of(alice) == ALL


@pytest.mark.parametrize("name", ["fly", "", "UPLOAD"])
def test_a_permission_that_is_none_changes_nothing(root_client: Client, alice: User, name: str) -> None:
    group = make_group()

    answer = root_client.post(reverse("administration:permissions"), {"permissions": [name]})
    root_client.post(reverse("administration:group_permissions", args=[group.uuid]), {"permissions": [name]})

    assert answer.status_code == 422
    assert permissions_of(alice) == ALL
    group.refresh_from_db()
    assert group.permissions == []
