from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from inference import services
from inference.models import Connection
from tests.doubles.upstream import Behaviour, Upstream
from webui.accounts.models import User
from webui.administration import problems

LIST = "/administration/connections/"
ADD = "/administration/connections/add/"


@pytest.fixture(autouse=True)
def _built_in(upstream: Upstream, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HEARTH_INFERENCE_URL = upstream.url
    monkeypatch.setattr(problems, "is_in_container", lambda: False)


@pytest.fixture
def gone_url() -> str:
    """The address of a server that has ended."""
    with Upstream() as gone:
        return gone.url


@pytest.fixture
def box(upstream: Upstream, db: None) -> Connection:
    return services.create_connection(name="Box", kind="openai", base_url=upstream.openai_url, key="sk-secret")


def typed(upstream_url: str, **changes: str) -> dict[str, str]:
    return {"kind": "ollama", "name": "Garage", "base_url": upstream_url, "key": "", "action": "save"} | changes


def test_only_administrators_see_connections(
    alice_client: Client, client: Client, box: Connection, root_client: Client
) -> None:
    for path in (LIST, ADD, f"{LIST}{box.uuid}/", f"{LIST}state/{box.prefix}/"):
        assert alice_client.get(path).status_code == 404
        assert client.get(path).status_code == 302
        assert root_client.get(path).status_code == 200


def test_only_administrators_change_connections(alice_client: Client, box: Connection) -> None:
    for action in ("", "enable/", "disable/", "delete/"):
        assert alice_client.post(f"{LIST}{box.uuid}/{action}").status_code == 404

    box.refresh_from_db()
    assert box.is_enabled


def test_the_page_names_every_connection_without_asking_any(
    root_client: Client, box: Connection, upstream: Upstream, settings: Settings
) -> None:
    settings.OLLAMA_BASE_URLS = ["http://ollama:11434"]

    page = root_client.get(LIST).content.decode()

    assert "Built-in" in page
    assert "ollama:11434" in page
    assert "Fixed by OLLAMA_BASE_URLS" in page
    assert box.base_url in page
    assert upstream.requests == []


def test_no_page_shows_a_key(root_client: Client, box: Connection) -> None:
    pages = [LIST, f"{LIST}{box.uuid}/"]

    assert not any("sk-secret" in root_client.get(page).content.decode() for page in pages)
    assert "sk-secret" not in box.encrypted_key


def test_the_state_of_a_connection_counts_its_models(root_client: Client, box: Connection) -> None:
    assert "3 models" in root_client.get(f"{LIST}state/{box.prefix}/").content.decode()


def test_the_state_of_a_dead_connection_says_why(root_client: Client, box: Connection, gone_url: str) -> None:
    services.update_connection(box, name="Box", kind="ollama", base_url=gone_url, key=None)

    assert "Nothing listens at" in root_client.get(f"{LIST}state/{box.prefix}/").content.decode()


def test_adding_a_connection_tests_and_keeps_it(root_client: Client, upstream: Upstream) -> None:
    upstream.api_key = "sk-right"

    response = root_client.post(ADD, typed(f" {upstream.openai_url}/ ", kind="openai", key="sk-right"))

    assert response.status_code == 302
    connection = Connection.objects.get()
    assert (connection.name, connection.base_url, connection.prefix) == ("Garage", upstream.openai_url, "garage")
    assert connection.spec().key == "sk-right"


def test_testing_keeps_nothing(root_client: Client, upstream: Upstream) -> None:
    response = root_client.post(ADD, typed(upstream.url, action="test"))

    assert "It works: 3 models." in response.content.decode()
    assert not Connection.objects.exists()


def test_an_address_that_does_not_work_is_kept_only_when_wanted(root_client: Client, gone_url: str) -> None:
    response = root_client.post(ADD, typed(gone_url))
    assert response.status_code == 422
    assert "Nothing listens at" in response.content.decode()
    assert "Save anyway" in response.content.decode()
    assert not Connection.objects.exists()

    root_client.post(ADD, typed(gone_url, action="save_anyway"))
    assert Connection.objects.get().base_url == gone_url


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (Behaviour(fault="html"), "Something answers there, but not Ollama&#x27;s API."),
        (Behaviour(fault="redirect", redirect_to="https://elsewhere.invalid/"), "redirects to https://elsewhere"),
        (Behaviour(fault="status", status=401), "The key is not accepted."),
        (Behaviour(fault="status", status=500), "told to fail"),
    ],
)
def test_each_problem_has_its_own_words(
    behaviour: Behaviour, words: str, root_client: Client, upstream: Upstream
) -> None:
    upstream.behaviour = behaviour

    assert words in root_client.post(ADD, typed(upstream.url, action="test")).content.decode()


def test_an_unknown_machine_is_named(root_client: Client) -> None:
    page = root_client.post(ADD, typed("http://nowhere.invalid:1", action="test")).content.decode()

    assert "No machine is called “nowhere.invalid:1”." in page


def test_openai_addresses_without_their_path_are_corrected(root_client: Client, upstream: Upstream) -> None:
    page = root_client.post(ADD, typed(upstream.url, kind="openai")).content.decode()
    assert f'value="{upstream.openai_url}"' in page

    root_client.post(ADD, typed(upstream.url, kind="openai", suggested_url=upstream.openai_url))
    assert Connection.objects.get().base_url == upstream.openai_url


def test_localhost_inside_a_container_is_corrected(
    root_client: Client, gone_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problems, "is_in_container", lambda: True)

    page = root_client.post(ADD, typed(gone_url)).content.decode()

    assert gone_url.replace("127.0.0.1", "host.docker.internal") in page
    assert "--add-host=host.docker.internal:host-gateway" in page


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://box/",
        "http://",
        "http://[::1",
        "http://box:99999",
        "http://me:secret@box/",
        "http://a b/",
        "http://box/?key=x",
    ],
)
def test_what_is_no_address_is_refused(url: str, root_client: Client, upstream: Upstream) -> None:
    assert root_client.post(ADD, typed(url)).status_code == 422
    assert not Connection.objects.exists()
    assert upstream.requests == []


def test_two_connections_cannot_share_a_name(root_client: Client, upstream: Upstream, box: Connection) -> None:
    response = root_client.post(ADD, typed(upstream.url, name="Box"))

    assert response.status_code == 422
    assert "Another connection has this name." in response.content.decode()


def test_editing_keeps_the_key_and_the_prefix(root_client: Client, upstream: Upstream, box: Connection) -> None:
    upstream.api_key = "sk-secret"

    root_client.post(f"{LIST}{box.uuid}/", typed(upstream.openai_url, kind="openai", name="Cellar"))

    box.refresh_from_db()
    assert (box.name, box.prefix, box.spec().key) == ("Cellar", "box", "sk-secret")


def test_a_stored_key_never_goes_to_another_host(root_client: Client, box: Connection) -> None:
    with Upstream() as thief:
        root_client.post(f"{LIST}{box.uuid}/", typed(thief.openai_url, kind="openai", name="Box", action="test"))
        root_client.post(f"{LIST}{box.uuid}/", typed(thief.openai_url, kind="openai", name="Box"))

        assert thief.requests
        assert not any("authorization" in request.headers for request in thief.requests)
    box.refresh_from_db()
    assert not box.has_key


def test_a_key_can_be_removed(root_client: Client, upstream: Upstream, box: Connection) -> None:
    root_client.post(f"{LIST}{box.uuid}/", typed(upstream.openai_url, kind="openai", name="Box", removes_key="on"))

    box.refresh_from_db()
    assert not box.has_key


def test_a_disabled_connection_offers_nothing(
    root_client: Client, box: Connection, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        root_client.post(f"{LIST}{box.uuid}/disable/")
    assert ">Box<" not in root_client.get("/administration/models/list/").content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        root_client.post(f"{LIST}{box.uuid}/enable/")
    assert ">Box<" in root_client.get("/administration/models/list/").content.decode()


def test_a_deleted_connection_is_gone(root_client: Client, box: Connection) -> None:
    root_client.post(f"{LIST}{box.uuid}/delete/")

    assert not Connection.objects.exists()
    assert root_client.get(f"{LIST}{box.uuid}/").status_code == 404


def test_the_navigation_leads_to_it(root_client: Client) -> None:
    assert reverse("administration:connections") == LIST
    assert f'href="{LIST}"' in root_client.get(LIST).content.decode()


def test_a_person_who_was_administrator_sees_it_no_more(
    root: User, sign_in: Callable[[User], Client], box: Connection
) -> None:
    browser = sign_in(root)
    User.objects.filter(pk=root.pk).update(role="user")

    assert browser.post(f"{LIST}{box.uuid}/delete/").status_code == 404
    assert Connection.objects.exists()
