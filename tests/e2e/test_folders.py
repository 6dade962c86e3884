"""Connecting a folder of the server, with the real model server and its embedder."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.e2e.chatting import overflow
from tests.e2e.conftest import PASSWORD, PHONE, OpenBrowser, signed_in_state
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

EMBEDDER_START_MS = 90_000
CHANGE_S = 40


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("srv") / "handbook"
    (folder / "Reports").mkdir(parents=True)
    write(folder / "Reports" / "boiler.md", "The boiler was replaced by Miller and Sons in 2019.")
    (folder / "out").symlink_to("/etc")
    return folder


@pytest.fixture(scope="module")
def folder_site(handbook: Path, tmp_path_factory: pytest.TempPathFactory, embedder_files: Path) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("folders") / "data"
    shutil.copytree(embedder_files, data / "models" / "embedded")
    with running_site(
        data, HEARTH_FOLDERS=str(handbook), HEARTH_ADMIN_EMAIL="root@example.org", HEARTH_ADMIN_PASSWORD=PASSWORD
    ) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(
    folder_site: Site, browser: Browser, open_browser: OpenBrowser, tmp_path_factory: pytest.TempPathFactory
) -> Page:
    state = await signed_in_state(browser, folder_site, tmp_path_factory.mktemp("root"))
    context = await open_browser(folder_site.url, PHONE, storage_state=state)
    return await context.new_page()


def write(path: Path, text: str, at: int = 1_700_000_000) -> None:
    path.write_text(text)
    os.utime(path, (at, at))


async def test_a_folder_is_connected_and_what_changes_in_it_is_found(page: Page, handbook: Path) -> None:
    await page.goto("/knowledge/")
    await page.get_by_role("button", name="Make the first one").click()
    await page.get_by_role("textbox", name="Name").fill("Harbour")
    await page.get_by_role("button", name="Create").click()
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("link", name="Folders of the server").click()
    knowledge = page.url.removesuffix("server-folders/")
    await page.get_by_role("link", name="Connect a folder").click()
    await page.get_by_role("link", name=str(handbook)).click()
    await page.get_by_role("button", name="Look what is in it").click()
    await expect(page.get_by_text("1 file, ")).to_be_visible()
    await expect(page.get_by_text("It takes about")).to_be_visible()
    await expect(page.get_by_text("1 link leads out of the folder")).to_be_visible()
    assert await overflow(page) == 0

    await page.get_by_role("button", name="Connect this folder").click()

    await expect(page.get_by_text("1 in answers")).to_be_visible(timeout=EMBEDDER_START_MS)
    assert await overflow(page) == 0

    write(handbook / "Reports" / "boiler.md", "The boiler was replaced by Ole Brandt in 2024.", at=1_700_000_001)
    write(handbook / "roof.txt", "The roof was covered with slate.")

    await expect(page.get_by_text("2 in answers")).to_be_visible(timeout=1000 * CHANGE_S)
    found = page.get_by_text("Ole Brandt")
    async with asyncio.timeout(CHANGE_S):
        while not await found.count():
            await page.goto(f"{knowledge}search/?q=Who+replaced+the+boiler")
    await expect(found.first).to_be_visible()
    await expect(page.get_by_text("Miller and Sons")).to_have_count(0)
