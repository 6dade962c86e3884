"""What people send by mistake, or others on purpose: an error in words where they are, and nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from rag.extraction import tesseract
from tests.doubles.pdf_files import scanned_pdf, text_pdf
from tests.e2e.chatting import answer_is_finished, answers, ask, ask_and_wait, composer, questions
from tests.e2e.conftest import OpenBrowser, sign_up

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

UNREADABLE = [
    ("locked.pdf", text_pdf(["A secret"], password="sesame"), "protected by a password"),
    ("scan.pdf", scanned_pdf(), "no text in this file" if tesseract.find() else "pictures of pages, but no text"),
    ("cut.pdf", text_pdf(["Whole"])[:300], "damaged, or it is not what its name says"),
]
REFUSED = [
    ("picture.pdf", bytes(range(256)) * 20, "damaged, or it is not what its name says"),
    ("nothing.txt", b"", "no text in this file"),
    ("program.exe", b"MZ\x00\x01" * 100, "cannot be read yet"),
]


@pytest.mark.parametrize(("name", "content", "reason"), UNREADABLE, ids=[name for name, _, _ in UNREADABLE])
async def test_why_a_document_cannot_be_read_is_said_where_the_answer_would_be(
    page: Page, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    await page.locator("[data-files]").set_input_files(tmp_path / name)
    await expect(page.locator(".composer .chip")).to_contain_text(name)

    await ask(page, "What is in it? @fake tokens=3")

    error = answers(page).locator(".message__error")
    await expect(error).to_contain_text(f"“{name}” could not be read")
    await expect(error).to_contain_text(reason)
    await expect(questions(page)).to_contain_text("What is in it?")
    await answer_is_finished(page)


@pytest.mark.parametrize(("name", "content", "reason"), REFUSED, ids=[name for name, _, _ in REFUSED])
async def test_a_file_that_is_not_taken_leaves_what_was_written(
    page: Page, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    await composer(page).fill("I was writing this")

    await page.locator("[data-files]").set_input_files(tmp_path / name)

    await expect(page.get_by_role("alert")).to_contain_text(reason)
    await expect(page.locator(".composer .chip")).to_have_count(0)
    await expect(composer(page)).to_have_value("I was writing this")
    await composer(page).fill("")


async def test_a_message_that_is_too_long_stays_in_the_field(page: Page) -> None:
    await composer(page).fill("x" * 200_001)

    await composer(page).press("Enter")

    await expect(page.get_by_role("alert")).to_contain_text("The message is too long")
    assert len(await composer(page).input_value()) == 200_001
    await expect(questions(page)).to_have_count(0)
    await composer(page).fill("")


async def test_an_empty_message_is_not_sent(page: Page) -> None:
    await composer(page).fill("   \n ")

    await composer(page).press("Enter")

    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    await expect(questions(page)).to_have_count(0)
    await composer(page).fill("")


async def test_html_in_a_question_is_text_everywhere(page: Page) -> None:
    hostile = '<img src=x onerror="document.title=1"><script>document.title=1</script>'

    await ask_and_wait(page, f"{hostile} @fake mode=echo")
    await page.reload()

    await expect(page.locator(".chat-title__text")).to_contain_text("<img src=x")
    await expect(questions(page)).to_contain_text(hostile)
    await expect(page.locator("main img[src=x], chat-sidebar img[src=x], main script")).to_have_count(0)
    assert await page.title() != "1"


async def test_someone_elses_chat_is_not_there(page: Page, open_browser: OpenBrowser) -> None:
    await ask_and_wait(page, "Mine alone @fake tokens=3")
    charlie = await (await open_browser()).new_page()
    await sign_up(charlie, "charlie@example.org")

    answer = await charlie.goto(page.url)

    assert answer is not None
    assert answer.status == 404
    await expect(charlie.get_by_role("heading", level=1)).to_be_visible()
    await expect(charlie.locator("body")).not_to_contain_text("Mine alone")
