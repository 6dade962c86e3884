"""A preset from its making to an answer that cites what it draws on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.doubles.upstream import Behaviour, Upstream
from tests.e2e.chatting import answer_is_finished, answers, overflow
from tests.e2e.conftest import PASSWORD, PHONE, OpenBrowser, sign_up
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

EMBEDDER_START_MS = 90_000


@pytest.fixture(scope="module")
def site_with_embedder(
    tmp_path_factory: pytest.TempPathFactory, embedder_files: Path, models: Upstream
) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("presets") / "data"
    shutil.copytree(embedder_files, data / "models" / "embedded")
    with running_site(
        data, model_url=models.url, HEARTH_ADMIN_EMAIL="root@example.org", HEARTH_ADMIN_PASSWORD=PASSWORD
    ) as running:
        yield running


async def test_a_preset_is_made_picked_and_answers_from_its_document(
    site_with_embedder: Site,
    open_browser: OpenBrowser,
    models: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    harbour = tmp_path / "harbour.txt"
    harbour.write_text("The lighthouse of Sandhagen was built in 1902. Its keeper was Ole Brandt.")
    monkeypatch.setattr(models, "behaviour", Behaviour(answer="It was built in 1902 [1]."))
    page = await (await open_browser(site_with_embedder.url, PHONE)).new_page()
    await sign_up(page, "ada@example.org")
    await page.goto("/documents/")
    await page.locator("#drop-zone-files").set_input_files(harbour)
    await expect(page.locator("#documents")).to_contain_text("Ready", timeout=EMBEDDER_START_MS)

    # Made, the document found by its name.
    await page.goto("/presets/")
    await page.get_by_role("link", name="Make the first one").click()
    await page.get_by_role("textbox", name="Name", exact=True).fill("Harbour master")
    await page.get_by_label("System prompt").fill("You are the harbour master.")
    await page.get_by_label("Knowledge and documents").first.fill("harb")
    await page.get_by_role("option", name=re.compile("harbour.txt")).wait_for()
    await page.keyboard.press("Enter")
    await expect(page.locator(".source-picker .chip")).to_contain_text("harbour.txt")
    await page.get_by_label("Suggestions").fill("When was the lighthouse built?")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Harbour master")
    assert await overflow(page) == 0

    # Picked with the keyboard; the empty chat is the preset's then.
    await page.goto("/")
    await page.get_by_role("button", name="Model", exact=True).click()
    await page.keyboard.type("harbour")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="Harbour master")).to_be_visible()
    await page.get_by_role("button", name="When was the lighthouse built?").click()
    await page.keyboard.press("Enter")
    await expect(answers(page).locator(".citation").first).to_be_visible(timeout=EMBEDDER_START_MS)
    await answer_is_finished(page)
    await expect(answers(page).locator(".message__model")).to_have_text("Harbour master tiny:latest")
    await expect(answers(page)).to_contain_text("harbour.txt")
    assert models.last("/api/chat").body["messages"][0]["content"].startswith("You are the harbour master.")
    assert await overflow(page) == 0

    # The chat remembers it; what is deleted comes back with Undo.
    await page.reload()
    await expect(page.get_by_role("button", name="Model", exact=True)).to_have_text("Harbour master")
    await page.goto("/presets/")
    await page.get_by_role("link", name="Harbour master", exact=True).click()
    await page.get_by_role("button", name="More").click()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("“Harbour master” was deleted.")).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Harbour master")
