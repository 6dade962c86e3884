"""A hostile document, repeated by a model, in a real browser: nothing leaves by itself, and links say where they go."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.chats import hostile_texts as hostile
from tests.doubles.upstream import Behaviour, FakeModel, Upstream
from tests.e2e.chatting import answer_is_finished, answers, ask, overflow
from tests.e2e.conftest import DESKTOP, PASSWORD, PHONE, OpenBrowser, signed_in_state
from tests.e2e.site import running_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

TEXT = "\n\n".join(f"The harbour has note {n}. {attack} Until here." for n, attack in enumerate(hostile.ALL))
EMBEDDER_START_MS = 90_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address_and_state(
    browser: Browser, embedder_files: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[str, Path]]:
    """A site with its own embedder and a model that repeats the document, and the administrator's cookies."""
    data = tmp_path_factory.mktemp("hostile") / "data"
    shutil.copytree(embedder_files, data / "models" / "embedded")
    with (
        Upstream(models=[FakeModel(name="parrot:latest")], behaviour=Behaviour(answer=f"{TEXT} [1] [2]")) as parrot,
        running_site(
            data, model_url=parrot.url, HEARTH_ADMIN_EMAIL="root@example.org", HEARTH_ADMIN_PASSWORD=PASSWORD
        ) as site,
    ):
        yield site.url, await signed_in_state(browser, site, tmp_path_factory.mktemp("root"))


@pytest_asyncio.fixture(loop_scope="session")
async def page(address_and_state: tuple[str, Path], open_browser: OpenBrowser, request: pytest.FixtureRequest) -> Page:
    address, state = address_and_state
    context = await open_browser(address, request.param, storage_state=state)
    opened = await context.new_page()
    await opened.goto("/")
    return opened


@pytest.mark.parametrize("page", [DESKTOP, PHONE], ids=["desktop", "phone"], indirect=True)
async def test_a_hostile_document_makes_no_request_and_opens_nothing(page: Page, tmp_path: Path) -> None:
    asked_for: list[str] = []
    dialogs: list[str] = []
    page.context.on("request", lambda request: asked_for.append(request.url))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    file = tmp_path / "harbour.md"
    file.write_text(TEXT)
    await page.locator("[data-files]").set_input_files(file)
    await expect(page.locator(".composer .chip")).to_contain_text("harbour.md")

    await ask(page, "Which notes does the harbour have?")

    await expect(answers(page).locator(".citation").first).to_be_visible(timeout=EMBEDDER_START_MS)
    await answer_is_finished(page)
    assert await overflow(page) <= 0
    link = answers(page).get_by_role("link", name="https://bank.example", exact=True)
    await expect(link).to_have_attribute("title", "https://evil.example/login")
    await expect(answers(page).locator("[data-body]")).to_contain_text("https://bank.example (evil.example)")
    assert await answers(page).locator("[data-body] :is(img, iframe, script, form, object)").count() == 0

    await answers(page).locator(".citation").last.click()
    panel = page.locator("chat-panel")
    await expect(panel.locator("mark").first).to_be_visible()
    assert await panel.locator("[data-panel-body] a").count() == 0
    await panel.get_by_role("link", name="Open the document").click()
    await expect(page).to_have_url(re.compile("/documents/"))
    await expect(page.locator("mark").first).to_be_visible()
    assert await overflow(page) <= 0

    assert {urlsplit(url).hostname for url in asked_for if url.startswith("http")} == {"localhost"}
    assert dialogs == []
    assert len(page.context.pages) == 1
