"""What a person does and sees in a chat, in the words of the page."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


def questions(page: Page) -> Locator:
    return page.locator("chat-message.message--user")


def answers(page: Page) -> Locator:
    return page.locator("chat-message.message--assistant")


async def ask(page: Page, text: str) -> None:
    await composer(page).fill(text)
    await composer(page).press("Enter")


async def ask_and_wait(page: Page, text: str) -> None:
    """Ask, and wait until the answer stands there whole."""
    n_before = await answers(page).count()
    await ask(page, text)
    await expect(answers(page)).to_have_count(n_before + 1)
    await answer_is_finished(page)


async def answer_is_finished(page: Page) -> None:
    await expect(page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
    await expect(page.locator(".message--active, .message--unsent")).to_have_count(0)


async def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - innerWidth"))
