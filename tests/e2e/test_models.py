"""Real GGUF files in the models folder: they answer and cite, a refused one is named, and a crash is survived."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.doubles import gguf_files
from tests.doubles.pdf_files import text_pdf
from tests.e2e.chatting import answer_is_finished, answers, ask, ask_and_wait
from tests.e2e.conftest import PASSWORD, OpenBrowser, signed_in_state
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.asyncio(loop_scope="session")]

CITING = "The boiler was replaced by Miller and Sons [1] for eight thousand euros."
PAGES = [
    "The house at the harbour was built in 1911 by two brothers who traded in rope and tar.",
    "In the spring of 2019 the old boiler was replaced by Miller and Sons for 8450 euros.",
]
FIRST_USE_MS = 60_000
RECOVERY_S = 60.0


@pytest.fixture(scope="module")
def model_site(tmp_path_factory: pytest.TempPathFactory, embedder_files: Path) -> Iterator[Site]:
    """Everything that `up` starts, over a folder with two models and one that is cut off."""
    data = tmp_path_factory.mktemp("models") / "data"
    folder = data / "models"
    shutil.copytree(embedder_files, folder / "embedded")
    gguf_files.build_scripted(folder / "citing.gguf", CITING)
    gguf_files.build_slow(folder / "counting.gguf")
    whole = (folder / "citing.gguf").read_bytes()
    (folder / "half.gguf").write_bytes(whole[: len(whole) // 2])
    with running_site(data, HEARTH_ADMIN_EMAIL="root@example.org", HEARTH_ADMIN_PASSWORD=PASSWORD) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def root_state(model_site: Site, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return await signed_in_state(browser, model_site, tmp_path_factory.mktemp("root"))


@pytest_asyncio.fixture(loop_scope="session")
async def page(model_site: Site, root_state: Path, open_browser: OpenBrowser) -> Page:
    opened = await (await open_browser(model_site.url, storage_state=root_state)).new_page()
    await opened.goto("/")
    return opened


async def pick(page: Page, model: str) -> None:
    await page.get_by_role("button", name="Model", exact=True).click()
    await page.keyboard.type(model)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Model", exact=True)).to_contain_text(model)


async def answer_is_being_written(page: Page) -> None:
    await expect(page.locator(".message--active .prose")).to_contain_text("1 2 3", timeout=FIRST_USE_MS)


async def site_is_ready(page: Page, site: Site) -> None:
    deadline = time.monotonic() + RECOVERY_S
    while not (await page.request.get(f"{site.url}/ready")).ok:
        assert time.monotonic() < deadline, site.log.read_text()
        await asyncio.sleep(0.1)


def processes(site: Site, module: str) -> list[psutil.Process]:
    """Those of the site that run one of our modules."""
    family = psutil.Process(site.process.pid).children(recursive=True)
    return [process for process in family if module in process.cmdline()]


async def test_a_models_citation_opens_the_page_it_stands_on(page: Page, tmp_path: Path) -> None:
    house = tmp_path / "house.pdf"
    house.write_bytes(text_pdf(PAGES))
    await pick(page, "citing")
    await page.locator("[data-files]").set_input_files(house)
    await expect(page.locator(".composer .chip")).to_contain_text("house.pdf")

    await ask(page, "Who replaced the boiler, and for how much?")

    chip = answers(page).locator(".citation").first
    await expect(chip).to_be_visible(timeout=FIRST_USE_MS)
    await answer_is_finished(page)
    await expect(answers(page)).to_contain_text("Miller and Sons")
    await expect(answers(page).locator(".source").first).to_contain_text("house.pdf")
    await expect(answers(page).locator(".source").first).to_contain_text("page 2")

    await answers(page).locator(".citation").first.click()
    await expect(page.locator("chat-panel mark").first).to_contain_text("Miller and Sons")


async def test_a_file_that_is_refused_is_named_with_its_reason(page: Page, model_site: Site) -> None:
    await page.goto("/administration/models/")

    refused = page.get_by_role("region", name="Files that cannot be used").get_by_role("listitem")

    await expect(refused).to_have_count(1)
    await expect(refused).to_contain_text("half.gguf")
    await expect(refused).to_contain_text(re.compile("truncated|cut|ends|bytes"))


async def test_a_killed_runner_costs_one_answer_only(page: Page, model_site: Site) -> None:
    await pick(page, "counting")
    await ask(page, "Count")
    await answer_is_being_written(page)

    for runner in processes(model_site, "inference.runner"):
        os.kill(runner.pid, signal.SIGKILL)

    await expect(answers(page).locator(".message__error")).to_contain_text("crashed while it answered")
    await expect(answers(page)).to_contain_text("1 2 3")
    await page.get_by_role("button", name="Retry").click()
    await expect(answers(page)).to_contain_text("2/2")
    await answer_is_being_written(page)
    await page.get_by_role("button", name="Stop", exact=True).click()
    await answer_is_finished(page)
    await expect(answers(page)).to_contain_text("Stopped")


async def test_a_killed_model_server_is_told_and_comes_back(page: Page, model_site: Site) -> None:
    await pick(page, "counting")
    await ask(page, "Count")
    await answer_is_being_written(page)

    (server,) = processes(model_site, "inference.server")
    os.kill(server.pid, signal.SIGKILL)

    await expect(answers(page).locator(".message__error")).to_contain_text("The connection to the model broke")
    await expect(answers(page)).to_contain_text("1 2 3")
    assert not [runner for runner in processes(model_site, "inference.runner") if runner.ppid() == server.pid]

    await site_is_ready(page, model_site)
    await pick(page, "citing")
    await ask_and_wait(page, "Are you there again?")
    await expect(answers(page).last).to_contain_text("Miller and Sons")
