"""Every page of the site passes axe-core, in every theme; the pages are found by introspection, also new ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from tests.e2e.chatting import overflow
from tests.e2e.conftest import DESKTOP, PHONE, TABLET, sign_up, signed_in_state
from tests.e2e.pages import pages_among
from tests.e2e.site import Site
from tests.permissions.routes import all_routes

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

AXE = Path(str(find_spec("axe_playwright_python").submodule_search_locations[0])) / "axe.min.js"  # type: ignore[union-attr,index]
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # Not the style sheets too, which none of these rules reads: to fetch and parse them takes longer than the rules.
    "preload": {"assets": ["media"]},
}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
TARGETS = {"runOnly": {"type": "rule", "values": ["target-size"]}}
THEMES = ("dark", "contrast")
SIZES = (PHONE, TABLET, DESKTOP)

Open = Callable[..., Awaitable[BrowserContext]]


@pytest_asyncio.fixture(loop_scope="session")
async def examined(browser: Browser, site: Site) -> AsyncIterator[Open]:
    """Return a function that opens a browser in which axe-core can work: it measures with styles of its own."""
    contexts: list[BrowserContext] = []

    async def open_one(**options: Any) -> BrowserContext:
        contexts.append(
            await browser.new_context(base_url=site.url, bypass_csp=True, reduced_motion="reduce", **options)
        )
        return contexts[-1]

    yield open_one
    for context in contexts:
        await context.close()


async def test_the_pages_of_a_member(examined: Open, alice_state: Path, ids_of_alice: list[list[str]]) -> None:
    alice = await examined(storage_state=alice_state)
    addresses = await pages_among(alice, all_routes("member"), ids_of_alice)

    assert len(addresses) > 40
    assert_none(await problems_of(alice, addresses))


async def test_the_pages_of_an_administrator(examined: Open, browser: Browser, site: Site, tmp_path: Path) -> None:
    root = await examined(storage_state=await signed_in_state(browser, site, tmp_path))
    addresses = await pages_among(root, all_routes("administrator"))

    assert len(addresses) > 8
    assert_none(await problems_of(root, addresses))


async def test_the_pages_of_strangers_and_a_page_that_is_not_there(examined: Open) -> None:
    stranger = await examined()
    assert_none(await problems_of(stranger, ["/accounts/login/", "/accounts/signup/"]))

    await sign_up(await stranger.new_page(), "newcomer@example.org")
    assert_none(await problems_of(stranger, ["/no/such/page/", "/"]))


def assert_none(problems: list[str]) -> None:
    assert not problems, "\n".join(problems)


async def problems_of(context: BrowserContext, addresses: Iterable[str]) -> list[str]:
    """Look at each page in full, at its colours in every theme, its width in every size, and its targets on a phone."""
    page = await context.new_page()
    source = AXE.read_text()
    problems = []
    for address in addresses:
        await page.goto(address)
        await page.evaluate(source)
        problems += await _problems(page, address, RULES)
        for theme in THEMES:
            await page.evaluate("theme => document.documentElement.setAttribute('data-theme', theme)", theme)
            problems += await _problems(page, f"{address} {theme}", CONTRAST)
        for width, height in SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            if (too_wide := await overflow(page)) > 0:
                problems.append(f"{address}: at {width} pixels, it scrolls sideways by {too_wide}")
        await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        problems += await _problems(page, f"{address} on a phone", TARGETS)
        await page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    await page.close()
    return problems


async def _problems(page: Page, where: str, options: dict[str, Any]) -> list[str]:
    found = await page.evaluate("options => axe.run(document, {...options, resultTypes: ['violations']})", options)
    return [
        f"{where}: {violation['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
