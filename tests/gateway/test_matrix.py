"""Who is answered what at each address of the gateway, as data. An address without a row fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.utils import timezone
from pytest_django import Settings

from inference import catalog
from inference import client as inference_client
from inference.types import ModelInfo
from tests.doubles.upstream import Upstream
from tests.doubles.upstream_pieces import Behaviour
from tests.factories import make_user
from webui.accounts.keys import create_key
from webui.accounts.model_access import set_rule
from webui.accounts.models import ApiKey, Role, User
from webui.accounts.permissions import ALL, Permission, give_to_everybody
from webui.gateway.callers import WRONG_KEYS_PER_MINUTE
from webui.gateway.urls import urlpatterns

pytestmark = pytest.mark.django_db

CHAT = {"model": "tiny:latest", "messages": [{"role": "user", "content": "Hello?"}], "stream": False}
TEXT = {"model": "tiny:latest", "prompt": "Hello?", "stream": False}
# Method, address, body, and what each is answered: a stranger, a member whose key has the usual scopes, a member whose
# key has none, an administrator whose key may do everything.
ROWS: dict[str, tuple[str, str, dict[str, Any] | None, tuple[int, int, int, int]]] = {
    "openai_models": ("GET", "/v1/models", None, (401, 200, 200, 200)),
    "openai_model": ("GET", "/v1/models/tiny:latest", None, (401, 200, 200, 200)),
    "openai_chat": ("POST", "/v1/chat/completions", CHAT, (401, 200, 403, 200)),
    "openai_completions": ("POST", "/v1/completions", TEXT, (401, 200, 403, 200)),
    "openai_embeddings": ("POST", "/v1/embeddings", {"model": "embed:latest", "input": "x"}, (401, 200, 403, 200)),
    "openai_responses": ("POST", "/v1/responses", {"model": "tiny:latest", "input": "x"}, (401, 200, 403, 200)),
    "anthropic_messages": ("POST", "/v1/messages", CHAT | {"max_tokens": 9}, (401, 200, 403, 200)),
    "unknown_v1": ("POST", "/v1/files", {}, (401, 404, 404, 404)),
    "ollama_version": ("GET", "/ollama/api/version", None, (401, 200, 200, 200)),
    "ollama_tags": ("GET", "/ollama/api/tags", None, (401, 200, 200, 200)),
    "ollama_ps": ("GET", "/ollama/api/ps", None, (401, 200, 200, 200)),
    "ollama_show": ("POST", "/ollama/api/show", {"name": "tiny:latest"}, (401, 200, 200, 200)),
    "ollama_chat": ("POST", "/ollama/api/chat", CHAT, (401, 200, 403, 200)),
    "ollama_generate": ("POST", "/ollama/api/generate", TEXT, (401, 200, 403, 200)),
    "ollama_embed": ("POST", "/ollama/api/embed", {"model": "embed:latest", "input": "x"}, (401, 200, 403, 200)),
    "ollama_embeddings": (
        "POST", "/ollama/api/embeddings", {"model": "embed:latest", "prompt": "x"}, (401, 200, 403, 200)
    ),
    "ollama_pull": ("POST", "/ollama/api/pull", {"model": "new", "stream": False}, (401, 404, 404, 200)),
    "ollama_create": ("POST", "/ollama/api/create", {"model": "new", "from": "tiny"}, (401, 404, 404, 200)),
    "ollama_copy": ("POST", "/ollama/api/copy", {"source": "gone", "destination": "new"}, (401, 404, 404, 404)),
    "ollama_delete": ("DELETE", "/ollama/api/delete", {"model": "tiny:latest"}, (401, 404, 404, 200)),
    "ollama_push": ("POST", "/ollama/api/push", {"model": "tiny"}, (401, 404, 404, 501)),
    "unknown_ollama": ("GET", "/ollama/api/blobs/sha256:00", None, (401, 404, 404, 404)),
}  # fmt: skip
DIALECTS = {"/v1/messages": "anthropic", "/ollama": "ollama", "/v1": "openai"}


@pytest.fixture(autouse=True)
def model_server(upstream: Upstream, settings: Settings) -> Iterator[Upstream]:
    settings.HEARTH_INFERENCE_URL = upstream.url
    catalog.forget()
    cache.clear()
    yield upstream
    assert not any(request.headers.get("Cookie") for request in upstream.requests)


def token_of(owner: User, *scopes: ApiKey.Scope, **fields: Any) -> str:
    return create_key(owner, name="Key", scopes=scopes, **fields)[1]


USUAL = (ApiKey.Scope.ANSWERS, ApiKey.Scope.EMBEDDINGS)


def ask(name: str, headers: dict[str, str], browser: Client | None = None) -> HttpResponse:
    method, url, body, _expected = ROWS[name]
    return send(method, url, b"" if body is None else orjson.dumps(body), headers, browser)


def send(method: str, url: str, data: bytes, headers: dict[str, str], browser: Client | None = None) -> HttpResponse:
    """Return an answer once it is whole: it is sent and read in one event loop, as in the web process."""
    asking = AsyncClient(enforce_csrf_checks=True)
    asking.cookies = browser.cookies if browser else asking.cookies

    async def whole() -> HttpResponse:
        answer: Any = await asking.generic(method, url, data, content_type="application/json", headers=headers)
        content = b"".join([piece async for piece in answer]) if answer.streaming else answer.content
        await inference_client.aclose()
        return HttpResponse(content, status=answer.status_code, headers=dict(answer.items()))

    return async_to_sync(whole)()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def message_in(answer: HttpResponse, name: str) -> str:
    """Return the sentence of a refusal, after a look at its shape."""
    dialect = next(spoken for start, spoken in DIALECTS.items() if ROWS[name][1].startswith(start))
    error = orjson.loads(answer.content)["error"]
    if dialect == "ollama":
        return str(error)
    if dialect == "anthropic":
        assert orjson.loads(answer.content)["type"] == "error"
    assert error["type"]
    assert dialect == "anthropic" or {"message", "type", "code", "param"} <= error.keys()
    return str(error["message"])


def test_each_address_has_a_row() -> None:
    assert [pattern.name for pattern in urlpatterns] == list(ROWS)


def test_each_is_answered_what_the_table_says(alice: User, root: User) -> None:
    everything = token_of(root, *ApiKey.Scope)
    given = ({}, bearer(token_of(alice, *USUAL)), bearer(token_of(alice)), bearer(everything))

    for name, row in ROWS.items():
        answers = [ask(name, headers) for headers in given]

        assert tuple(answer.status_code for answer in answers) == row[3], name
        assert all(message_in(answer, name) for answer in answers if answer.status_code >= 400), name


def test_keys_that_do_not_work_open_nothing(alice: User, bob: User, root: User) -> None:
    expired = token_of(alice, *USUAL, expires_at=timezone.now())
    revoked_key, revoked = create_key(alice, name="Revoked", scopes=USUAL)
    revoked_key.delete()
    of_suspended = token_of(make_user(is_active=False), *ApiKey.Scope)
    of_waiting = token_of(make_user(role=Role.PENDING), *ApiKey.Scope)
    of_demoted = token_of(bob, ApiKey.Scope.MANAGEMENT)

    for name in ROWS:
        cache.clear()
        for token in (expired, revoked, of_suspended, of_waiting):
            assert ask(name, bearer(token)).status_code == 401, name
    assert ask("ollama_pull", bearer(of_demoted)).status_code == 404
    # Whoever may have no keys any more has none that works.
    token = token_of(alice, *USUAL)
    assert ask("openai_models", bearer(token)).status_code == 200
    give_to_everybody(ALL - {Permission.API_KEYS}, by=root)
    assert ask("openai_models", bearer(token)).status_code == 401


@pytest.mark.parametrize("header", ["authorization: bearer", "AUTHORIZATION: BEARER", "x-api-key:", "X-Api-Key:"])
def test_a_key_and_its_scopes_hold_however_it_is_sent(alice: User, header: str) -> None:
    name, _colon, scheme = header.partition(":")

    def sent(token: str) -> dict[str, str]:
        return {name: f"{scheme} {token}".strip()}

    assert ask("openai_chat", sent(token_of(alice, *USUAL))).status_code == 200
    assert ask("openai_chat", sent(token_of(alice))).status_code == 403
    assert ask("openai_chat", sent("hearth-wrong")).status_code == 401


def test_a_wrong_key_is_refused_beside_a_session(alice_client: Client) -> None:
    assert ask("openai_models", {}, alice_client).status_code == 200
    assert ask("openai_models", bearer("hearth-wrong"), alice_client).status_code == 401
    assert ask("openai_models", {"Authorization": "Basic abc"}, alice_client).status_code == 401


def test_a_key_opens_no_page(alice: User) -> None:
    token = token_of(alice, *USUAL)

    for address in ("/", "/accounts/keys/", "/knowledge/"):
        assert Client().get(address, headers=bearer(token)).status_code == 302


def test_wrong_keys_are_counted_and_right_ones_are_not_slowed(alice: User) -> None:
    token = token_of(alice, *USUAL)

    statuses = [ask("openai_models", bearer("hearth-wrong")).status_code for _ in range(WRONG_KEYS_PER_MINUTE + 1)]

    assert statuses == [401] * WRONG_KEYS_PER_MINUTE + [429]
    assert ask("openai_models", bearer(token)).status_code == 200


def test_a_session_asks_from_pages_of_this_site_only(alice: User, model_server: Upstream) -> None:
    browser = Client()
    browser.force_login(alice)
    assert ask("openai_models", {}, browser).status_code == 200
    assert ask("ollama_chat", {}, browser).status_code == 403
    assert "/api/chat" not in model_server.paths()

    browser.get("/accounts/keys/")
    token = browser.cookies["hearth_csrf"].value

    assert ask("ollama_chat", {"X-CSRFToken": token}, browser).status_code == 200
    foreign = {"X-CSRFToken": token, "Origin": "https://elsewhere.example"}
    assert ask("ollama_chat", foreign, browser).status_code == 403


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b'{"model": "tiny:latest", "model": "secret:latest"}', 400),
        (b'{"model": "tiny:latest", "temperature": NaN}', 400),
        (b"[" * 100_000, 400),
        (b"\xff", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"model": 7}', 400),
        (b'{"model": "nothing:like-that", "messages": []}', 404),
    ],
)
def test_what_cannot_be_checked_goes_no_further(alice: User, model_server: Upstream, data: bytes, status: int) -> None:
    token = token_of(alice, *USUAL)

    answer = send("POST", "/v1/chat/completions", data, bearer(token))

    assert answer.status_code == status
    assert {"message", "type", "code", "param"} <= orjson.loads(answer.content)["error"].keys()
    assert not {"/v1/chat/completions", "/api/chat"} & set(model_server.paths())


def test_other_methods_are_refused(alice: User) -> None:
    headers = bearer(token_of(alice, *USUAL))

    assert send("GET", "/v1/chat/completions", b"", headers).status_code == 405
    assert send("POST", "/v1/models", b"", headers).status_code == 405
    assert send("PUT", "/ollama/api/chat", b"", headers).status_code == 405


def test_a_dead_upstream_is_told_without_its_address(alice: User, settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = "http://127.0.0.1:9"
    catalog.forget()

    answer = ask("openai_chat", bearer(token_of(alice, *USUAL)))

    assert answer.status_code == 502
    assert "127.0.0.1" not in answer.content.decode()


def test_what_upstreams_refuse_is_told_without_our_key(alice: User, model_server: Upstream, settings: Settings) -> None:
    settings.HEARTH_API_KEY = "qz-our-own-key"
    headers = bearer(token_of(alice, *USUAL))
    for status, told in ((400, 400), (404, 404), (429, 429), (503, 503), (401, 502), (418, 502)):
        model_server.by_model["tiny:latest"] = Behaviour(fault="status", status=status)
        model_server.refusal_text = f"no: qz-our-own-key at {model_server.url}"

        answer = ask("openai_chat", headers)

        assert answer.status_code == told
        assert "qz-our-own-key" not in answer.content.decode()
        assert model_server.url not in answer.content.decode()


def test_a_model_that_somebody_may_not_use_is_not_there(alice: User, root: User) -> None:
    shown = {"tiny:latest", "large:latest", "embed:latest"}
    key = next(model.key for model in async_to_sync(client_models)() if model.id == "tiny:latest")
    set_rule(key, is_open=False, people=[], groups=[], by=root)
    headers, of_root = bearer(token_of(alice, *USUAL)), bearer(token_of(root, *USUAL))

    for name in (name for name, (_method, url, body, _) in ROWS.items() if "tiny:latest" in f"{url} {body}"):
        if ROWS[name][3][1] == 200:
            assert ask(name, headers).status_code == 404, name
            assert ask(name, of_root).status_code == 200, name
    for spelling in ("tiny", "builtin/tiny", "builtin/tiny:latest"):
        data = orjson.dumps(CHAT | {"model": spelling})
        assert send("POST", "/v1/chat/completions", data, headers).status_code == 404
    listed = orjson.loads(ask("openai_models", headers).content)["data"]
    assert {model["id"] for model in listed} == shown - {"tiny:latest"}
    tagged = orjson.loads(ask("ollama_tags", headers).content)["models"]
    assert {model["name"] for model in tagged} == shown - {"tiny:latest"}
    assert not any(
        model["name"] == "tiny:latest" for model in orjson.loads(ask("ollama_ps", headers).content)["models"]
    )


async def client_models() -> tuple[ModelInfo, ...]:
    models = (await inference_client.list_models()).models
    await inference_client.aclose()
    return models
