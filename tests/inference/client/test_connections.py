"""Connections as rows and as environment variables, and their encrypted keys."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from inference import catalog, services
from inference.conf import cipher, environment_connections, unused_prefix
from inference.models import Connection
from inference.queries import enabled_connections

pytestmark = pytest.mark.django_db


def make_connection(name: str = "Box", key: str = "", **fields: str) -> Connection:
    return services.create_connection(
        **({"name": name, "kind": "ollama", "base_url": "http://box:11434"} | fields), key=key
    )


def test_a_key_is_stored_encrypted_and_read_back() -> None:
    connection = Connection.objects.get(pk=make_connection(key="sk-secret").pk)

    assert "sk-secret" not in connection.encrypted_key
    assert connection.spec().key == "sk-secret"


def test_a_key_never_stands_in_a_repr() -> None:
    assert "sk-secret" not in repr(make_connection(key="sk-secret").spec())


def test_another_secret_key_cannot_read_it(settings: Settings) -> None:
    connection = make_connection(key="sk-secret")
    settings.SECRET_KEY = "another secret key that is long enough"

    spec = connection.spec()

    assert spec.key is None
    assert not spec.is_key_readable


def test_a_rotated_secret_key_still_reads_it(settings: Settings) -> None:
    connection = make_connection(key="sk-secret")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret key that is long enough"

    assert connection.spec().key == "sk-secret"


def test_equal_keys_look_different() -> None:
    assert cipher().encrypt(b"sk-secret") != cipher().encrypt(b"sk-secret")


def test_prefixes_are_made_from_names_and_differ() -> None:
    prefixes = [make_connection(name).prefix for name in ("My Box", "my box", "Builtin", "箱", "盒")]

    assert prefixes == ["my-box", "my-box-2", "builtin-2", "connection", "connection-2"]


@pytest.mark.parametrize(("wanted", "prefix"), [("a", "a-3"), ("b", "b"), ("", "connection"), ("builtin", "builtin-2")])
def test_a_prefix_is_made_unused(wanted: str, prefix: str) -> None:
    assert unused_prefix(wanted, {"a", "a-2"}) == prefix


def test_connections_keep_the_order_in_which_they_came() -> None:
    names = [make_connection(name).name for name in ("C", "A", "B")]

    assert [spec.name for spec in enabled_connections()] == ["Built-in", *names]


def test_a_disabled_connection_is_not_used() -> None:
    services.enable_connection(make_connection(), False)

    assert [spec.name for spec in enabled_connections()] == ["Built-in"]


def test_the_database_refuses_an_unknown_kind() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_connection(kind="gopher")


@pytest.mark.parametrize(
    "change",
    [
        lambda connection: services.enable_connection(connection, False),
        services.delete_connection,
        lambda connection: services.update_connection(
            connection, name="Cellar", kind="ollama", base_url="http://cellar:11434", key=None
        ),
    ],
    ids=["disable", "delete", "update"],
)
def test_a_change_is_seen_once_it_is_committed(
    change: object, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    connection = make_connection()
    forgotten: list[bool] = []
    monkeypatch.setattr(catalog, "forget", lambda: forgotten.append(True))
    assert callable(change)

    with django_capture_on_commit_callbacks(execute=True):
        change(connection)
        assert forgotten == []

    assert forgotten == [True]


def test_the_environment_names_connections(settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = "http://127.0.0.1:11434"
    settings.OLLAMA_BASE_URLS = ["http://127.0.0.1:11434/", "http://gpu.lan:11434/"]
    settings.OPENAI_API_BASE_URLS = ["https://api.one/v1", "https://api.two/v1", "https://user@api.two/v1"]
    settings.OPENAI_API_KEYS = "sk-one;;sk-three;sk-four"

    specs = environment_connections()

    assert [(spec.kind, spec.url, spec.key, spec.prefix) for spec in specs] == [
        ("ollama", "http://gpu.lan:11434", None, "gpu-lan-11434"),
        ("openai", "https://api.one/v1", "sk-one", "api-one"),
        ("openai", "https://api.two/v1", None, "api-two"),
        ("openai", "https://user@api.two/v1", "sk-three", "api-two-2"),
    ]


def test_a_prefix_of_the_environment_is_taken(settings: Settings) -> None:
    settings.OLLAMA_BASE_URLS = ["http://box"]

    assert make_connection("Box").prefix == "box-2"
