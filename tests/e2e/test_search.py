"""Finding chats again: the page of the search, a hit that is opened, and the palette with nothing but keys."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.e2e.chatting import answers, ask_and_wait, composer, overflow, questions
from tests.e2e.conftest import PHONE, OpenBrowser

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_a_message_is_found_while_typing_and_opened_on_its_branch(page: Page) -> None:
    await ask_and_wait(page, "Who keeps the zephyrlight?")
    bubble = questions(page).first
    await bubble.hover()
    await bubble.get_by_role("button", name="Edit").click()
    await page.get_by_label("Edit the message").fill("Who keeps the 灯塔?")
    await page.keyboard.press("Enter")
    await expect(questions(page).first).to_contain_text("灯塔")
    await expect(page.locator(".message--active, .message--unsent")).to_have_count(0)

    await page.get_by_role("link", name="Search", exact=True).click()
    field = page.get_by_role("searchbox", name="Search your chats")
    await field.press_sequentially("zephyrl")
    hit = page.locator(".found-message").first
    await expect(hit.locator("mark")).to_have_text("zephyrl")
    await expect(page).to_have_url(re.compile("q=zephyrl$"))
    await hit.click()

    found = page.locator(".message--found")
    await expect(found).to_contain_text("zephyrlight")
    await expect(found).to_be_focused()
    await expect(found).to_be_in_viewport()
    await page.go_back()
    await expect(page.locator(".found-message mark").first).to_have_text("zephyrl")


async def test_filters_are_put_in_and_taken_out(page: Page) -> None:
    await page.goto("/search/?q=before:soon")
    await expect(page.get_by_role("alert")).to_contain_text("“soon” is not a date")

    await page.get_by_role("link", name="Remove before:soon").click()
    await page.get_by_role("button", name=re.compile("^has:file")).click()

    await expect(page.get_by_role("searchbox", name="Search your chats")).to_have_value("has:file ")
    await expect(page.locator(".search__applied")).to_contain_text("has:file")

    await page.keyboard.type("in:")
    await page.get_by_role("link", name="archive", exact=True).click()

    await expect(page.get_by_role("searchbox", name="Search your chats")).to_have_value("has:file in:archive")
    await expect(page.locator(".search__applied")).to_contain_text("in:archive")


async def test_the_palette_needs_no_mouse(page: Page) -> None:
    await ask_and_wait(page, "Quuxmoor tides")
    chat = page.url
    await page.goto("/documents/")

    await page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name=re.compile("^Go to a chat"))
    await expect(field).to_be_focused()
    await field.press_sequentially("quuxm")
    await expect(page.get_by_role("option", name=re.compile("^Quuxmoor tides"))).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(chat)

    await page.keyboard.press("Control+k")
    await page.keyboard.type("dark")
    await expect(page.locator(".picker__option--active:visible")).to_contain_text("Dark")
    await page.keyboard.press("Enter")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    await page.keyboard.press("Control+k")
    await page.keyboard.type("no such thing")
    await expect(page.locator(".palette [role=option]:visible")).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(field).to_be_hidden()
    await expect(composer(page)).to_be_visible()


async def test_the_search_fits_a_phone(open_browser: OpenBrowser, alice_state: object) -> None:
    page = await (await open_browser(size=PHONE, storage_state=alice_state)).new_page()

    await page.goto("/search/?q=the")

    await expect(page.get_by_role("searchbox", name="Search your chats")).to_be_visible()
    assert await overflow(page) <= 0
    assert await answers(page).count() == 0
