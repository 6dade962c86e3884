"""A folder of chats from its making to its end, with the real model server and its embedder, without a chat model."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.doubles.pdf_files import text_pdf
from tests.e2e.chatting import answer_is_finished, answers, ask, composer, overflow
from tests.e2e.conftest import PASSWORD, OpenBrowser, sign_up
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

BOILER = "In the spring of 2019 the old boiler was replaced by Miller and Sons for 8450 euros."
BAKERY = "The bakery at the market bakes bread on Fridays, and was painted green in 2004."
QUESTION = "Who replaced the boiler, and for how much?"
EMBEDDER_START_MS = 90_000


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory: pytest.TempPathFactory, embedder_files: Path) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("whole") / "data"
    shutil.copytree(embedder_files, data / "models" / "embedded")
    with running_site(data, HEARTH_ADMIN_EMAIL="root@example.org", HEARTH_ADMIN_PASSWORD=PASSWORD) as running:
        yield running


async def make_folder(page: Page, name: str) -> None:
    await page.get_by_role("button", name="New folder").click()
    await page.get_by_role("dialog", name="New folder").get_by_label("Name").fill(name)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)


async def test_a_folder_is_made_filled_asked_left_and_deleted(
    whole_site: Site, open_browser: OpenBrowser, tmp_path: Path
) -> None:
    house, bakery = tmp_path / "house.pdf", tmp_path / "bakery.txt"
    house.write_bytes(text_pdf([BOILER]))
    bakery.write_text(BAKERY)
    page = await (await open_browser(whole_site.url)).new_page()
    await sign_up(page, "ada@example.org")

    # Made, given a document and instructions.
    await make_folder(page, "House")
    sources = page.locator("#folder-sources")
    await page.locator("#drop-zone-files").set_input_files(house)
    await expect(sources.get_by_role("link", name="house.pdf")).to_be_visible(timeout=EMBEDDER_START_MS)
    await sources.get_by_role("button", name="Take house.pdf out of the folder").click()
    await expect(sources.get_by_role("link")).to_have_count(0)
    await page.get_by_role("combobox", name="Add knowledge or a document").press_sequentially("hou")
    await page.get_by_role("option", name=re.compile("house.pdf")).wait_for()
    await page.keyboard.press("Enter")
    await expect(sources.get_by_role("link", name="house.pdf")).to_be_visible()
    await page.get_by_role("textbox", name="Instructions").fill("Answer as a builder.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    assert await overflow(page) <= 0

    # Asked: its document is cited although nobody has named it.
    await page.locator("[data-files]").set_input_files(bakery)
    await expect(page.locator(".composer .chip")).to_contain_text("bakery.txt")
    await ask(page, QUESTION)
    await expect(answers(page).locator(".citation").first).to_be_visible(timeout=EMBEDDER_START_MS)
    await answer_is_finished(page)
    await expect(answers(page)).to_contain_text("Miller and Sons for 8450 euros")
    await expect(answers(page).locator(".source").first).to_contain_text("house.pdf")
    way = page.get_by_role("link", name="Folder House")
    await expect(way).to_be_visible()
    in_sidebar = page.locator("chat-sidebar li[data-folder]")
    await expect(in_sidebar.locator("li[data-chat]")).to_have_text(re.compile("Who replaced the boiler"))
    await expect(in_sidebar.locator(".sidebar-folder__count")).to_have_text("1")

    # Moved out by keyboard: the next answer knows nothing of the document.
    actions = page.locator("chat-sidebar").get_by_role("button", name=re.compile("Actions for Who replaced"))
    await actions.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Move…").press("Enter")
    await expect(page.get_by_role("option", name="Out of its folder")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(way).to_be_hidden()
    await expect(in_sidebar.locator("li[data-chat]")).to_have_count(0)
    await ask(page, "Who replaced the boiler, and what did that cost?")
    await expect(answers(page)).to_have_count(2)
    await answer_is_finished(page)
    await expect(answers(page).last).not_to_contain_text("Miller")
    await expect(answers(page).last.locator(".source", has_text="house.pdf")).to_have_count(0)

    # Dragged back, and deleted together with its folder, which undo brings back.
    await page.locator("chat-sidebar .sidebar__group li[data-chat]").drag_to(in_sidebar)
    await expect(way).to_be_visible()
    chat = page.url
    await page.get_by_role("button", name="Actions for House").click(force=True)
    await page.get_by_role("button", name="Delete with its chat").click()
    await expect(composer(page)).to_be_focused()
    await expect(in_sidebar).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(page).to_have_url(chat)
    await expect(answers(page)).to_have_count(2)
    await expect(in_sidebar).to_have_count(1)
