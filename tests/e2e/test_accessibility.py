"""Every page of the site passes axe-core, in every theme; the pages are found by introspection, also new ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import APIResponse, Browser, BrowserContext, Page

from tests.e2e.chatting import overflow
from tests.e2e.conftest import DESKTOP, PHONE, TABLET, sign_up, signed_in_state
from tests.e2e.site import ROOT, Site, environment_of
from tests.permissions.routes import Route, all_routes

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
# Signing out shows a page to whoever asks for it, and ends the session of this browser. Diagrams are drawn in a frame
# that nobody sees.
NOT_ASKED = {"account_logout", "chats:drawer"}


@pytest.fixture(scope="module")
def ids(site: Site, alice_state: Path) -> list[list[str]]:
    """Of one of everything that Alice has now, alone and after that of what it is in."""
    filled = subprocess.run(
        [sys.executable, "-m", "tests.e2e.filling", "alice@example.org"],
        cwd=ROOT, env=environment_of(site), stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return list(json.loads(filled.stdout))


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


async def test_the_pages_of_a_member(examined: Open, alice_state: Path, ids: list[list[str]]) -> None:
    alice = await examined(storage_state=alice_state)
    addresses = await pages_among(alice, all_routes("member"), ids)

    assert len(addresses) > 40
    assert_none(await problems_of(alice, addresses))


async def test_the_pages_of_an_administrator(examined: Open, browser: Browser, site: Site, tmp_path: Path) -> None:
    root = await examined(storage_state=await signed_in_state(browser, site, tmp_path))
    addresses = await pages_among(root, all_routes("administrator"), [])

    assert len(addresses) > 8
    assert_none(await problems_of(root, addresses))


async def test_the_pages_of_strangers_and_a_page_that_is_not_there(examined: Open) -> None:
    stranger = await examined()
    assert_none(await problems_of(stranger, ["/accounts/login/", "/accounts/signup/"]))

    await sign_up(await stranger.new_page(), "newcomer@example.org")
    assert_none(await problems_of(stranger, ["/no/such/page/", "/"]))


def assert_none(problems: list[str]) -> None:
    assert not problems, "\n".join(problems)


async def pages_among(context: BrowserContext, routes: Iterable[Route], ids: list[list[str]]) -> list[str]:
    """Return the addresses at which there is a whole page, one of each kind."""
    found = []
    for route in routes:
        if route.name in NOT_ASKED:
            continue
        for chosen in [given for given in ids if len(given) == len(route.ids)] if route.ids else [[]]:
            response = await context.request.get(address := route.url(chosen), max_redirects=0)
            if response.status == 200 and await is_page(response):
                found.append(address)
            if response.status in (200, 405):
                # Nothing else leads to it, or it is none to look at.
                break
    return found


async def is_page(response: APIResponse) -> bool:
    if "content-disposition" in response.headers:
        return False
    return (await response.text()).lstrip().lower().startswith("<!doctype html")


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
