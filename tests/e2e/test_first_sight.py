"""What is seen at once: the chosen theme from the first paint on, and the composer above a keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.chatting import ask_and_wait, composer
from tests.e2e.conftest import PHONE, OpenBrowser, sign_up

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

# Frames come from the first paint on: what blocks painting blocks them too.
BACKGROUNDS = """
window.backgrounds = [];
const look = () => {
  const color = getComputedStyle(document.documentElement).backgroundColor;
  if (window.backgrounds.at(-1) !== color) window.backgrounds.push(color);
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
# Safari lays the keyboard over the page, and tells only what is seen of it.
COVERING_KEYBOARD = """
const seen = new EventTarget();
Object.defineProperties(seen, { height: { get: () => innerHeight - window.covered }, scale: { value: 1 } });
window.covered = 0;
window.cover = (pixels) => { window.covered = pixels; seen.dispatchEvent(new Event("resize")); };
Object.defineProperty(window, "visualViewport", { value: seen });
"""


async def test_a_theme_is_on_every_device_from_the_first_paint_on(open_browser: OpenBrowser) -> None:
    here = await (await open_browser()).new_page()
    await sign_up(here, "theo@example.org")
    session = [cookie for cookie in await here.context.cookies() if "theme" not in cookie["name"]]
    painted: dict[str, str] = {}

    for theme, system in (("Dark", "light"), ("Light", "dark"), ("High contrast", "light")):
        await here.locator(".account").click()
        async with here.expect_response("**/theme/"):
            await here.get_by_text(theme, exact=True).click()
        await here.keyboard.press("Escape")
        elsewhere = await open_browser(color_scheme=system)
        await elsewhere.add_init_script(BACKGROUNDS)
        await elsewhere.add_cookies([{"name": c["name"], "value": c["value"], "url": here.url} for c in session])
        painted[theme] = await painted_background(elsewhere)

    assert len({*painted.values()}) == 3, painted


async def painted_background(context: BrowserContext) -> str:
    """Return the one background that a page has had while it was loaded, and loaded again."""
    page = await context.new_page()
    await page.goto("/")
    await expect(composer(page)).to_be_focused()
    await page.reload()
    await expect(composer(page)).to_be_focused()
    backgrounds = await page.evaluate("window.backgrounds")
    assert len(backgrounds) == 1, backgrounds
    return str(backgrounds[0])


@pytest.mark.parametrize("browser_shrinks_the_page", [True, False])
async def test_the_composer_stays_above_a_keyboard(
    open_browser: OpenBrowser, alice_state: Path, browser_shrinks_the_page: bool
) -> None:
    context = await open_browser(size=PHONE, storage_state=alice_state)
    await context.add_init_script(COVERING_KEYBOARD)
    page = await context.new_page()
    await page.goto("/")
    await ask_and_wait(page, "Tell me of the harbour. @fake tokens=400")
    keyboard = 320

    await composer(page).tap()
    if browser_shrinks_the_page:
        await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1] - keyboard})
    else:
        await page.evaluate("pixels => cover(pixels)", keyboard)

    send = page.get_by_role("button", name="Send", exact=True)
    await expect_above(page, PHONE[1] - keyboard)
    await composer(page).fill("One line\n" * 40)
    await expect(send).to_be_enabled()
    await expect_above(page, PHONE[1] - keyboard)


async def expect_above(page: Page, height: int) -> None:
    """The bar and the composer with its button are within the part of the page that is left."""
    await page.wait_for_function(
        """height => {
          const boxes = [".bar", ".composer__text", ".composer__send"].map(
            (part) => document.querySelector(part).getBoundingClientRect(),
          );
          return boxes.every(({ top, bottom }) => top >= 0 && bottom <= height);
        }""",
        arg=height,
    )
