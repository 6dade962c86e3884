"""The site as an app that is installed."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import OpenBrowser

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_without_a_connection_a_page_of_ours_says_so_and_leads_back(open_browser: OpenBrowser) -> None:
    context = await open_browser(service_workers="allow")
    page = await context.new_page()
    await page.goto("/accounts/login/")
    await page.evaluate("navigator.serviceWorker.ready.then(() => null)")

    await context.set_offline(True)
    await page.goto("/accounts/signup/")

    await expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    assert await page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") != "0px"
    await context.set_offline(False)
    await page.get_by_role("link", name="Try again").click()
    await expect(page.get_by_role("heading", name="No connection")).to_have_count(0)
    assert page.url.endswith("/accounts/signup/")
    assert await page.evaluate("caches.keys()") == ["hearth-offline"]


async def test_the_browser_finds_all_that_installing_needs(open_browser: OpenBrowser) -> None:
    page = await (await open_browser(service_workers="allow")).new_page()
    await page.goto("/accounts/login/")

    devtools = await page.context.new_cdp_session(page)
    found = await devtools.send("Page.getAppManifest")
    missing = await devtools.send("Page.getInstallabilityErrors")

    assert found["errors"] == []
    # Only a browser of somebody's own installs anything; that of a test is a private one.
    assert [one["errorId"] for one in missing["installabilityErrors"]] in ([], ["in-incognito"])
