"""Keys, as a person presses them."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.doubles.upstream import Upstream
from tests.e2e.chatting import answer_is_finished, answers, ask, ask_and_wait, composer, questions

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_a_question_mark_opens_the_list_but_not_while_one_writes(page: Page) -> None:
    shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
    await composer(page).press("Shift+?")
    await expect(composer(page)).to_have_value("?")
    await expect(shortcuts).to_be_hidden()

    await page.get_by_role("link", name="New chat").focus()
    await page.keyboard.press("Shift+?")

    await expect(shortcuts).to_be_visible()
    await expect(shortcuts.get_by_text("Ctrl").first).to_be_visible()
    await page.keyboard.press("Control+Shift+O")
    await expect(shortcuts).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(shortcuts).to_be_hidden()


async def test_keys_go_through_a_chat_and_begin_another(page: Page, models: Upstream) -> None:
    for number in range(3):
        await ask_and_wait(page, f"Question {number} @fake tokens=60")

    await page.keyboard.press("Alt+ArrowUp")
    first = await page.evaluate("document.activeElement.id")
    await page.keyboard.press("Alt+ArrowUp")
    second = await page.evaluate("document.activeElement.id")
    await page.keyboard.press("Alt+ArrowDown")

    assert first.startswith("message-")
    assert second.startswith("message-")
    assert await page.evaluate("document.activeElement.id") == first != second
    await page.keyboard.press("Shift+Escape")
    await expect(composer(page)).to_be_focused()

    await ask(page, "Go on @fake tokens=400 rate=20")
    await expect(answers(page)).to_have_count(4)
    await expect(answers(page).last).to_contain_text("The model")
    await page.keyboard.press("Control+.")
    await answer_is_finished(page)
    await expect(answers(page).last).to_contain_text("Stopped")

    await page.keyboard.press("Control+Shift+S")
    await expect(page.get_by_role("link", name="New chat")).to_be_hidden()
    await page.keyboard.press("Control+Shift+S")
    await page.keyboard.press("Control+Shift+O")
    await expect(questions(page)).to_have_count(0)
    await page.keyboard.press("Control+Shift+F")
    await expect(page).to_have_url("/search/")
