"""What is set beside a chat and with words in its composer, as a person does it in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.doubles.upstream import Upstream
from tests.e2e.chatting import answers, ask, ask_and_wait, composer, overflow, questions
from tests.e2e.conftest import DESKTOP, PHONE, OpenBrowser
from tests.e2e.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def contents(models: Upstream) -> list[str]:
    """What the model was sent last."""
    return [message["content"] for message in models.last("/api/chat").body["messages"]]


async def test_settings_made_on_an_empty_page_hold_in_the_chat_that_begins_there(page: Page, models: Upstream) -> None:
    await composer(page).fill("Half a thought")
    await page.get_by_role("button", name="Chat settings").click()
    panel = page.get_by_role("complementary", name="Chat settings")
    await panel.get_by_label("System prompt").fill("In verse.")
    form_of_answer = panel.get_by_label("Form of the answer", exact=True)
    await form_of_answer.select_option("JSON that follows a schema")
    await panel.get_by_label("JSON schema", exact=True).fill('{"type": 7}')
    await panel.get_by_role("button", name="Save").click()
    await expect(panel.get_by_text("The schema is not right at")).to_be_visible()
    await form_of_answer.select_option("As the model likes")
    await panel.get_by_label("Temperature", exact=True).fill("0.5")
    await panel.get_by_role("button", name="Save").click()
    await expect(panel.get_by_text("Saved. It holds from the next question on.")).to_be_visible()

    # The chat has its address, and what was being written is still there.
    await expect(page).to_have_url(re.compile(r"/chats/[0-9a-f-]{36}/$"))
    await expect(composer(page)).to_have_value("Half a thought")
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(page.get_by_role("button", name="Chat settings")).to_be_focused()

    await ask_and_wait(page, "How do lighthouses work?")
    assert contents(models) == ["In verse.", "How do lighthouses work?"]
    assert models.last("/api/chat").body["options"] == {"temperature": 0.5, "num_ctx": 8192}
    await page.reload()
    await page.get_by_role("button", name="Chat settings").click()
    await expect(panel.get_by_label("Temperature", exact=True)).to_have_value("0.5")


async def test_the_gauge_and_the_menu_lead_to_what_was_sent(page: Page) -> None:
    gauge = page.locator("chat-gauge button")
    await expect(gauge).to_be_hidden()
    await ask_and_wait(page, "How do lighthouses work?")

    await expect(gauge).to_have_accessible_name(re.compile(r"Context window: \d+ of 8,192 tokens used, \d+ %"))
    before = await gauge.get_attribute("aria-label")
    await ask_and_wait(page, "word " * 300)
    await expect(gauge).not_to_have_attribute("aria-label", before or "")

    await gauge.focus()
    await page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="What was sent")
    await expect(panel.get_by_role("heading", name="Messages sent")).to_be_visible()
    await expect(panel).to_contain_text("How do lighthouses work?")
    await page.keyboard.press("Escape")
    await expect(gauge).to_be_focused()
    await answers(page).last.get_by_role("button", name="More").click()
    await page.get_by_role("button", name="What was sent").click()
    await expect(panel.get_by_role("heading", name="Options sent")).to_be_visible()


async def test_clear_marks_the_point_and_can_be_undone(page: Page, models: Upstream) -> None:
    await ask_and_wait(page, "My name is Ole.")
    line = page.get_by_text("Nothing above is sent any more")

    # Completed from its first letters, then sent like a message.
    await composer(page).press_sequentially("/cl")
    await expect(page.get_by_role("option", name="/clear")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(composer(page)).to_have_value("/clear")
    await page.keyboard.press("Enter")
    await expect(line).to_be_visible()
    await expect(composer(page)).to_be_focused()
    await expect(composer(page)).to_have_value("")
    await expect(questions(page)).to_have_count(1)

    await page.reload()
    await expect(line).to_be_visible()
    await ask_and_wait(page, "What is my name?")
    assert contents(models) == ["What is my name?"]

    await page.get_by_role("button", name="Undo").click()
    await expect(line).to_be_hidden()
    await ask_and_wait(page, "And now?")
    assert contents(models)[0] == "My name is Ole."


async def test_words_are_told_about_where_they_are_typed(page: Page, models: Upstream) -> None:
    await ask(page, "/?")
    await expect(page.locator("[data-note]")).to_be_visible()
    await page.get_by_role("button", name="Remove this note").click()
    await ask_and_wait(page, "Hello")
    n_asked = len(models.requests)

    await ask(page, "/set parameter num_ctx many")
    await expect(page.get_by_role("alert").filter(has_text="takes a whole number from 256")).to_be_visible()
    await expect(composer(page)).to_have_value("/set parameter num_ctx many")

    await ask(page, "/set parameter num_ctx 4096")
    note = page.locator("[data-note]")
    await expect(note).to_contain_text("“num_ctx” is 4096 in this chat")
    await ask(page, "/show parameters")
    await expect(note.nth(1)).to_contain_text("num_ctx")
    await expect(note.nth(1)).to_contain_text("in this chat")
    assert not [request for request in models.requests[n_asked:] if request.path == "/api/chat"]

    # An aside stays where it was said; what only looks like a word is a message.
    await ask_and_wait(page, "/etc/hosts what is it?")
    await expect(note).to_have_count(2)
    await expect(questions(page).last).to_contain_text("/etc/hosts what is it?")
    assert models.last("/api/chat").body["options"] == {"num_ctx": 4096}
    await ask_and_wait(page, "/clear the table")
    assert contents(models)[-1] == "/clear the table"
    await note.first.get_by_role("button", name="Remove this note").click()
    await expect(note).to_have_count(1)


async def test_bye_leaves_for_a_new_chat(page: Page) -> None:
    await ask_and_wait(page, "Hello")

    await ask(page, "/bye")

    await expect(answers(page)).to_have_count(0)
    await expect(page).to_have_url(re.compile(r"/$"))
    await expect(composer(page)).to_be_focused()


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
async def test_settings_fit_the_screen(
    site: Site, open_browser: OpenBrowser, alice_state: object, size: tuple[int, int]
) -> None:
    page = await (await open_browser(size=size, storage_state=alice_state)).new_page()
    await page.goto("/")
    if size == PHONE:
        await page.get_by_role("button", name="More about this chat").click()
    await page.get_by_role("button", name="Chat settings").click()

    await expect(
        page.get_by_role("complementary", name="Chat settings").get_by_label("Seed", exact=True)
    ).to_be_visible()
    assert await overflow(page) == 0
