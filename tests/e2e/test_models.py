"""Real GGUF files: they answer and cite, a crash is survived, and the page of models gets, loads and deletes them."""

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
from playwright.async_api import Browser, Locator, Page, expect

from tests.doubles import gguf_files
from tests.doubles.hub import Hub
from tests.doubles.pdf_files import text_pdf
from tests.doubles.registry import Registry
from tests.e2e.chatting import answer_is_finished, answers, ask, ask_and_wait
from tests.e2e.conftest import PASSWORD, OpenBrowser, signed_in_state
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.asyncio(loop_scope="session")]

# So short a document is given whole: its second page is the second passage.
CITING = "The boiler was replaced by Miller and Sons [2] for eight thousand euros."
PAGES = [
    "The house at the harbour was built in 1911 by two brothers who traded in rope and tar.",
    "In the spring of 2019 the old boiler was replaced by Miller and Sons for 8450 euros.",
]
FIRST_USE_MS = 60_000
RECOVERY_S = 60.0


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Hugging Face, with one repository."""
    weights = gguf_files.build_tiny(tmp_path_factory.mktemp("hub") / "tiny.gguf").read_bytes()
    with Hub() as running:
        running.put("alice/Small-GGUF", "Small-Q4_K_M.gguf", weights)
        running.put("alice/Small-GGUF", "Small-Q8_0.gguf", weights + bytes(1_000_000))
        yield running


@pytest.fixture(scope="module")
def model_site(tmp_path_factory: pytest.TempPathFactory, embedder_files: Path, hub: Hub) -> Iterator[Site]:
    """Everything that `up` starts, over a folder with four models and one that is cut off."""
    data = tmp_path_factory.mktemp("models") / "data"
    folder = data / "models"
    shutil.copytree(embedder_files, folder / "embedded")
    gguf_files.build_scripted(folder / "citing.gguf", CITING)
    gguf_files.build_slow(folder / "counting.gguf")
    gguf_files.build_tiny(folder / "doomed.gguf")
    gguf_files.build_scripted(folder / "settled.gguf")
    whole = (folder / "citing.gguf").read_bytes()
    (folder / "half.gguf").write_bytes(whole[: len(whole) // 2])
    with running_site(
        data, HEARTH_ADMIN_EMAIL="root@example.org", HEARTH_ADMIN_PASSWORD=PASSWORD, HF_ENDPOINT=hub.url
    ) as running:
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
    return [process for process in family if module in words_of(process)]


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; nothing of one that has just ended."""
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


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


async def open_models(page: Page) -> None:
    """Open the page of models with none in memory, whatever the tests before have left there."""
    await page.goto("/administration/models/")
    await expect(row_of(page, "citing:latest")).to_be_visible()
    held = in_memory(page)
    while n_held := await held.count():
        await held.first.get_by_role("button", name="Unload").click()
        await expect(held).to_have_count(n_held - 1)


def library(page: Page) -> Locator:
    return page.get_by_role("region", name="Built-in")


def row_of(page: Page, model: str) -> Locator:
    return library(page).get_by_role("listitem").filter(has_text=model)


def in_memory(page: Page) -> Locator:
    return page.get_by_role("region", name="In memory").get_by_role("listitem")


async def test_each_model_is_listed_with_its_facts_and_whether_it_fits(page: Page, model_site: Site) -> None:
    await open_models(page)

    counting = row_of(page, "counting:latest")

    await expect(counting).to_contain_text("context 32k")
    await expect(counting).to_contain_text(re.compile(r"Fits with a context of \d+k; \d answers? at once"))
    await expect(counting).to_contain_text(re.compile(r"weights 13\.7.MB, context .*, working memory"))
    await expect(row_of(page, "all-minilm:latest")).to_contain_text("comes with Hearth")
    await expect(row_of(page, "all-minilm:latest").get_by_role("button", name="Delete")).to_have_count(0)
    await expect(library(page)).to_contain_text(re.compile("memory free for one model"))


async def test_a_loaded_model_shows_its_memory_and_gives_it_back(page: Page, model_site: Site) -> None:
    await open_models(page)
    (server,) = processes(model_site, "inference.server")

    await page.get_by_role("button", name="Load counting:latest").click()

    held = in_memory(page).filter(has_text="counting:latest")
    await expect(held).to_contain_text(re.compile(r"taken, .* expected"), timeout=FIRST_USE_MS)
    await expect(held).to_contain_text("stays until")
    await expect(row_of(page, "counting:latest")).to_contain_text("In memory")
    shown = int(await held.get_by_role("progressbar").get_attribute("value") or 0)
    # The embedder of documents has a runner of its own.
    runner = min(processes(model_site, "inference.runner"), key=lambda process: abs(shown - process.memory_info().rss))
    assert abs(shown - runner.memory_info().rss) < 0.2 * shown
    await expect(held.locator("svg polyline")).to_be_attached()

    await held.get_by_role("button", name="Unload").click()

    await expect(held).to_have_count(0)
    await expect(page.get_by_role("button", name="Load counting:latest")).to_be_visible()
    runner.wait(5)
    assert server.is_running()


async def test_memory_is_not_asked_for_while_nobody_looks(page: Page, model_site: Site) -> None:
    await open_models(page)
    await page.get_by_role("button", name="Load citing:latest").click()
    await expect(in_memory(page).filter(has_text="citing:latest")).to_contain_text("taken", timeout=FIRST_USE_MS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/memory/" in request.url else None)
    async with page.expect_request(re.compile("/memory/")):
        pass

    await page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { configurable: true, value: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    asked.clear()
    await page.wait_for_timeout(2500)
    assert asked == []

    async with page.expect_request(re.compile("/memory/")):
        await page.evaluate(
            """() => {
              Object.defineProperty(document, "hidden", { configurable: true, value: false });
              document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )


async def test_a_model_is_deleted_after_one_question_that_names_it(page: Page, model_site: Site) -> None:
    doomed = model_site.data / "models" / "doomed.gguf"
    await open_models(page)
    await page.get_by_role("button", name="Delete doomed:latest").click()
    question = page.get_by_role("dialog", name="Delete doomed:latest?")

    await question.get_by_role("button", name="Keep").click()
    await expect(question).to_be_hidden()
    assert doomed.exists()

    await page.get_by_role("button", name="Delete doomed:latest").click()
    await question.get_by_role("button", name="Delete").click()

    await expect(row_of(page, "doomed:latest")).to_have_count(0)
    assert not doomed.exists()


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with one model of 24 MB, on a line that takes some seconds for it."""
    weights = (
        gguf_files.build_tiny(tmp_path_factory.mktemp("registry") / "tiny.gguf").read_bytes().ljust(24_000_000, b"\0")
    )
    with Registry() as running:
        running.put("library/large/latest", model=weights, system=b"Be kind.")
        running.bytes_per_s = 1_500_000
        yield running


async def test_a_download_shows_its_progress_is_cancelled_and_goes_on(page: Page, registry: Registry) -> None:
    await open_models(page)
    name = f"{registry.host}/library/large"
    await page.get_by_role("textbox", name="Name of the model").fill(name)
    await page.get_by_role("button", name="Download", exact=True).click()
    row = page.get_by_role("region", name="Downloads").get_by_role("listitem").filter(has_text=name)

    await expect(row).to_contain_text(re.compile(r"MB of 22\.9.MB"))
    await expect(row).to_contain_text(re.compile(r"a second.*left", re.DOTALL))
    await expect(page.get_by_role("textbox", name="Name of the model")).to_have_value("")

    # The download is the server's: the page may be left, and finds it again.
    await page.goto("/")
    await page.goto("/administration/models/")
    before = await _progress(row)
    assert before > 0
    await row.get_by_role("button", name="Cancel").click()
    await expect(row).to_contain_text("Cancelled")

    registry.bytes_per_s = None
    registry.n_blob_bytes = 0
    await row.get_by_role("button", name="Try").click()

    await expect(row).to_contain_text("Finished", timeout=FIRST_USE_MS)
    assert registry.n_blob_bytes < 24_000_000
    await expect(row_of(page, "library/large").or_(row_of(page, "large:latest"))).to_be_visible()


async def _progress(row: Locator) -> int:
    return int(await row.get_by_role("progressbar").get_attribute("value") or 0)


async def test_a_download_of_a_model_that_nobody_has_says_so(page: Page, registry: Registry) -> None:
    await open_models(page)
    await page.get_by_role("textbox", name="Name of the model").fill(f"{registry.host}/library/nobody")
    await page.keyboard.press("Enter")

    row = page.get_by_role("region", name="Downloads").get_by_role("listitem").filter(has_text="nobody")

    await expect(row).to_contain_text("Failed")
    await row.get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)


async def test_a_model_is_found_on_the_hub_and_the_best_that_fits_is_downloaded(page: Page) -> None:
    await open_models(page)
    await page.get_by_role("searchbox", name="Name of a model, a family or a publisher").fill("small")
    await page.keyboard.press("Enter")

    await page.get_by_text("alice/Small-GGUF").click()
    best = page.locator(".hub__models").get_by_role("listitem").filter(has_text="Best that fits")
    await expect(best).to_contain_text("Q8_0")
    await expect(best).to_contain_text("Fits with a context of 4k")
    await best.get_by_role("button", name="Download").click()

    row = page.get_by_role("region", name="Downloads").get_by_role("listitem").filter(has_text="Small-GGUF:Q8_0")
    await expect(row).to_contain_text("Finished", timeout=FIRST_USE_MS)
    await expect(row_of(page, "hf.co/alice/Small-GGUF")).to_be_visible()


async def open_model(page: Page, model: str) -> None:
    await open_models(page)
    await row_of(page, model).get_by_role("link", name=model, exact=True).click()
    await expect(page.get_by_role("heading", name=model, level=1)).to_be_visible()


async def test_a_models_texts_are_changed_and_what_is_refused_stays_typed(page: Page, model_site: Site) -> None:
    await open_model(page, "citing:latest")
    await expect(page.get_by_text("It is a plain file, which is left as it is.")).to_be_visible()
    await expect(page.get_by_role("term").filter(has_text="qwen2.context_length")).to_be_visible()
    await page.get_by_label("System prompt").fill("You are a librarian.")
    await page.get_by_label("Stop strings").fill("<|end|>\n\\n\\nUser:")
    await page.get_by_label("Temperature").fill("-3")
    await page.get_by_label("Save as").fill("librarian")

    await page.get_by_role("button", name="Save as a new model").click()

    await expect(page.locator("#texts-temperature_error")).to_contain_text("must be between 0 and 100")
    await expect(page.get_by_label("System prompt")).to_have_value("You are a librarian.")
    await expect(page.get_by_label("Temperature")).to_be_focused()
    section = page.get_by_role("navigation", name="Administration").get_by_role("link", name="Models", exact=True)
    await expect(section).to_have_attribute("aria-current", "true")
    await page.get_by_label("Temperature").fill("0.5")
    await page.get_by_role("button", name="Save as a new model").click()

    await expect(page.get_by_role("heading", name="librarian:latest", level=1)).to_be_visible()
    await expect(page.get_by_text("librarian is saved.")).to_be_visible()
    await expect(page.get_by_label("Stop strings")).to_have_value("<|end|>\n\\n\\nUser:")
    parts = page.get_by_role("region", name="What it consists of").get_by_role("listitem")
    await parts.filter(has_text="System prompt").get_by_text("Read it").click()
    await expect(parts.filter(has_text="System prompt")).to_contain_text("You are a librarian.")

    await page.get_by_label("Temperature").fill("")
    await page.get_by_label("System prompt").fill("")
    await page.get_by_role("button", name="Save", exact=True).click()

    await expect(parts.filter(has_text="System prompt")).to_have_count(0)
    await expect(page.get_by_label("Temperature")).to_have_value("")
    assert (model_site.data / "models" / "citing.gguf").exists()


async def test_a_model_is_loaded_as_typed_while_the_forecast_follows(page: Page, model_site: Site) -> None:
    await open_model(page, "settled:latest")
    card = page.get_by_role("region", name="Load with")
    forecast = card.get_by_role("status").first
    await card.get_by_label("Answers at once").fill("2")
    await card.get_by_label("Context, in tokens").fill("2048")
    await expect(forecast).to_contain_text("Fits with a context of 2k; 2 answers at once")
    await card.get_by_label("Context, in tokens").fill("0")
    await expect(forecast).to_contain_text("Context, in tokens: Ensure this value is greater")
    await card.get_by_label("Context, in tokens").fill("1024")
    await expect(forecast).to_contain_text("Fits with a context of 1k; 2 answers at once")

    await card.get_by_role("button", name="Load", exact=True).click()

    await expect(card).to_contain_text("context 1k, 2 answers at once", timeout=FIRST_USE_MS)
    await expect(card.get_by_role("button", name="Load anew")).to_be_focused()
    await card.get_by_role("button", name="Unload").click()
    await expect(card.get_by_role("button", name="Load", exact=True)).to_be_visible()
    await expect(card).not_to_contain_text("In memory")


async def test_what_is_kept_for_a_model_is_how_it_is_loaded_ever_after(page: Page, model_site: Site) -> None:
    await open_model(page, "settled:latest")
    card = page.get_by_role("region", name="Load with")
    await card.get_by_label("Context, in tokens").fill("512")
    await card.get_by_label("Answers at once").fill("3")
    await card.get_by_label("Context stored as").select_option("q8_0")
    await card.get_by_role("button", name="Keep as default").click()
    await expect(card).to_contain_text("Default: context 512, 3 answers at once, q8_0")

    await open_models(page)
    await expect(row_of(page, "settled:latest")).to_contain_text("Fits with a context of 512; 3 answers at once")
    await page.get_by_role("button", name="Load settled:latest").click()
    held = in_memory(page).filter(has_text="settled:latest")
    await expect(held).to_contain_text("context 512", timeout=FIRST_USE_MS)

    await open_model(page, "settled:latest")
    await card.get_by_role("button", name="Back to automatic").click()
    await expect(card).not_to_contain_text("Default:")
    await expect(card.get_by_label("Context, in tokens")).to_have_value("")


async def test_a_setting_that_does_not_fit_is_replaced_by_the_one_that_does(page: Page, model_site: Site) -> None:
    await open_model(page, "counting:latest")
    card = page.get_by_role("region", name="Load with")
    await card.get_by_label("Context, in tokens").fill("32768")
    await card.get_by_label("Answers at once").fill("256")
    await expect(card).to_contain_text("Does not fit: needs")

    await card.get_by_role("button", name="Use what fits").click()

    await expect(card).to_contain_text("Fits with a context of")
    await expect(card.get_by_label("Answers at once")).to_have_value("1")


@pytest.mark.parametrize("width", [360, 768, 1440])
async def test_the_page_of_a_model_never_scrolls_sideways(page: Page, model_site: Site, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto("/administration/models/model/?model=counting:latest")
    await expect(page.get_by_role("heading", name="counting:latest", level=1)).to_be_visible()

    assert await page.evaluate(
        "() => [...document.querySelectorAll('.page, html')].every(e => e.scrollWidth <= e.clientWidth)"
    )
