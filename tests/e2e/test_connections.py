"""An administrator connects a server of models, as a person does it in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.doubles.upstream import Upstream
from tests.e2e.conftest import OpenBrowser, signed_in_state
from tests.e2e.site import Site, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def form(site: Site, browser: Browser, open_browser: OpenBrowser, tmp_path: Path) -> Page:
    """The administrator's form for a new connection."""
    context = await open_browser(storage_state=await signed_in_state(browser, site, tmp_path))
    page = await context.new_page()
    await page.goto("/administration/connections/add/")
    return page


async def test_enter_saves_what_works_and_says_what_does_not(form: Page, models: Upstream) -> None:
    address = form.get_by_label("Address")
    await form.get_by_role("textbox", name="Name", exact=True).fill("Workstation")
    await address.fill(f"http://127.0.0.1:{free_port()}")
    await address.press("Enter")

    await expect(form.get_by_role("alert")).to_contain_text("Nothing listens at")

    await address.fill(models.url)
    await address.press("Enter")

    await expect(form).to_have_url(re.compile("/administration/connections/$"))
    row = form.get_by_role("listitem").filter(has_text="Workstation")
    await expect(row).to_contain_text("2 models")

    await row.get_by_role("button", name="Delete").click()
    await row.get_by_role("dialog").get_by_role("button", name="Delete").click()

    await expect(row).to_have_count(0)
