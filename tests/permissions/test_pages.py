"""Of what somebody may not read, no page says anything: no name, no text, no id, and not even that it exists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pytest
from django.db import connection, transaction
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import reverse

from rag.services import knowledge as service
from tests.doubles.upstream import Upstream
from tests.factories import make_user
from tests.permissions.routes import NOBODYS, Route, filled, routes, tables_looked_into, with_ids
from tests.permissions.world import NOBODYS as NOBODYS_KINDS
from tests.permissions.world import OWNERS, PLAIN, PRIVATE, SHARED, World, kinds, make_world, snapshot
from webui.accounts.models import Role, User
from webui.chats.models import Chat, Tag
from webui.chats.services.keeping import Deed
from webui.presets import services as presets

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own")]

# The first two end the session of whoever asks or change their password; the others, for machines, know nobody.
NOT_ASKED = {"account_logout", "account_change_password", "alive", "ready", "pages_ready"}
ROUTES = [route for route in routes() if route.name not in NOT_ASKED]
METHODS = ("get", "post")
every_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
IDLESS = [route for route in ROUTES if not route.ids]
WITH_IDS = [route for route in ROUTES if route.ids]
LIST_QUERIES = ("", "?q=q", f"?q={PRIVATE}", "?before=", "?q=lighthouse")
READING = ("SELECT ", "SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ")
_UUIDS = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TOKENS = re.compile("[A-Za-z0-9]{64}")


@pytest.fixture(autouse=True, scope="module")
def _files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    data = tmp_path_factory.mktemp("world")
    with override_settings(HEARTH_DATA=data, MEDIA_ROOT=data / "uploads"):
        yield


@pytest.fixture(autouse=True, scope="module")
def _models() -> Iterator[None]:
    """Let presets have a model that can be asked: without it nobody but their owner sees them."""
    with Upstream() as models, override_settings(HEARTH_INFERENCE_URL=models.url):
        yield


@pytest.fixture(scope="module")
def alice(module_rows: None) -> User:
    return make_user(email="alice@example.org", name="Alice")


@pytest.fixture(scope="module")
def bob(module_rows: None) -> User:
    return make_user(email="bob@example.org", name="Bob")


@pytest.fixture(scope="module")
def charlie(module_rows: None) -> User:
    return make_user(email="charlie@example.org", name="Charlie")


@pytest.fixture(scope="module")
def lists_of_an_empty_site(alice: User, bob: User, charlie: User) -> dict[str, str]:
    """What Charlie's lists say before anybody has anything, by their addresses."""
    client = Client()
    with transaction.atomic():
        client.force_login(charlie)
        said_by = {url: said(send(client, "get", url)) for route in IDLESS for url in lists(route)}
        transaction.set_rollback(True)
    return said_by


@pytest.fixture(scope="module")
def world(lists_of_an_empty_site: dict[str, str], alice: User, bob: User) -> World:
    """What Alice has, a part of which Bob may read."""
    return make_world(alice, reader=bob)


@pytest.fixture(scope="module")
def own(world: World) -> World:
    """The same of somebody else, without the words that can be recognised."""
    return make_world(make_user(email="dora@example.org", name="Dora"), words=PLAIN)


@pytest.fixture(scope="module")
def watched(own: World, world: World) -> Watched:
    return Watched(world.owner, snapshot(world.owner))


def lists(route: Route) -> list[str]:
    return [route.url([]) + query for query in LIST_QUERIES]


def send(client: Client, method: str, url: str, body: str = "", watched: Watched | None = None) -> HttpResponse:
    """Ask, and undo whatever that has changed; fail if a row of the `watched` person is among it."""
    written: list[str] = []
    with transaction.atomic():
        sent = body if method == "post" else ""
        with connection.execute_wrapper(partial(note_writing, written)):
            response: HttpResponse = client.generic(method.upper(), url, sent, "application/x-www-form-urlencoded")
        if watched and written:
            assert_untouched(watched, url)
        transaction.set_rollback(True)
    return response


def note_writing(
    written: list[str],
    execute: Callable[..., object],
    sql: str,
    params: object,
    many: bool,
    context: dict[str, object],
) -> object:
    """Keep what may have changed a row, which is all that does not plainly read."""
    if not sql.startswith(READING):
        written.append(sql)
    return execute(sql, params, many, context)


@dataclass(frozen=True)
class Watched:
    person: User
    before: list[dict[str, object]]


def assert_untouched(watched: Watched, what: str) -> None:
    assert snapshot(watched.person) == watched.before, f"{what} has changed what belongs to {watched.person}"


def methods_of(client: Client, route: Route) -> list[str]:
    """Return what an address takes; that this is the same for every id is a part of the first test."""
    ids = [NOBODYS] * len(route.ids)
    return [method for method in METHODS if send(client, method, route.url(ids)).status_code != 405]


def leading_ids(client: Client, route: Route, bodies: Sequence[str], world: World) -> set[str]:
    """Return the ids of a world of the kinds that an address looks for its first id among; all, where none is seen."""
    with tables_looked_into() as tables:
        for method in METHODS:
            for body in bodies:
                send(client, method, route.url([NOBODYS] * len(route.ids)), body)
    return set(world.ids_of(tables) or world.ids())


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


@pytest.mark.parametrize("route", WITH_IDS, ids=lambda route: route.name)
def test_a_foreign_id_is_answered_as_one_that_nothing_has(
    world: World, watched: Watched, charlie: User, sign_in: Callable[[User], Client], route: Route
) -> None:
    client = sign_in(charlie)
    body = filled(NOBODYS)
    leading = leading_ids(client, route, [""], world)
    nobodys = [NOBODYS] * len(route.ids)
    for method in METHODS:
        expected = said(send(client, method, route.url(nobodys), body), nobodys)
        # All of a kind that the address looks for, and one of each other kind.
        pool = sorted({*leading, *world.inner_ids()}) if len(route.ids) == 1 else world.outer_ids()
        for ids in with_ids(route, pool, world.inner_ids(), leading):
            told = said(send(client, method, route.url(ids), body, watched), [*ids, NOBODYS])
            assert told == expected, f"{method} {route.name} answers a foreign id in another way"


@every_route
def test_foreign_ids_beside_own_ones_and_in_bodies_lead_nowhere(
    world: World, own: World, watched: Watched, sign_in: Callable[[User], Client], route: Route
) -> None:
    client = sign_in(own.owner)
    foreign = [str(row.uuid) for row in (world.private_document, world.private, world.private_preset, world.message)]
    pool = own.inner_ids() if len(route.ids) == 1 else own.outer_ids()[1:]
    place = str(world.folder.uuid)
    secrets = [PRIVATE, SHARED, *world.ids()]
    values = {"get": [NOBODYS], "post": foreign if len(route.ids) < 2 else foreign[:1]}
    bodies = {value: filled(value, folder=place) for value in (NOBODYS, *foreign)}
    leading = leading_ids(client, route, [bodies[value] for value in foreign], own) if route.ids else set()

    for method in methods_of(client, route):
        for number, ids in enumerate(with_ids(route, pool, [*own.inner_ids(), *world.inner_ids()], leading)):
            leads = not ids or ids[0] in leading
            # What leads nowhere is sent with one of the values, in turn.
            for value in values[method] if leads else [values[method][number % len(values[method])]]:
                told = said(send(client, method, route.url(ids), bodies[value], watched), [*ids, value, place])
                assert_silent(told, secrets, f"{method} {route.name}")


def test_what_belongs_to_another_chat_of_ones_own_is_not_found_in_this_one(
    own: World, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(own.owner)
    other = make_world(own.owner, words=("others", "elsewhere"))
    inner = [str(row.uuid) for row in parts_of(other.chat)]
    here, message = str(own.chat.uuid), str(own.message.uuid)
    routes_of_chats = [route for route in WITH_IDS if route.name.startswith("chats:")]
    assert sum(len(route.ids) > 1 for route in routes_of_chats) > 15

    def answer(route: Route, method: str, wanted: str, *, is_in_address: bool) -> str:
        """Name something beside the chat: in the address, or in the body or query."""
        ids = [here, *[wanted if is_in_address else message] * (len(route.ids) - 1)]
        body = filled(NOBODYS if is_in_address else wanted)
        told = said(send(client, method, route.url(ids), body), [*ids, wanted, NOBODYS])
        # What is new has an id of its own each time.
        return _UUIDS.sub("id", told)

    for route in routes_of_chats:
        for method in methods_of(client, route):
            for is_in_address in (False, True)[: len(route.ids)]:
                expected = answer(route, method, NOBODYS, is_in_address=is_in_address)
                for wanted in inner:
                    told = answer(route, method, wanted, is_in_address=is_in_address)
                    assert told == expected, f"{method} {route.name} knows what is in another chat"


def parts_of(chat: Chat) -> list[Model]:
    """Return one of each kind of what belongs to a chat alone and that addresses name."""
    answer = chat.messages.filter(role="assistant").get()
    return [answer, answer.generation, chat.removals.get()]


def test_what_is_done_to_several_things_at_once_is_done_to_none_when_one_is_anothers(
    world: World, own: World, watched: Watched, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(own.owner)
    mine, others = str(own.chat.uuid), str(world.chat.uuid)
    folder, tag = str(own.folder.uuid), str(Tag.objects.get(owner=own.owner).uuid)
    foreign = {"folder": str(world.folder.uuid), "tag": str(Tag.objects.get(owner=world.owner).uuid)}
    before = snapshot(own.owner)
    bodies = [
        {"deed": deed, "chats": chats, "folder": folder, "tag": tag}
        for deed in Deed
        for chats in ([others], [mine, others], [others, mine])
    ]
    bodies += [{"deed": Deed.MOVE, "chats": [mine], "folder": foreign["folder"]}]
    bodies += [{"deed": deed, "chats": [mine], "tag": foreign["tag"]} for deed in (Deed.TAG, Deed.UNTAG)]

    for body in bodies:
        with transaction.atomic():
            response = client.post(reverse("chats:do"), body)
            assert response.status_code == 404, body
            # What has failed in the middle is undone as a whole.
            assert connection.needs_rollback or snapshot(own.owner) == before, body
            transaction.set_rollback(True)
    for name in ("chats:tagging", "chats:move_chosen"):
        assert client.get(reverse(name), {"chats": [mine, others]}).status_code == 404
    with transaction.atomic():
        client.post(reverse("chats:purge"), {"chats": [mine, others]})
        assert_untouched(watched, "purging")
        transaction.set_rollback(True)
    assert_untouched(watched, "a deed")


@pytest.mark.parametrize("route", IDLESS, ids=lambda route: route.name)
def test_a_page_is_the_same_whatever_others_have(
    lists_of_an_empty_site: dict[str, str], charlie: User, sign_in: Callable[[User], Client], route: Route
) -> None:
    client = sign_in(charlie)

    for url in lists(route):
        assert said(send(client, "get", url)) == lists_of_an_empty_site[url]


@every_route
def test_a_reader_of_a_part_learns_nothing_of_the_rest_and_changes_nothing(
    world: World, watched: Watched, bob: User, sign_in: Callable[[User], Client], route: Route
) -> None:
    client = sign_in(bob)
    shared = [str(row.uuid) for row in (world.shared, world.shared_document, world.shared_preset)]
    values = [*shared, str(world.private_document.uuid)]
    query = f"?q=lighthouse&folder={SHARED} folder"
    bodies = {value: filled(value) for value in (NOBODYS, *values)}
    secrets = [PRIVATE, *world.private_ids()]
    leading = leading_ids(client, route, [bodies[value] for value in values], world) if len(route.ids) > 1 else None

    for method in methods_of(client, route):
        tries = [("", value) for value in values] if method == "post" else [("", NOBODYS), (query, NOBODYS)]
        for ids in with_ids(route, shared, world.inner_ids(), leading):
            for asked, value in tries if len(route.ids) < 2 else tries[1:2]:
                told = said(send(client, method, route.url(ids) + asked, bodies[value], watched), [*ids, value])
                assert_silent(told, secrets, f"{method} {route.name}")


def test_the_reader_does_see_what_is_shared(world: World, bob: User, sign_in: Callable[[User], Client]) -> None:
    """Else the tests above would prove nothing."""
    client = sign_in(bob)
    ids = [str(row.uuid) for row in (world.shared, world.shared_document, world.shared_preset)]
    seen = {
        route.name
        for route in ROUTES
        if len(route.ids) < 2
        for chosen in with_ids(route, ids)
        if SHARED in said(send(client, "get", route.url(chosen)))
    }

    assert {"knowledge:list", "knowledge:knowledge", "documents:document", "documents:file", "documents:search"} <= seen
    assert {"presets:list", "presets:preset", "chats:new"} <= seen


@every_route
def test_who_is_not_let_in_is_told_nothing(
    world: World, client: Client, sign_in: Callable[[User], Client], route: Route
) -> None:
    waiting = make_user(role=Role.PENDING)
    service.grant(world.shared, user=waiting)
    service.grant(world.shared)
    presets.grant(world.shared_preset, user=waiting)
    presets.grant(world.shared_preset)
    pool = [str(row.uuid) for row in (world.shared, world.shared_document, world.shared_preset)]

    for browser in (client, sign_in(waiting)):
        for ids in with_ids(route, pool, pool):
            told = said(send(browser, "get", route.url(ids)), ids)
            assert_silent(told, [PRIVATE, SHARED, *world.ids()], route.name)
