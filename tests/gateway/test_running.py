"""An answer on its way to a program ends when who asked may not ask any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from channels.db import database_sync_to_async
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import AsyncClient
from pytest_django import Settings

from inference import catalog
from tests.doubles.upstream import Behaviour, Upstream
from webui.accounts.keys import create_key, revoke_keys
from webui.accounts.model_access import set_rule
from webui.accounts.models import ApiKey, Role, User
from webui.accounts.permissions import ALL, Permission, give_to_everybody
from webui.gateway.running import Running, _running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]

CHAT = {"model": "tiny:latest", "messages": [{"role": "user", "content": "How?"}], "stream": True}


@pytest.fixture(autouse=True)
def model_server(upstream: Upstream, settings: Settings) -> Iterator[Upstream]:
    settings.HEARTH_INFERENCE_URL = upstream.url
    catalog.forget()
    yield upstream


async def ask(owner: User) -> HttpResponseBase:
    _key, token = await database_sync_to_async(create_key)(owner, name="Key", scopes=[ApiKey.Scope.ANSWERS])
    response: HttpResponseBase = await AsyncClient().post(
        "/v1/chat/completions", CHAT, "application/json", headers={"Authorization": f"Bearer {token}"}
    )
    return response


def take_away(what: str, alice: User, root: User) -> None:
    if what == "key":
        revoke_keys(alice)
    elif what == "account":
        User.objects.filter(pk=alice.pk).update(role=Role.PENDING)
    elif what == "model":
        set_rule("builtin/tiny", is_open=False, people=[], groups=[], by=root)
    else:
        give_to_everybody(ALL - {Permission.API_KEYS}, by=root)


@pytest.mark.parametrize("what", ["key", "account", "model", "permission"])
async def test_a_stream_ends_within_a_second(upstream: Upstream, alice: User, root: User, what: str) -> None:
    upstream.behaviour = Behaviour(tokens=500, rate=20)
    response = await ask(alice)
    assert isinstance(response, StreamingHttpResponse)
    pieces = aiter(response.streaming_content)  # type: ignore[arg-type]
    await anext(pieces)

    started = time.monotonic()
    await database_sync_to_async(take_away)(what, alice, root)
    rest = [piece async for piece in pieces]

    assert time.monotonic() - started < 1
    assert b'"code":"no_longer_allowed"' in rest[-1]
    await upstream.wait_until_async(lambda double: double.n_aborted == 1)


async def test_who_waits_for_a_busy_model_is_refused_too(upstream: Upstream, alice: User, root: User) -> None:
    upstream.behaviour = Behaviour(tokens=5, delay=20_000)
    asked = asyncio.create_task(ask(alice))
    await upstream.wait_until_async(lambda double: double.n_active == 1)

    started = time.monotonic()
    await database_sync_to_async(revoke_keys)(alice)
    response = await asked
    told = b"".join([piece async for piece in response]) if response.streaming else response.content  # type: ignore[attr-defined]

    assert time.monotonic() - started < 1
    assert b"no_longer_allowed" in told
    await upstream.wait_until_async(lambda double: double.n_aborted == 1)


async def test_what_is_held_after_its_end_is_ended_once() -> None:
    """A Timeout that has struck cannot be set again."""
    n_ended: list[int] = []
    running = Running(user_id=1, key_id=None, model_key="", break_off=lambda: n_ended.append(1))

    running.revoke()
    running.revoke()

    assert n_ended == [1]


async def test_others_go_on_and_nothing_is_watched_when_all_have_ended(
    upstream: Upstream, alice: User, bob: User, root: User
) -> None:
    upstream.behaviour = Behaviour(tokens=20, rate=20)
    response = await ask(bob)

    await database_sync_to_async(take_away)("account", alice, root)
    told = b"".join([piece async for piece in response])  # type: ignore[attr-defined]
    del response

    assert told.endswith(b"data: [DONE]\n\n")
    assert not _running[asyncio.get_running_loop()]
