"""Who reaches which address, for every address that the URL configuration holds.

The addresses are found by introspection: a new page is covered from its first day, and one that is open to more
people than members has to be named here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import IntConverter, PathConverter, SlugConverter, StringConverter, UUIDConverter

from tests.factories import make_user
from webui.accounts.models import Role, User

pytestmark = pytest.mark.django_db

OPEN_TO_EVERYBODY = {
    "alive", "account_login", "account_signup", "account_inactive", "account_logout", "ui:manifest",
    "ui:service_worker", "ui:offline", "accounts:language",
    # The frame that draws diagrams has nothing of anybody's in it, and stands in chats shared with everybody too.
    "chats:drawer",
}  # fmt: skip
OPEN_TO_THE_WAITING = OPEN_TO_EVERYBODY | {"accounts:pending", "accounts:theme"}
# Outside the rooms of administration, and for administrators alone.
FOR_ADMINISTRATORS = {
    "knowledge:synced_folders", "knowledge:connect_folder", "knowledge:pause_folder", "knowledge:resume_folder",
    "knowledge:rescan_folder", "knowledge:disconnect_folder",
}  # fmt: skip
SAMPLES = {
    UUIDConverter: uuid.UUID(int=7),
    IntConverter: 7,
    SlugConverter: "seven",
    StringConverter: "seven",
    PathConverter: "seven",
}
METHODS = ("get", "post")
# Where programs ask: they are told, and sent to no page.
FOR_PROGRAMS = "gateway:"


@dataclass(frozen=True)
class Address:
    name: str
    path: str


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "/", namespace: str = "") -> Iterator[Address]:
    for pattern in patterns:
        values = {name: SAMPLES[type(converter)] for name, converter in pattern.pattern.converters.items()}
        route = str(pattern.pattern)
        for name, converter in pattern.pattern.converters.items():
            route = route.replace(f"<{_kind(converter)}:{name}>", str(values[name])).replace(f"<{name}>", "seven")
        assert "<" not in route, f"no sample for {route}"
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from addresses(pattern.url_patterns, prefix + route, inner)
        else:
            yield Address(name=f"{namespace}{pattern.name}", path=prefix + route)


def _kind(converter: object) -> str:
    return type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")


# To say whether it is ready, the site closes its connection to the database, which the tests of this module share.
READINESS = {"ready", "pages_ready"}
ADDRESSES = [address for address in addresses(get_resolver().url_patterns) if address.name not in READINESS]


def every_address(but: Collection[str] = ()) -> pytest.MarkDecorator:
    asked = [address for address in ADDRESSES if address.name not in but]
    return pytest.mark.parametrize("address", asked, ids=lambda address: address.name)


SignIn = Callable[[User], Client]


@pytest.fixture(scope="module")
def root(module_rows: None) -> User:
    return make_user(role=Role.ADMIN)


@pytest.fixture(scope="module")
def member(root: User) -> User:
    return make_user()


@pytest.fixture(scope="module")
def waiting(root: User) -> User:
    return make_user(role=Role.PENDING)


def ask(client: Client, method: str, address: Address) -> HttpResponse:
    client.raise_request_exception = False
    asked: Callable[..., HttpResponse] = getattr(client, method)
    return asked(address.path)


def assert_has_to_sign_in(client: Client, address: Address) -> None:
    for method in METHODS:
        response = ask(client, method, address)

        if address.name.startswith(FOR_PROGRAMS):
            assert response.status_code == 401, method
            continue
        assert response.status_code == 302, method
        assert response.headers["Location"].startswith(reverse("account_login"))


def test_there_are_addresses_of_every_room() -> None:
    rooms = {address.name.split(":")[0] for address in ADDRESSES if ":" in address.name}

    assert {"accounts", "administration", "chats", "documents"} <= rooms


@every_address(but=OPEN_TO_EVERYBODY)
def test_a_stranger_has_to_sign_in(client: Client, root: User, address: Address) -> None:
    assert_has_to_sign_in(client, address)


@every_address(but=OPEN_TO_THE_WAITING)
def test_somebody_who_waits_sees_the_waiting_page(sign_in: SignIn, waiting: User, address: Address) -> None:
    client = sign_in(waiting)
    for method in METHODS:
        response = ask(client, method, address)

        if address.name.startswith(FOR_PROGRAMS):
            assert response.status_code == 401, method
            continue
        assert (response.status_code, response.headers.get("Location")) == (302, reverse("accounts:pending")), method


@every_address()
def test_a_member_finds_no_administration(sign_in: SignIn, member: User, address: Address) -> None:
    client = sign_in(member)
    for method in METHODS:
        response = ask(client, method, address)

        if address.name.startswith("administration:") or address.name in FOR_ADMINISTRATORS:
            assert response.status_code == 404, method
        else:
            assert response.status_code < 500, method


@every_address(but=OPEN_TO_EVERYBODY)
def test_a_suspended_member_is_a_stranger(sign_in: SignIn, member: User, address: Address) -> None:
    client = sign_in(member)
    User.objects.filter(pk=member.pk).update(is_active=False)

    assert_has_to_sign_in(client, address)
