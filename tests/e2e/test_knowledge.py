"""Knowledge from the first file to the last reader, with the real model server and its embedder."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.doubles.pdf_files import text_pdf
from tests.e2e.chatting import answer_is_finished, answers, composer, overflow, questions
from tests.e2e.conftest import PASSWORD, PHONE, OpenBrowser, sign_up
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

PAGES = [
    "The house at the harbour was built in 1911 by two brothers who traded in rope and tar.",
    "In the spring of 2019 the old boiler was replaced by Miller and Sons for 8450 euros.",
]
# So much to index that the page is seen at it.
LEDGER = [f"Account {n}. " + "Rope, tar, nails and lamp oil were bought for the boats. " * 20 for n in range(1, 151)]
QUESTION = "Who replaced the boiler, and for how much?"
EMBEDDER_START_MS = 90_000


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory: pytest.TempPathFactory, embedder_files: Path) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("whole") / "data"
    shutil.copytree(embedder_files, data / "models" / "embedded")
    with running_site(data, HEARTH_ADMIN_EMAIL="root@example.org", HEARTH_ADMIN_PASSWORD=PASSWORD) as running:
        yield running


async def ask_knowledge(page: Page) -> None:
    """Name the knowledge with #, by keyboard alone, and ask."""
    await page.goto("/")
    await composer(page).press_sequentially("#hou")
    await page.get_by_role("option", name=re.compile("House papers")).wait_for()
    await page.keyboard.press("Enter")
    await expect(page.locator(".composer .chip")).to_contain_text("House papers")
    await page.keyboard.type(QUESTION)
    await page.keyboard.press("Enter")
    await expect(answers(page).locator(".citation").first).to_be_visible(timeout=EMBEDDER_START_MS)
    await answer_is_finished(page)
    await expect(questions(page).locator(".chip")).to_contain_text("House papers")


async def test_knowledge_is_filled_asked_shared_revoked_and_deleted(
    whole_site: Site, open_browser: OpenBrowser, tmp_path: Path
) -> None:
    house = tmp_path / "house.pdf"
    house.write_bytes(text_pdf([*PAGES, *LEDGER]))
    ada = await (await open_browser(whole_site.url)).new_page()
    await sign_up(ada, "ada@example.org")
    bob = await (await open_browser(whole_site.url, PHONE, frozenset({404}))).new_page()
    await sign_up(bob, "bob@example.org")

    # Made and filled, with progress.
    await ada.get_by_role("link", name="Knowledge").click()
    await ada.get_by_role("button", name="New knowledge").click()
    await ada.keyboard.type("House papers")
    await ada.keyboard.press("Enter")
    await expect(ada.get_by_role("heading", level=1)).to_have_text("House papers")
    knowledge = ada.url
    await ada.locator("#drop-zone-files").set_input_files(house)
    members = ada.locator("#members")
    await expect(members.locator("progress")).to_be_visible()
    await expect(members).to_contain_text("152 pages", timeout=EMBEDDER_START_MS)
    await expect(members).to_contain_text("1 document")

    # Asked, and the citation opened.
    await ask_knowledge(ada)
    await expect(answers(ada)).to_contain_text("Miller and Sons for 8450 euros")
    await answers(ada).locator(".citation").first.click()
    await expect(ada.locator("chat-panel mark").first).to_contain_text("Miller and Sons")

    # Shared with somebody who asks too.
    await ada.goto(knowledge)
    await ada.get_by_role("link", name="Share").click()
    dialog = ada.get_by_role("dialog", name=re.compile("Share"))
    await dialog.get_by_role("combobox", name=re.compile("Person")).fill("bob@example.org")
    await ada.keyboard.press("Enter")
    await expect(dialog.get_by_role("listitem")).to_contain_text("bob@example.org")
    await ask_knowledge(bob)
    await expect(answers(bob)).to_contain_text("Miller and Sons for 8450 euros")
    await bob.goto(knowledge)
    await expect(bob.get_by_role("link", name="house.pdf", exact=True)).to_be_visible()
    await expect(bob.get_by_role("button", name="Take out")).to_have_count(0)
    assert await overflow(bob) <= 0
    await bob.go_back()

    # Revoked: gone from the page that was open, from the chat, and from what # completes.
    await dialog.get_by_role("button", name=re.compile("Revoke")).click()
    await expect(dialog).to_contain_text("Only you can read it.")
    await expect(answers(bob).locator(".citation").first).to_be_visible()
    await bob.reload()
    await expect(answers(bob)).to_contain_text("Not available to you")
    await expect(bob.locator("main")).not_to_contain_text("house.pdf")
    await composer(bob).press_sequentially("#hou")
    await expect(bob.get_by_text("No knowledge and no document has that name.")).to_be_visible()
    gone = await bob.goto(knowledge)
    assert gone is not None and gone.status == 404

    # Deleted, with the file.
    await ada.keyboard.press("Escape")
    await ada.get_by_role("button", name="More").click()
    await ada.get_by_role("button", name="Delete…").click()
    await ada.get_by_role("checkbox", name=re.compile("Also delete my documents")).check()
    await ada.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(ada.get_by_text("No knowledge yet")).to_be_visible()
    await ada.get_by_role("link", name="Documents").click()
    await expect(ada.get_by_text("No documents yet")).to_be_visible()


async def test_a_good_answer_is_rated_and_its_question_kept_with_the_knowledge(
    whole_site: Site, open_browser: OpenBrowser, tmp_path: Path
) -> None:
    house = tmp_path / "house.pdf"
    house.write_bytes(text_pdf(PAGES))
    page = await (await open_browser(whole_site.url, PHONE)).new_page()
    await sign_up(page, "eva@example.org")
    await page.goto("/knowledge/")
    await page.get_by_role("button", name="New knowledge").click()
    await page.keyboard.type("House papers")
    await page.keyboard.press("Enter")
    await page.locator("#drop-zone-files").set_input_files(house)
    await expect(page.locator("#members")).to_contain_text("2 pages", timeout=EMBEDDER_START_MS)
    await ask_knowledge(page)

    # Found bad by mistake: why is asked for at once, and what was said stays.
    good, bad = (page.get_by_role("button", name=name) for name in ("Good answer", "Bad answer"))
    await bad.click()
    await page.get_by_text("Too long").click()
    await page.get_by_role("textbox", name="Anything else?").fill("Say it in a word.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await page.reload()
    await bad.click()
    await expect(page.get_by_role("checkbox", name="Too long")).to_be_checked()
    assert await overflow(page) <= 0
    await page.keyboard.press("Escape")
    await expect(bad).to_be_focused()
    await expect(page.get_by_role("checkbox")).to_have_count(0)

    # Found good: its question becomes a test of the knowledge.
    await good.click()
    await expect(good).to_have_attribute("aria-pressed", "true")
    await expect(bad).to_have_attribute("aria-pressed", "false")
    await page.get_by_role("link", name="Keep as a test question").click()
    await expect(page.get_by_role("textbox", name="Question")).to_have_value(QUESTION)
    await page.get_by_role("button", name="Keep", exact=True).click()
    await expect(page).to_have_url(re.compile(r"/knowledge/[0-9a-f-]{36}/questions/"))
    await expect(page.locator("main")).to_contain_text(QUESTION)

    # Counted by model, and taken back.
    await page.goto("/ratings/")
    await expect(page.get_by_role("row", name=re.compile("Quotes"))).to_have_text(re.compile(r"Quotes\s+1\s+0"))
    await page.goto("/")
    await page.locator(".sidebar-chat__link").first.dispatch_event("click")
    await good.click()
    await page.get_by_role("button", name="Remove rating").click()
    await expect(good).to_have_attribute("aria-pressed", "false")
    await expect(good).to_be_focused()
