from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from django.test import Client
from pytest_django import Settings

from inference import catalog
from inference import client as inference_client
from tests.chats.pages import Page
from tests.doubles.upstream import Upstream
from webui.accounts.models import User
from webui.chats.answering.registry import registry


@pytest.fixture
def model_server(upstream: Upstream, settings: Settings) -> Upstream:
    """Put the upstream double in the place of the built-in model server."""
    settings.HEARTH_INFERENCE_URL = upstream.url
    catalog.forget()
    return upstream


@pytest_asyncio.fixture
async def site(transactional_db: None, model_server: Upstream) -> AsyncIterator[Upstream]:
    """The chat side of a web process on the test's event loop, over a steerable model server.

    Rows are committed for real: the socket's work is done in another thread.
    """
    yield model_server
    await registry().aclose()
    await inference_client.aclose()


@pytest.fixture
def page_of(sign_in: Callable[[User], Client]) -> Callable[[User], Page]:
    """Return a function that makes a page of a person; call it outside the event loop or in a thread."""
    return lambda user: Page(sign_in(user))


@pytest.fixture
def alice_page(alice_client: Client) -> Page:
    return Page(alice_client)


@pytest.fixture
def charlie_page(charlie_client: Client) -> Page:
    return Page(charlie_client)
