"""Fingers on a phone: on every page, in its drawer, menus and dialogs too, what can be pressed is large enough."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext

from tests.e2e.conftest import PHONE, OpenBrowser, signed_in_state
from tests.e2e.pages import addresses_without_ids, is_page
from tests.e2e.site import Site
from tests.permissions.routes import all_routes

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

# Signing out ends the session of this browser.
LEFT_OUT = {"/accounts/logout/"}
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What is too small, as "width x height, element, words". A label counts as a part of its field, and so does what
# a field or button draws beside itself to be easier to hit. Links within sentences are as high as their line.
# Source: WCAG 2.2, success criterion 2.5.5, with its exceptions "inline" and "equivalent".
SMALL = """() => {
  const LEAST = 43.5;
  const PRESSED = `button, summary, select, input:not([type="hidden"]), textarea, a[href],
    [role="button"], [role="menuitem"], [role="option"], [role="tab"], [role="switch"]`;
  const found = new Set();

  const sizeOf = (node) => {
    const parts = [node, ...(node.labels ?? []), node.closest("label")].filter(Boolean);
    const boxes = parts.map((part) => part.getBoundingClientRect());
    for (const side of ["::before", "::after"]) {
      const { content, position, width, height } = getComputedStyle(node, side);
      if (content !== "none" && position === "absolute") {
        boxes.push({ width: parseFloat(width) || 0, height: parseFloat(height) || 0 });
      }
    }
    return [Math.max(...boxes.map((box) => box.width)), Math.max(...boxes.map((box) => box.height))];
  };
  const isWithinSentence = (node) => {
    const around = [...node.parentElement.childNodes].filter((other) => other !== node);
    const words = around.map((other) => other.textContent).join("").replace(/[^\\p{L}\\p{N}]/gu, "");
    return getComputedStyle(node).display === "inline" && words.length > 2;
  };
  const look = (root) => {
    for (const node of root.querySelectorAll(PRESSED)) {
      const [width, height] = sizeOf(node);
      const isThere = node.checkVisibility({ visibilityProperty: true }) && width && height;
      if (!isThere || (width >= LEAST && height >= LEAST)) continue;
      if (node.matches(":disabled, .visually-hidden, .skip-link") || isWithinSentence(node)) continue;
      const words = (node.getAttribute("aria-label") ?? node.textContent).trim().slice(0, 30);
      const size = `${Math.round(width)} x ${Math.round(height)}`;
      found.add(`${size}, ${node.tagName.toLowerCase()}.${node.className}, ${words}`);
    }
  };

  for (const details of document.querySelectorAll("details")) details.open = true;
  const app = document.querySelector(".app");
  if (app) app.dataset.drawer = "open";
  look(document);
  for (const { content } of document.querySelectorAll("template")) {
    for (const menu of content.querySelectorAll("[popover]")) document.body.append(document.importNode(menu, true));
  }
  for (const layer of document.querySelectorAll("[popover], dialog")) {
    layer.style.display = "block";
    look(layer);
    layer.style.display = "";
  }
  return [...found];
}"""
LINKS = "[...document.querySelectorAll('a[href^=\"/\"]:not([download])')].map((link) => link.getAttribute('href'))"


@pytest.mark.usefixtures("ids_of_alice")
async def test_a_member_presses_nothing_small(open_browser: OpenBrowser, alice_state: Path) -> None:
    alice = await open_browser(size=PHONE, storage_state=alice_state)

    seen, small = await walk(alice, ["/", *addresses_without_ids(all_routes("member"))])

    assert len(seen) > 40, seen
    assert not small, "\n".join(small)


@pytest.mark.usefixtures("ids_of_alice")
async def test_an_administrator_presses_nothing_small(
    open_browser: OpenBrowser, browser: Browser, site: Site, tmp_path: Path
) -> None:
    root = await open_browser(size=PHONE, storage_state=await signed_in_state(browser, site, tmp_path))

    seen, small = await walk(root, addresses_without_ids(all_routes("administrator")), within="/administration/")

    assert len(seen) > 13, seen
    assert not small, "\n".join(small)


async def test_a_stranger_presses_nothing_small(open_browser: OpenBrowser) -> None:
    stranger = await open_browser(size=PHONE)

    _, small = await walk(stranger, ["/accounts/login/", "/accounts/signup/", "/no/such/page/"], within="/accounts/")

    assert not small, "\n".join(small)


async def walk(context: BrowserContext, addresses: Iterable[str], within: str = "/") -> tuple[list[str], list[str]]:
    """Look at these pages, and at one of each kind that links on them lead to; return the kinds and what is small."""
    page = await context.new_page()
    seen: dict[str, list[str]] = {}
    waiting = [*addresses]
    for address in waiting:  # Which grows meanwhile.
        kind = UUID.sub("*", urlsplit(address).path)
        if kind in seen or kind in LEFT_OUT or not await is_page(await context.request.get(address, max_redirects=0)):
            continue
        await page.goto(address)
        seen[kind] = await page.evaluate(SMALL)
        waiting += [found for found in await page.evaluate(LINKS) if found.startswith(within)]
    await page.close()
    return [*seen], [f"{kind}: {found}" for kind, small in seen.items() for found in small]
