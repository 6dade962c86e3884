"""Chats out and in, as a person does it in a browser."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.chatting import answers, overflow, questions
from tests.e2e.conftest import PHONE, OpenBrowser, sign_up
from tests.e2e.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

TITLE = "<b>Ropes</b> & tar"
HOSTILE = "**Hemp** <img src=x onerror=alert(1)> <script>alert(2)</script> ![p](https://evil.example/p.png)"


def export_of_open_webui(path: Path, n: int = 40) -> Path:
    chats = []
    for number in range(n):
        title = TITLE if not number else f"Chat {number}"
        rows = {
            "q": {"id": "q", "parentId": None, "role": "user", "content": f"Which rope, {number}?"},
            "a": {"id": "a", "parentId": "q", "role": "assistant", "content": HOSTILE, "model": "llama3.2:3b"},
            "b": {"id": "b", "parentId": "q", "role": "assistant", "content": "Nylon.", "model": "qwen2.5:7b"},
        }
        history = {"messages": rows, "currentId": "a"}
        chats.append({"title": title, "chat": {"history": history}, "updated_at": 1_714_000_000 + number})
    chats[1]["chat"] = {"history": {"messages": {"q": {"role": "user", "parentId": "gone", "content": "?"}}}}
    path.write_text(json.dumps([*chats, {"no": "chat"}]))
    return path


async def import_file(page: Page, file: Path) -> None:
    await page.locator("chat-sidebar button.account").click()
    await page.get_by_role("link", name="Import and export").click()
    await page.locator("#import-file").set_input_files(file)


async def test_chats_are_imported_read_and_exported(site: Site, open_browser: OpenBrowser, tmp_path: Path) -> None:
    context = await open_browser(site.url)
    page = await context.new_page()
    await sign_up(page, "transfer@example.org")

    # Imported, with its report.
    await import_file(page, export_of_open_webui(tmp_path / "export.json"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Imported", timeout=60_000)
    await expect(page.locator("#import-state")).to_contain_text("40 new chats, 1 not imported")
    await expect(page.locator("#import-state")).to_contain_text("This is no chat in a form that is known here.")
    await expect(page.locator("#import-state")).to_contain_text("answers one that is not in the file")

    # An imported chat is opened: its title is text, its answer runs nothing, its other branch is there.
    await page.locator("#import-state").get_by_role("link", name=TITLE).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
    await expect(questions(page)).to_contain_text("Which rope, 0?")
    await expect(answers(page)).to_contain_text("Hemp")
    await expect(page.locator(".siblings__count")).to_have_text("1/2")
    await page.get_by_role("button", name="Next version").click()
    await expect(answers(page)).to_contain_text("Nylon.")

    # One chat goes out as a page that opens by itself.
    row = page.locator("chat-sidebar li[data-chat]").filter(has_text="Chat 39")
    await row.hover()
    await row.get_by_role("button", name="Actions for Chat 39").click()
    await page.get_by_role("button", name="Export…").click()
    dialog = page.get_by_role("dialog", name="Export “Chat 39”")
    async with page.expect_download() as begun:
        await dialog.get_by_role("link", name="Web page").click()
    paper = tmp_path / "paper.html"
    await (await begun.value).save_as(paper)
    assert (await begun.value).suggested_filename == "chat-39.html"
    assert "<strong>Hemp</strong>" in paper.read_text()
    await opens_alone(page.context, paper)
    await dialog.get_by_role("button", name="Close").click()
    await expect(dialog).to_be_hidden()

    # All of them go out, and come in again as what is known.
    await page.goto("/chats/transfer/")
    async with page.expect_download() as begun:
        await page.get_by_role("link", name="Export 40 chats").click()
    bundle = tmp_path / "chats.zip"
    await (await begun.value).save_as(bundle)
    with zipfile.ZipFile(bundle) as archive:
        assert json.loads(archive.read("manifest.json"))["n_chats"] == 40
    await page.locator("#import-file").set_input_files(bundle)
    await expect(page.locator("#import-state")).to_contain_text("0 new chats, 40 that you had already", timeout=60_000)


async def opens_alone(context: BrowserContext, paper: Path) -> None:
    """Open an exported page without a network, and see that it asks for nothing else."""
    assert context.browser
    offline = await context.browser.new_context(offline=True)
    alone = await offline.new_page()
    asked: list[str] = []
    alone.on("request", lambda request: asked.append(request.url))
    await alone.goto(paper.as_uri())
    await expect(alone.get_by_role("heading", level=1)).to_have_text("Chat 39")
    await expect(alone.get_by_text("Hemp")).to_have_css("font-weight", "700")
    assert asked == [paper.as_uri()]
    await offline.close()


async def test_an_import_goes_on_without_its_page_and_can_be_stopped(
    site: Site, open_browser: OpenBrowser, tmp_path: Path
) -> None:
    page = await (await open_browser(site.url, PHONE)).new_page()
    await sign_up(page, "stopper@example.org")
    await page.goto("/chats/transfer/")
    assert await overflow(page) <= 0

    await page.locator("#import-file").set_input_files(export_of_open_webui(tmp_path / "large.json", 6_000))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Being imported")
    await expect(page.get_by_role("progressbar")).to_be_visible()
    assert await overflow(page) <= 0
    report = page.url
    await page.goto("/")
    await page.goto(report)
    await expect(page.locator("#import-state")).to_contain_text(re.compile(r"[1-9]\d* new chats"))
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator("#import-state")).to_contain_text("It was stopped. What had been imported stays.")
    await expect(page.locator("#import-state li").first).to_be_visible()
