"""The first minutes of a site: the first person to sign up runs it, the next one waits or joins."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.doubles.upstream import Upstream
from tests.e2e.chatting import answer_is_finished, answers, composer
from tests.e2e.conftest import PASSWORD, PHONE, OpenBrowser, sign_up
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="module")
def fresh_site(models: Upstream, built_in: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that nobody has signed up at, and that lets people in after approval."""
    data = tmp_path_factory.mktemp("fresh") / "data"
    with running_site(data, model_url=models.url, built_in_url=built_in.url, HEARTH_SIGNUP="approval") as running:
        yield running


async def test_the_first_person_administers_and_the_second_waits(fresh_site: Site, open_browser: OpenBrowser) -> None:
    first = await (await open_browser(fresh_site.url)).new_page()
    await sign_up(first, "ada@example.org")

    await expect(composer(first)).to_be_focused()
    await first.keyboard.type("Hello @fake tokens=5")
    await first.keyboard.press("Enter")
    await answer_is_finished(first)
    await expect(answers(first)).to_contain_text("The model answers")
    await first.locator(".account").click()
    await first.get_by_role("link", name="Administration").click()
    await expect(first.get_by_role("heading", level=1)).to_be_visible()

    second = await (await open_browser(fresh_site.url, PHONE)).new_page()
    await sign_up(second, "grace@example.org")
    await expect(second).to_have_url(f"{fresh_site.url}/accounts/waiting/")
    await second.goto(fresh_site.url)
    await expect(composer(second)).to_have_count(0)


async def test_who_signs_in_has_an_answer_within_half_a_minute_by_keyboard_alone(
    site: Site, alice_state: Path, open_browser: OpenBrowser
) -> None:
    page = await (await open_browser()).new_page()
    began = time.monotonic()

    await page.goto("/")
    await page.keyboard.type("alice@example.org")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(composer(page)).to_be_focused()
    await page.keyboard.type("Hello @fake tokens=100 rate=20")
    await page.keyboard.press("Enter")

    await expect(page.locator(".message--active .prose")).to_contain_text("The model answers")
    assert time.monotonic() - began < 30
