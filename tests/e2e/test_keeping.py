"""What a person keeps of chats, and gives up: tags, pins, the archive, many at once, deleted and temporary ones."""

from __future__ import annotations

import re
import subprocess
import sys
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.e2e.chatting import ask_and_wait, questions
from tests.e2e.conftest import OpenBrowser, sign_up
from tests.e2e.site import ROOT, Site, environment_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

TITLES = ("Ash", "Birch", "Cedar")
MAKE_CHATS = """
import sys, django
django.setup()
from tests.factories import make_chat
from webui.accounts.models import User
owner = User.objects.get(email=sys.argv[1])
for title in sys.argv[2:]:
    make_chat(owner=owner, title=title, messages=2)
"""


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_browser: OpenBrowser, site: Site) -> Page:
    """The page of somebody who has three chats."""
    opened = await (await open_browser()).new_page()
    email = f"{uuid4().hex}@example.org"
    await sign_up(opened, email)
    await expect(opened.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
    environment = environment_of(site) | {"DJANGO_SETTINGS_MODULE": "webui.config.settings"}
    made = [sys.executable, "-c", MAKE_CHATS, email, *TITLES]
    subprocess.run(made, cwd=ROOT, env=environment, check=True)  # noqa: S603 - our own program
    await opened.goto("/")
    return opened


def row_of(page: Page, title: str) -> Locator:
    return page.locator("chat-sidebar li[data-chat]").filter(has_text=title)


async def choose(page: Page, title: str, deed: str) -> None:
    """Choose something from the menu of a chat's row."""
    row = row_of(page, title)
    await row.hover()
    await row.get_by_role("button", name=f"Actions for {title}").click()
    await row.get_by_role("button", name=deed, exact=True).click()


async def expect_listed(page: Page, *titles: str) -> None:
    await expect(page.locator("chat-sidebar li[data-chat] > a")).to_have_text(list(titles))


async def test_a_tag_is_put_on_and_the_list_is_narrowed_to_it(page: Page) -> None:
    await choose(page, "Birch", "Tags…")
    dialog = page.get_by_role("dialog", name="Tags of “Birch”")
    await dialog.get_by_role("combobox").fill("trees")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("option", name="trees")).to_have_attribute("aria-selected", "true")
    await dialog.get_by_role("button", name="Done").click()

    await page.get_by_role("button", name="Chats with a tag").click()
    await page.get_by_role("dialog", name="Chats with a tag").get_by_role("button", name=re.compile("^trees")).click()
    await expect_listed(page, "Birch")

    # The address keeps it.
    await page.reload()
    await expect_listed(page, "Birch")


async def test_a_pinned_chat_stands_first_after_a_reload_too(page: Page) -> None:
    await choose(page, "Ash", "Pin")
    await expect_listed(page, "Ash", "Cedar", "Birch")
    await page.reload()
    await expect_listed(page, "Ash", "Cedar", "Birch")

    await choose(page, "Ash", "Unpin")
    await expect_listed(page, "Cedar", "Birch", "Ash")


async def test_an_archived_chat_leaves_the_list_and_is_restored_from_the_archive(page: Page) -> None:
    await choose(page, "Cedar", "Archive")
    await expect_listed(page, "Birch", "Ash")

    await page.goto("/chats/archived/")
    await expect(page.locator("chat-selection[data-always] li")).to_contain_text(["Cedar"])
    # The row goes at once; the chat is back when the server says so.
    async with page.expect_response(lambda response: response.request.method == "POST"):
        await page.get_by_role("button", name="Restore Cedar").click()
    await expect(page.get_by_text("Nothing is archived")).to_be_visible()
    await page.goto("/")
    await expect(row_of(page, "Cedar")).to_be_visible()


async def test_several_are_chosen_with_the_keyboard_deleted_and_all_brought_back(page: Page) -> None:
    await choose(page, "Cedar", "Select")
    await expect(page.get_by_role("checkbox", name="Cedar")).to_be_checked()
    await page.get_by_role("checkbox", name="Birch").focus()
    await page.keyboard.press("Space")
    bar = page.get_by_role("toolbar", name="Chosen chats")
    await expect(bar).to_contain_text("Chosen: 2")

    await bar.get_by_role("button", name="Delete", exact=True).click()
    await expect_listed(page, "Ash")
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator("chat-sidebar li[data-chat]")).to_have_count(3)

    await choose(page, "Ash", "Select")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("checkbox")).to_have_count(0)


async def test_a_deleted_chat_comes_back_days_later_or_goes_for_good(page: Page) -> None:
    for title in ("Ash", "Birch"):
        await choose(page, title, "Delete")
        await expect(row_of(page, title)).to_have_count(0)

    await page.goto("/chats/deleted/")
    await page.get_by_role("button", name="Restore Birch").click()
    await expect(page.locator("chat-selection[data-always] li")).to_contain_text(["Ash"])
    await page.locator("chat-selection[data-always]").get_by_role("checkbox", name="Ash").check()
    await page.get_by_role("button", name="Delete for good").first.click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()

    await expect(page.get_by_text("Nothing was deleted lately")).to_be_visible()
    await page.goto("/")
    await expect_listed(page, "Cedar", "Birch")


async def test_a_temporary_chat_is_answered_and_leaves_nothing(page: Page) -> None:
    await page.get_by_role("button", name="Temporary chat").click()
    await expect(page.get_by_role("heading", name="Temporary chat")).to_be_visible()
    await ask_and_wait(page, "Between us @fake tokens=3")
    address = page.url

    # Neither in the list nor on the device.
    await expect_listed(page, "Cedar", "Birch", "Ash")
    assert "Between us" not in await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")

    await page.get_by_role("link", name="New chat").first.click()
    await expect(questions(page)).to_have_count(0)
    await expect(page).not_to_have_url(address)
    await page.wait_for_function("async url => (await fetch(url)).status === 404", arg=address)
