"""Of what somebody may not read, no page says anything: no name, no text, no id, and not even that it exists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from rag.services import knowledge as service
from tests.factories import make_user
from tests.permissions.routes import NOBODYS, Route, field_names, routes, with_ids
from tests.permissions.world import NOBODYS as NOBODYS_KINDS
from tests.permissions.world import OWNERS, PRIVATE, SHARED, World, kinds, make_world, snapshot
from webui.accounts.models import Role, User

pytestmark = pytest.mark.django_db

# The first two end the session of whoever asks or change their password; the others, for machines, know nobody.
NOT_ASKED = {"account_logout", "account_change_password", "alive", "ready"}
ROUTES = [route for route in routes() if route.name not in NOT_ASKED]
METHODS = ("get", "post")
every_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
IDLESS = [route for route in ROUTES if not route.ids]
LIST_QUERIES = ("", "?q=q", f"?q={PRIVATE}", "?before=", "?q=lighthouse")
_TOKENS = re.compile("[A-Za-z0-9]{64}")


@pytest.fixture
def world(alice: User, bob: User, data_folder: Path) -> World:
    return make_world(alice, reader=bob)


def send(
    client: Client, method: str, url: str, body: dict[str, object], watched: Watched | None = None
) -> HttpResponse:
    """Ask, and undo whatever that has changed; fail if a row of the `watched` person is among it."""
    with transaction.atomic():
        response: HttpResponse = getattr(client, method)(url, body if method == "post" else {})
        if watched and method == "post" and response.status_code not in (404, 405):
            assert snapshot(watched.person) == watched.before, f"{url} has changed what belongs to {watched.person}"
        transaction.set_rollback(True)
    return response


@dataclass(frozen=True)
class Watched:
    person: User
    before: list[dict[str, object]]


def assert_untouched(watched: Watched, what: str) -> None:
    assert snapshot(watched.person) == watched.before, f"{what} has changed what belongs to {watched.person}"


def watch(person: User) -> Watched:
    return Watched(person, snapshot(person))


def said(response: HttpResponse, sent: Iterable[str] = ()) -> str:
    """Return all that an answer tells, without the tokens that differ each time and the ids that were sent."""
    content = b"".join(response) if response.streaming else response.content
    told = f"{response.status_code} {response.headers.get('Location', '')} {content.decode(errors='replace')}"
    told = _TOKENS.sub("token", told)
    for value in sent:
        told = told.replace(value, "id")
    return told


def assert_silent(told: str, secrets: Iterable[str], what: str) -> None:
    for secret in secrets:
        assert secret not in told, f"{what} tells {secret}"


def test_every_kind_of_row_is_known_to_the_world() -> None:
    unknown = {model.__name__ for model in kinds()} - {model.__name__ for model in OWNERS} - NOBODYS_KINDS

    assert unknown == set(), "say in world.py whose these rows are"


def test_the_world_holds_every_kind_of_row(world: World) -> None:
    assert {type(row) for row in world.rows} == set(OWNERS)


@every_route
def test_a_foreign_id_is_answered_as_one_that_nothing_has(
    world: World, charlie: User, sign_in: Callable[[User], Client], route: Route
) -> None:
    client, watched = sign_in(charlie), watch(world.owner)
    body: dict[str, object] = dict.fromkeys(field_names(), NOBODYS)
    nobodys = [NOBODYS] * len(route.ids)
    for method in METHODS if route.ids else ():
        expected = said(send(client, method, route.url(nobodys), body), nobodys)
        pool = world.ids() if len(route.ids) == 1 else world.outer_ids()
        for ids in with_ids(route, pool, world.inner_ids()):
            told = said(send(client, method, route.url(ids), body, watched), [*ids, NOBODYS])
            assert told == expected, f"{method} {route.name} answers a foreign id in another way"
    assert_untouched(watched, route.name)


@every_route
def test_foreign_ids_beside_own_ones_and_in_bodies_lead_nowhere(
    world: World, charlie: User, sign_in: Callable[[User], Client], route: Route
) -> None:
    client, watched = sign_in(charlie), watch(world.owner)
    own = make_world(charlie, mark=False)
    foreign = [str(row.uuid) for row in (world.private_document, world.private, world.message)]
    pool = own.inner_ids() if len(route.ids) == 1 else own.outer_ids()[1:]

    for ids in with_ids(route, pool, [*own.inner_ids(), *world.inner_ids()]):
        for value in foreign if len(route.ids) < 2 else foreign[:1]:
            body: dict[str, object] = dict.fromkeys(field_names(), value)
            for method in METHODS:
                told = said(send(client, method, route.url(ids), body, watched), [*ids, value])
                assert_silent(told, [PRIVATE, SHARED, *world.ids()], f"{method} {route.name}")
    assert_untouched(watched, route.name)


@pytest.mark.parametrize("route", IDLESS, ids=lambda route: route.name)
def test_a_page_is_the_same_whatever_others_have(
    alice: User, bob: User, charlie: User, data_folder: Path, sign_in: Callable[[User], Client], route: Route
) -> None:
    client = sign_in(charlie)
    urls = [route.url([]) + query for query in LIST_QUERIES]
    before = [said(send(client, "get", url, {})) for url in urls]

    make_world(alice, reader=bob)

    assert [said(send(client, "get", url, {})) for url in urls] == before


@every_route
def test_a_reader_of_a_part_learns_nothing_of_the_rest_and_changes_nothing(
    world: World, bob: User, sign_in: Callable[[User], Client], route: Route
) -> None:
    client, watched = sign_in(bob), watch(world.owner)
    shared = [str(world.shared.uuid), str(world.shared_document.uuid)]
    values = [*shared, str(world.private_document.uuid)]

    for ids in with_ids(route, shared, world.inner_ids()):
        for value in values if len(route.ids) < 2 else values[1:2]:
            body: dict[str, object] = dict.fromkeys(field_names(), value)
            for method in METHODS:
                query = f"?q=lighthouse&folder={SHARED} folder" if method == "get" and value == values[1] else ""
                told = said(send(client, method, route.url(ids) + query, body, watched), [*ids, value])
                assert_silent(told, [PRIVATE, *world.private_ids()], f"{method} {route.name}")
    assert_untouched(watched, route.name)


def test_the_reader_does_see_what_is_shared(world: World, bob: User, sign_in: Callable[[User], Client]) -> None:
    """Else the tests above would prove nothing."""
    client = sign_in(bob)
    ids = [str(world.shared.uuid), str(world.shared_document.uuid)]
    seen = {
        route.name
        for route in ROUTES
        if len(route.ids) < 2
        for chosen in with_ids(route, ids)
        if SHARED in said(send(client, "get", route.url(chosen), {}))
    }

    assert {"knowledge:list", "knowledge:knowledge", "documents:document", "documents:file", "documents:search"} <= seen


@every_route
def test_who_is_not_let_in_is_told_nothing(
    world: World, client: Client, sign_in: Callable[[User], Client], route: Route
) -> None:
    waiting = make_user(role=Role.PENDING)
    service.grant(world.shared, user=waiting)
    service.grant(world.shared)
    pool = [str(world.shared.uuid), str(world.shared_document.uuid)]

    for browser in (client, sign_in(waiting)):
        for ids in with_ids(route, pool, pool):
            told = said(send(browser, "get", route.url(ids), {}), ids)
            assert_silent(told, [PRIVATE, SHARED, *world.ids()], route.name)
