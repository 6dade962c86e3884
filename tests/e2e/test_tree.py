"""Deleting messages and going on in a new chat, as a person does it in a browser."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.e2e.chatting import answers, ask_and_wait, composer, questions

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_a_message_is_deleted_with_everything_below_and_comes_back(page: Page) -> None:
    await ask_and_wait(page, "First @fake tokens=2")
    await ask_and_wait(page, "Second @fake tokens=2")
    await questions(page).last.hover()
    await questions(page).last.get_by_role("button", name="More").click()

    await page.get_by_role("button", name="Delete it and everything below").click()

    await expect(questions(page)).to_have_count(1)
    await expect(answers(page)).to_have_count(1)
    await expect(composer(page)).to_be_focused()
    await page.get_by_role("button", name="Undo").click()
    await expect(questions(page)).to_have_count(2)
    await expect(answers(page)).to_have_count(2)


async def test_a_chat_goes_on_from_an_answer_in_a_new_one(page: Page) -> None:
    await ask_and_wait(page, "First @fake tokens=2")
    await ask_and_wait(page, "Second @fake tokens=2")
    before = page.url
    await answers(page).first.hover()
    await answers(page).first.get_by_role("button", name="More").click()

    await page.get_by_role("button", name="Continue from here in a new chat").click()

    await expect(questions(page)).to_have_count(1)
    assert page.url != before
    await ask_and_wait(page, "Another way @fake tokens=2")
    await page.goto(before)
    await expect(questions(page)).to_have_count(2)
