"""Pictures made in a chat, as a person sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.doubles.image_servers import ImageServer, image_server
from tests.doubles.pictures import png
from tests.e2e.chatting import answers, ask, composer, questions
from tests.e2e.conftest import OpenBrowser, signed_in_state
from tests.e2e.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="module")
def painter() -> Iterator[ImageServer]:
    with image_server("automatic1111") as server:
        server.picture = png(320, 256, "teal")
        yield server


async def enter_server(page: Page, painter: ImageServer) -> None:
    await page.goto("/administration/pictures/add/automatic1111/")
    form = page.get_by_role("main")
    await form.get_by_label("Name", exact=True).fill("Studio")
    await form.get_by_label("Address").fill(painter.url)
    await form.get_by_role("button", name="Test").click()
    await expect(page.get_by_text("It works: 1 model.")).to_be_visible()
    await form.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Answers", exact=True)).to_be_visible()


async def forget_server(page: Page) -> None:
    """The site is that of other tests too."""
    await page.goto("/administration/pictures/")
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("No server makes pictures yet")).to_be_visible()


async def test_a_picture_is_asked_for_seen_made_anew_and_there_after_a_reload(
    browser: Browser, open_browser: OpenBrowser, site: Site, painter: ImageServer, tmp_path: Path
) -> None:
    root = await open_browser(storage_state=await signed_in_state(browser, site, tmp_path))
    page = await root.new_page()
    await enter_server(page, painter)
    painter.go.clear()
    painter.percent = 40

    await page.goto("/")
    await page.get_by_role("button", name="Create a picture").click()
    await expect(composer(page)).to_be_focused()
    await page.get_by_label("Size").select_option(label="Wide, 768 × 512")
    await ask(page, "a lighthouse in fog")

    await expect(answers(page)).to_contain_text("Making the picture, 40 %")
    await expect(page.get_by_label("Size")).to_be_hidden()
    painter.go.set()
    picture = answers(page).get_by_role("img", name="a lighthouse in fog")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => image.complete && image.naturalWidth > 0")
    assert (painter.drawn[0]["width"], painter.drawn[0]["height"]) == (768, 512)

    await page.get_by_role("button", name="Make another picture").click()
    await expect(answers(page).locator(".siblings__count")).to_have_text("2/2")
    await page.reload()
    await expect(picture).to_be_visible()
    await page.get_by_role("button", name="Previous version").click()
    await expect(answers(page).locator(".siblings__count")).to_have_text("1/2")

    await picture.click()
    dialog = page.get_by_role("dialog", name="Picture")
    async with page.expect_download() as download:
        await dialog.get_by_role("link", name="Download").click()
    assert (await download.value).suggested_filename == "a-lighthouse-in-fog.png"
    await page.keyboard.press("Escape")

    await ask(page, "/image a boat")
    await expect(questions(page)).to_have_count(2)
    await expect(answers(page).get_by_role("img", name="a boat")).to_be_visible()
    await forget_server(page)
