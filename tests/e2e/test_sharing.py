"""A chat that is shared: what its owner says, and what somebody else sees of it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.e2e.chatting import answer_is_finished, ask, ask_and_wait, overflow
from tests.e2e.conftest import PHONE, OpenBrowser, sign_up

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_a_shared_chat_is_read_as_it_goes_on_until_its_owner_stops_it(
    page: Page, open_browser: OpenBrowser
) -> None:
    await ask_and_wait(page, "To be shared @fake tokens=5")
    reader = await (await open_browser(expected_statuses={404})).new_page()
    await sign_up(reader, "reader@example.org")

    await page.get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("The chat as it goes on").check()
    await dialog.get_by_role("button", name="Create a link").click()
    await dialog.get_by_label("Person, group or “Everybody”").fill("reader@example.org")
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(dialog.get_by_text("reader@example.org")).to_be_visible()
    address = await dialog.get_by_label("Link to the chat").input_value()
    await dialog.get_by_role("button", name="Done").click()

    await reader.goto(address)
    messages = reader.locator("[data-messages]")
    await expect(messages).to_contain_text("The model answers with a")
    await ask(page, "And more @fake tokens=6")
    await expect(messages).to_contain_text("And more")
    await answer_is_finished(page)
    await expect(messages.locator(".message--assistant")).to_have_count(2)

    await page.get_by_role("button", name="Share", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Stop sharing").click()

    await expect(reader.get_by_text("This chat is not shared any more")).to_be_visible()
    await expect(messages).to_have_count(0)
    assert (await reader.goto(address)).status == 404  # type: ignore[union-attr]


async def test_a_reader_goes_on_in_a_chat_of_their_own_on_a_phone(page: Page, open_browser: OpenBrowser) -> None:
    long = "\n".join(f"line {number}" for number in range(40))
    await ask_and_wait(page, f"Go on from this @fake tokens=5\n{long}")
    await page.get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Create a link").click()
    await dialog.get_by_label("Person, group or “Everybody”").fill("Everybody")
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(dialog.get_by_text("Everybody who may sign in")).to_be_visible()
    address = await dialog.get_by_label("Link to the chat").input_value()
    readers = await open_browser(size=PHONE)
    # This browser has no voices: what it would say is noted instead.
    await readers.add_init_script("speechSynthesis.speak = ({ text }) => { window.said = text }")
    reader = await readers.new_page()
    await sign_up(reader, "phone.reader@example.org")

    await reader.goto(address)
    assert await overflow(reader) <= 0
    await reader.get_by_role("button", name="Show all").click()
    await expect(reader.get_by_text("line 39")).to_be_in_viewport()
    await reader.get_by_role("button", name="Read aloud").click()
    assert "The model answers" in await reader.evaluate("said")
    await reader.get_by_role("button", name="Stop reading").click()
    await expect(reader.get_by_role("button", name="Read aloud")).to_be_focused()
    await reader.get_by_role("button", name="Go on from here").click()

    await expect(reader).to_have_url(re.compile(r"/chats/[0-9a-f-]{36}/$"))
    await ask_and_wait(reader, "My own question @fake tokens=3")
    await expect(reader.locator("chat-message")).to_have_count(4)
