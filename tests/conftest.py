"""Fixtures of the whole suite: the cast, their browsers, and a network that ends at this machine."""

from __future__ import annotations

import gc
import ipaddress
import math
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models.signals import post_migrate
from django.test import Client
from django.utils import translation
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from inference import catalog
from inference.connections import ollama
from rag import store
from tests.database import put_database
from tests.doubles.upstream_fixtures import upstream as upstream
from tests.factories import make_user
from tests.rag.fixtures import data_folder as data_folder
from tests.rag.fixtures import embedder as embedder
from tests.rag.fixtures import ingested as ingested
from tests.rag.fixtures import shared_database as shared_database
from webui.accounts import model_access, permissions
from webui.accounts.models import Role, User
from webui.presets.levels import forget_defaults
from webui.speech.queries import forget_endpoints

# The first example of a fresh clone reads the constants of all our modules, for seconds: no strategy is slow for that.
# Nor does an example fail for the time that other processes take from it.
settings.register_profile("hearth", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hearth")

# Thousands of tests stay until the end: the garbage collector need not look through them again and again.
gc.disable()

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


# Packages of files that hold few tests and take long.
_LONG = {"e2e", "scale", "management", "permissions"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let what takes longest begin first: a long file that begins last keeps one process busy and the other idle."""
    folder = config.rootpath / "tests"
    n_tests = Counter(item.path for item in items)
    is_long = {path: path.is_relative_to(folder) and path.relative_to(folder).parts[0] in _LONG for path in n_tests}
    places = {path: place for place, path in enumerate(n_tests)}
    items.sort(key=lambda item: (not is_long[item.path], -n_tests[item.path], places[item.path]))


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def _refuse_other_machines(family: int, address: Any) -> None:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = address[0]
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise PermissionError(f"a test tried to reach {host}: tests stay on this machine")


@pytest.fixture(autouse=True, scope="session")
def _only_loopback() -> Iterator[None]:
    """Refuse every connection that leaves this machine."""

    def connect(self: socket.socket, address: Any) -> None:
        _refuse_other_machines(self.family, address)
        _connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_other_machines(self.family, address)
        return _connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket.socket, "connect_ex", connect_ex)
        yield


@pytest.fixture(autouse=True, scope="session")
def _close_what_is_left_open() -> Iterator[None]:
    """A worker that ends with an open file says so, wherever it was opened.

    The vectors stay open from test to test, and a helper of llama-cpp-python opens the null device when it is imported.
    """
    yield
    store.close_store()
    if left := sys.modules.get("llama_cpp._utils"):
        left.outnull_file.close()
        left.errnull_file.close()


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_test_environment: None) -> Iterator[None]:
    """Begin with a database after all migrations, and let it stay empty when it is emptied.

    Django writes a row for every kind of thing and every permission on it after each test with real transactions.
    Nothing here asks for them, and they are most of what such a test costs.
    """
    if connection.vendor == "sqlite":
        name = connection.settings_dict["TEST"]["NAME"]
        put_database(Path(name))
        connection.settings_dict["NAME"] = name
    else:
        # That of pytest-django, which migrates.
        request.getfixturevalue("django_db_setup")
    assert post_migrate.disconnect(create_contenttypes)
    assert post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    yield
    connection.close()


@pytest.fixture(scope="module")
def module_rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let the rows that fixtures of a module make stay for all its tests; what a test adds goes with the test.

    For modules whose tests all have the plain `django_db` mark.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _forget_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep nothing that connections answered in another test: a port may be given out twice."""
    monkeypatch.setattr(ollama, "_shown", {})
    yield
    catalog.forget()
    forget_defaults()
    forget_endpoints()


@pytest.fixture(autouse=True)
def _everybody_may_do_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with what a new site knows of permissions: queries are counted, and it would ask at half seconds."""
    monkeypatch.setattr(permissions, "_known", permissions._Known(until=math.inf))
    monkeypatch.setattr(model_access, "_known", model_access._Known(until=math.inf))


@pytest.fixture(autouse=True)
def _forget_the_language() -> Iterator[None]:
    """Let no test speak the language of the last page that another one asked for: Django's client leaves it chosen."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _forget_the_cache() -> Iterator[None]:
    """Count nobody's sign-ins together with those of other tests: so many a minute are refused."""
    yield
    cache.clear()


@pytest.fixture
def alice(db: None) -> User:
    """Owns things."""
    return make_user(email="alice@example.org", name="Alice")


@pytest.fixture
def bob(db: None) -> User:
    """Shares things with Alice."""
    return make_user(email="bob@example.org", name="Bob")


@pytest.fixture
def charlie(db: None) -> User:
    """Must see nothing of what others own."""
    return make_user(email="charlie@example.org", name="Charlie")


@pytest.fixture
def root(db: None) -> User:
    return make_user(email="root@example.org", name="Root", role=Role.ADMIN)


@pytest.fixture
def sign_in() -> Callable[[User], Client]:
    """Return a function that gives a signed-in browser of a person, without the log-in page."""

    def browser_of(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return browser_of


@pytest.fixture
def alice_client(alice: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(alice)


@pytest.fixture
def bob_client(bob: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(bob)


@pytest.fixture
def charlie_client(charlie: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(charlie)


@pytest.fixture
def root_client(root: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(root)
