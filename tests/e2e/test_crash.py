"""The web process is killed in the middle of an answer: the page tells of it, and nothing written is lost."""

from __future__ import annotations

import re

import psutil
import pytest
from playwright.async_api import expect

from tests.doubles.upstream import Upstream
from tests.e2e.chatting import answer_is_finished, answers, ask, composer
from tests.e2e.conftest import OpenBrowser, sign_up
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

RESTART_MS = 60_000
WORDS_PER_S = 20
JOURNAL_WORDS = WORDS_PER_S
"""The journal is at most a second behind."""


def web_process(site: Site) -> psutil.Process:
    children = psutil.Process(site.process.pid).children(recursive=True)
    return next(child for child in children if child.cmdline()[-2:] == ["webui", "web"])


async def test_an_answer_that_a_crash_interrupted_can_be_asked_for_again(
    models: Upstream, built_in: Upstream, open_browser: OpenBrowser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("crash") / "data"
    with running_site(data, model_url=models.url, built_in_url=built_in.url) as site:
        page = await (await open_browser(site.url)).new_page()
        await sign_up(page, "ada@example.org")
        await ask(page, f"A long one @fake tokens=400 rate={WORDS_PER_S}")
        written = page.locator(".message--active .prose")
        await expect(written).to_contain_text(re.compile(r"(words\. .*){5}"))
        n_seen = len((await written.inner_text()).split())

        web_process(site).kill()

        await expect(page.get_by_text("Connection lost")).to_be_visible()
        await composer(page).fill("Written while nobody listens")
        error = answers(page).locator(".message__error")
        await expect(error).to_contain_text("This answer was interrupted", timeout=RESTART_MS)
        n_kept = len((await answers(page).locator(".prose").inner_text()).split())
        assert n_kept >= n_seen - JOURNAL_WORDS
        await expect(composer(page)).to_have_value("Written while nobody listens")
        await expect(page.get_by_text("Connection lost")).to_be_hidden()

        await page.get_by_role("button", name="Retry").click()
        await expect(answers(page)).to_contain_text("2/2")
        await page.get_by_role("button", name="Stop", exact=True).click()
        await answer_is_finished(page)
