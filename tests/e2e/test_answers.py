"""What people do with answers: copy them, and what else their menu offers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.doubles.upstream import Behaviour, Upstream
from tests.e2e.chatting import answers, ask_and_wait
from tests.e2e.conftest import PHONE, OpenBrowser

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(autouse=True)
def _as_before(models: Upstream) -> Iterator[None]:
    yield
    models.behaviour = Behaviour()


async def answered(page: Page, models: Upstream, text: str) -> Locator:
    """Ask something that is answered with that text; return the answer."""
    models.behaviour = Behaviour(answer=text)
    await ask_and_wait(page, "Tell me")
    return answers(page).last


async def copied(page: Page) -> str:
    return str(await page.evaluate("navigator.clipboard.readText()"))


def more(message: Locator) -> Locator:
    return message.get_by_role("button", name="More", exact=True)


def menu(page: Page) -> Locator:
    return page.locator("#message-menu")


async def test_an_answer_is_copied_as_it_was_written_and_without_its_marks(
    page: Page, alice: BrowserContext, models: Upstream
) -> None:
    await alice.grant_permissions(["clipboard-read", "clipboard-write"])
    answer = await answered(page, models, "A **bold** `word`:\n\n* one\n* $x^2$\n")

    await answer.get_by_role("button", name="Copy", exact=True).click()
    assert await copied(page) == "A **bold** `word`:\n\n* one\n* $x^2$\n"

    await more(answer).click()
    await menu(page).get_by_role("button", name="Copy as plain text").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    assert await copied(page) == "A bold word:\n\n- one\n- x^2"


async def saved(page: Page, button: Locator) -> tuple[str, bytes]:
    """Press a button that saves a file; return its name and its bytes."""
    async with page.expect_download() as downloading:
        await button.click()
    download = await downloading.value
    return download.suggested_filename, Path(await download.path()).read_bytes()


async def test_code_is_copied_and_saved_byte_for_byte(page: Page, alice: BrowserContext, models: Upstream) -> None:
    await alice.grant_permissions(["clipboard-read", "clipboard-write"])
    code = "\ndef f():\n\treturn '<b>&amp;</b> 中 😀'  # two spaces  \n\n"
    answer = await answered(page, models, f"```python\n{code}```\n")
    block = answer.locator("figure.code")

    await block.get_by_role("button", name="Copy").click()
    await expect(block.get_by_role("button", name="Copied")).to_be_visible()
    assert await copied(page) == code

    assert await saved(page, block.get_by_role("button", name="Download")) == ("code.py", code.encode())


async def test_a_table_is_copied_and_saved_for_spreadsheets_which_run_nothing_of_it(
    page: Page, alice: BrowserContext, models: Upstream
) -> None:
    await alice.grant_permissions(["clipboard-read", "clipboard-write"])
    rows = ['| a "b" | c, d | $x^2$ |', "|---|--:|---|", "| =1+1 | -5 % | **x** |", "| @SUM(A1) | -1+2 | `;` |"]
    answer = await answered(page, models, "\n".join(rows) + "\n")

    name, content = await saved(page, answer.get_by_role("button", name="Download as CSV"))
    assert name == "table.csv"
    expected = '"a ""b""","c, d",x^2\r\n"\'=1+1",-5 %,x\r\n"\'@SUM(A1)","\'-1+2",";"\r\n'
    assert content == b"\xef\xbb\xbf" + expected.encode()

    await answer.locator(".table-block").get_by_role("button", name="Copy").click()
    await expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    assert await copied(page) == "a \"b\"\tc, d\tx^2\n'=1+1\t-5 %\tx\n'@SUM(A1)\t'-1+2\t;"


async def test_the_menu_is_worked_with_the_keyboard_and_belongs_to_one_answer_at_a_time(
    page: Page, models: Upstream
) -> None:
    first = await answered(page, models, "One.")
    first = answers(page).nth(0)
    second = await answered(page, models, "Two.")

    await more(first).focus()
    await page.keyboard.press("Enter")
    await expect(menu(page)).to_be_visible()
    await expect(menu(page).get_by_role("button").first).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(menu(page)).to_be_hidden()
    await expect(more(first)).to_be_focused()

    await more(first).click()
    await more(second).click()
    await expect(menu(page)).to_be_visible()
    await expect(more(first)).to_have_attribute("aria-expanded", "false")
    await expect(more(second)).to_have_attribute("aria-expanded", "true")
    await more(second).click()
    await expect(menu(page)).to_be_hidden()


async def test_what_is_known_of_an_answer_opens_beside_it(page: Page, models: Upstream) -> None:
    answer = await answered(page, models, "One.")
    panel = page.locator("chat-panel")

    await more(answer).click()
    await menu(page).get_by_role("button", name="About this answer").click()

    await expect(panel.get_by_text("About this answer")).to_be_visible()
    await expect(panel).to_contain_text("tiny:latest")
    await expect(panel).to_contain_text("All together")
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(more(answer)).to_be_focused()


async def test_on_a_phone_the_menu_stays_inside_the_window(
    open_browser: OpenBrowser, alice_state: object, models: Upstream
) -> None:
    browser = await open_browser(size=PHONE, storage_state=alice_state)
    page = await browser.new_page()
    await page.goto("/")
    answer = await answered(page, models, "Short.")
    await more(answer).tap()

    box = await menu(page).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE[0]
    heights = [await item.bounding_box() for item in await menu(page).get_by_role("button").all()]
    assert all(item is not None and item["height"] >= 44 for item in heights)
