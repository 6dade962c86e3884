from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.db.utils import OperationalError
from django.test import AsyncClient, Client
from django.urls import reverse
from pytest_django import Settings

from inference import client as inference_client
from tests.doubles.upstream import Upstream

CLOSED_PORT_URL = "http://127.0.0.1:1"
PARTS = ["database", "inference", "vector_store"]


@pytest.fixture
def built_in(settings: Settings, upstream: Upstream) -> Upstream:
    """An answering model server in the built-in one's place."""
    settings.HEARTH_INFERENCE_URL = upstream.url
    return upstream


@contextmanager
def broken_database() -> Iterator[None]:
    def fail(*args: object) -> None:
        raise OperationalError("disk I/O error at /secret/place")

    with connection.execute_wrapper(fail):
        yield


def test_alive_asks_nobody(client: Client, settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = CLOSED_PORT_URL

    # No database mark: a query would fail the test.
    response = client.get("/health")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
async def test_ready_names_every_part(async_client: AsyncClient, built_in: Upstream) -> None:
    response = await async_client.get("/ready")
    await inference_client.aclose()

    body = response.json()
    assert response.status_code == 200
    assert body["status"] == "ready"
    assert {name: body[name] for name in PARTS} == {name: {"state": "ok", "detail": ""} for name in PARTS}


@pytest.mark.django_db(transaction=True)
async def test_a_missing_model_server_makes_it_unready_and_is_named(
    async_client: AsyncClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.HEARTH_INFERENCE_URL = CLOSED_PORT_URL

    response = await async_client.get("/ready")
    await inference_client.aclose()

    assert response.status_code == 503
    assert response.json()["inference"] == {"state": "failed", "detail": f"does not answer at {CLOSED_PORT_URL}"}
    assert response.json()["database"]["state"] == "ok"
    assert caplog.records == []


@pytest.mark.django_db(transaction=True)
async def test_where_redis_is_used_a_silent_one_makes_it_unready(
    async_client: AsyncClient, built_in: Upstream, settings: Settings
) -> None:
    settings.REDIS_URL = "redis://:hush@127.0.0.1:1/0"

    response = await async_client.get("/ready")
    await inference_client.aclose()

    assert response.status_code == 503
    assert response.json()["redis"] == {"state": "failed", "detail": "does not answer"}


@pytest.mark.django_db(transaction=True)
async def test_pages_are_ready_without_a_model_server(async_client: AsyncClient, settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = CLOSED_PORT_URL

    response = await async_client.get("/ready/pages")

    assert response.status_code == 200
    assert response.json() == {"status": "ready", "database": {"state": "ok", "detail": ""}}


@pytest.mark.django_db(transaction=True)
async def test_pages_are_not_ready_without_a_redis_that_is_used(async_client: AsyncClient, settings: Settings) -> None:
    settings.REDIS_URL = "redis://:hush@127.0.0.1:1/0"

    response = await async_client.get("/ready/pages")

    assert response.status_code == 503
    assert {name: response.json()[name]["state"] for name in ("database", "redis")} == {
        "database": "ok",
        "redis": "failed",
    }


@pytest.mark.django_db(transaction=True)
def test_pages_are_not_ready_without_the_database(client: Client) -> None:
    with broken_database():
        response = client.get("/ready/pages")

    assert response.status_code == 503
    assert response.json()["database"]["state"] == "failed"


@pytest.mark.django_db(transaction=True)
def test_a_broken_database_makes_it_unready_and_tells_nothing_secret(client: Client, built_in: Upstream) -> None:
    with broken_database():
        response = client.get("/ready")

    assert response.status_code == 503
    assert response.json()["database"]["state"] == "failed"
    assert response.json()["inference"]["state"] == "ok"
    assert "secret" not in response.content.decode()


def test_probes_are_never_cached_and_open_to_everybody(client: Client) -> None:
    assert "no-store" in client.get("/health").headers["Cache-Control"]
    assert client.post("/health").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_the_health_page_shows_the_same_facts(root_client: Client, built_in: Upstream) -> None:
    page = root_client.get(reverse("administration:health"))

    assert [part.name for part in page.context["parts"]] == PARTS
    assert all(part.is_ok for part in page.context["parts"])
    assert page.context["disk"].free_bytes > 0
    assert {"Python", "Django", "Hearth"} <= page.context["versions"].keys()
    assert all(process.rss_bytes > 0 for process in page.context["processes"])
