"""Asking a document, with the real model server and its embedder; no chat model is installed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.doubles.pdf_files import text_pdf
from tests.doubles.web_server import WebServer, web_server
from tests.e2e.chatting import answer_is_finished, answers, ask, composer, overflow
from tests.e2e.conftest import DESKTOP, PASSWORD, PHONE, OpenBrowser, signed_in_state
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

PAGES = [
    "The house at the harbour was built in 1911 by two brothers who traded in rope and tar.",
    "In the spring of 2019 the old boiler was replaced by Miller and Sons for 8450 euros.",
    "The roof was covered with slate again after the storm, and the chimney was shortened.",
]
NEWS = """<title>Harbour News</title><nav>Menu of 1987</nav><main><h1>Ferry</h1><p>The new ferry carries ninety cars and
leaves the northern pier every hour, from six in the morning on.</p><img src="/pixel.png"></main>"""
EMBEDDER_START_MS = 90_000


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory: pytest.TempPathFactory, embedder_files: Path) -> Iterator[Site]:
    """Everything that `up` starts, without any chat model."""
    data = tmp_path_factory.mktemp("whole") / "data"
    shutil.copytree(embedder_files, data / "models" / "embedded")
    with running_site(
        data,
        HEARTH_ADMIN_EMAIL="root@example.org",
        HEARTH_ADMIN_PASSWORD=PASSWORD,
        HEARTH_WEB_PAGE_HOSTS="127.0.0.1",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def web() -> Iterator[WebServer]:
    with web_server() as server:
        server.page("/news", NEWS)
        yield server


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "house.pdf"
    path.write_bytes(text_pdf(PAGES))
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def root_state(whole_site: Site, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return await signed_in_state(browser, whole_site, tmp_path_factory.mktemp("root"))


@pytest_asyncio.fixture(loop_scope="session")
async def page(whole_site: Site, root_state: Path, open_browser: OpenBrowser, request: pytest.FixtureRequest) -> Page:
    """The administrator's empty chat; the size of its window is the parameter."""
    context = await open_browser(whole_site.url, getattr(request, "param", DESKTOP), storage_state=root_state)
    opened = await context.new_page()
    await opened.goto("/")
    return opened


@pytest.mark.parametrize("page", [DESKTOP, PHONE], ids=["desktop", "phone"], indirect=True)
async def test_an_answer_cites_the_page_and_the_citation_opens_the_passage(page: Page, house: Path) -> None:
    await page.locator("[data-files]").set_input_files(house)
    await expect(page.locator(".composer .chip")).to_contain_text("house.pdf")

    await ask(page, "Who replaced the boiler, and for how much?")

    await expect(answers(page).locator(".citation").first).to_be_visible(timeout=EMBEDDER_START_MS)
    await answer_is_finished(page)
    await expect(answers(page)).to_contain_text("Miller and Sons for 8450 euros")
    await expect(answers(page).locator(".source").first).to_contain_text("house.pdf")
    await expect(answers(page).locator(".source").first).to_contain_text("page 2")

    await page.keyboard.press("Tab")
    await answers(page).locator(".citation").first.focus()
    card = page.get_by_role("tooltip").and_(page.locator("#citation-card"))
    for shown in ("house.pdf", "page 2", "Miller and Sons"):
        await expect(card).to_contain_text(shown)
    await expect(answers(page).locator(".citation").first).to_have_attribute("aria-describedby", "citation-card")

    await answers(page).locator(".citation").first.click()
    await expect(card).to_be_hidden()
    panel = page.locator("chat-panel")
    await expect(panel.locator("mark").first).to_contain_text("Miller and Sons")
    assert await overflow(page) <= 0
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(answers(page).locator(".citation").first).to_be_focused()

    await answers(page).locator(".citation").first.click()
    await panel.get_by_role("link", name="Open the document").click()
    await expect(page).to_have_url(re.compile(r"/documents/[0-9a-f-]{36}/\?page=2"))
    await expect(page.locator("mark").first).to_be_in_viewport()


@pytest.mark.parametrize("page", [DESKTOP, PHONE], ids=["desktop", "phone"], indirect=True)
async def test_how_passages_were_found_is_told_beside_the_answer(page: Page, house: Path) -> None:
    await page.locator("[data-files]").set_input_files(house)
    await ask(page, "Who replaced the boiler, and for how much?")
    opener = answers(page).get_by_role("button", name="How these passages were found")
    await expect(opener).to_be_visible(timeout=EMBEDDER_START_MS)
    await answer_is_finished(page)

    await opener.focus()
    await page.keyboard.press("Enter")

    panel = page.get_by_role("complementary", name="How these passages were found")
    await expect(panel).to_contain_text("Who replaced the boiler, and for how much?")
    best = panel.get_by_role("listitem").first
    for shown in ("house.pdf", "page 2", "Cited as 1", "old boiler was replaced", "Meaning"):
        await expect(best).to_contain_text(shown)
    await expect(panel).to_contain_text("All together")
    assert await overflow(page) <= 0
    assert await panel.locator("[data-panel-body]").evaluate("body => body.scrollWidth - body.clientWidth") <= 0

    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(opener).to_be_focused()


async def test_a_trace_that_does_not_come_can_be_asked_for_again(page: Page, house: Path) -> None:
    await page.locator("[data-files]").set_input_files(house)
    await ask(page, "Who replaced the boiler, and for how much?")
    opener = answers(page).get_by_role("button", name="How these passages were found")
    await expect(opener).to_be_visible(timeout=EMBEDDER_START_MS)
    await answer_is_finished(page)
    await page.route("**/trace/", lambda route: route.abort())

    await opener.click()
    panel = page.locator("chat-panel")
    await expect(panel.get_by_role("alert")).to_contain_text("This could not be loaded.")
    await page.unroute("**/trace/")
    await panel.get_by_role("button", name="Try again").click()

    await expect(panel).to_contain_text("house.pdf")


async def test_without_a_chat_model_the_page_says_how_to_get_one(page: Page) -> None:
    await expect(page.get_by_text("No chat model is here yet")).to_be_visible()

    for way in ("Attach a file or folder", "Connect a server", "Download by name"):
        await expect(page.get_by_role("link", name=way)).to_be_visible()
    assert await overflow(page) <= 0


async def test_a_document_is_named_with_a_hash(page: Page, house: Path) -> None:
    await page.locator("[data-files]").set_input_files(house)
    await expect(page.locator(".composer .chip")).to_contain_text("house.pdf")
    await page.get_by_role("button", name="Remove").click()
    await expect(page.locator(".composer .chip")).to_have_count(0)

    await composer(page).press_sequentially("What about #hou")
    await page.get_by_role("option", name=re.compile("house.pdf")).first.wait_for()
    await page.keyboard.press("Enter")

    await expect(page.locator(".composer .chip")).to_contain_text("house.pdf")
    await expect(composer(page)).to_have_value("What about ")


async def test_a_file_that_is_no_pdf_is_refused_in_words(page: Page, tmp_path: Path) -> None:
    fake = tmp_path / "fake.pdf"
    fake.write_bytes(bytes(range(256)) * 20)
    await composer(page).fill("I was writing this")

    await page.locator("[data-files]").set_input_files(fake)

    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(composer(page)).to_have_value("I was writing this")


@pytest.mark.parametrize("end", ["Enter", " "])
async def test_a_page_of_the_web_is_attached_asked_and_cited(page: Page, web: WebServer, end: str) -> None:
    web.asked.clear()
    await composer(page).press_sequentially(f"#{web.url('/news')}")
    await composer(page).press(end)
    await expect(page.locator(".composer .chip")).to_contain_text("Harbour News")
    await expect(composer(page)).to_have_value("")

    await ask(page, "How many cars does the new ferry carry?")
    await expect(answers(page).locator(".citation").first).to_be_visible(timeout=EMBEDDER_START_MS)
    await answer_is_finished(page)
    await expect(answers(page).locator("[data-source-page]")).to_have_text("127.0.0.1, section Ferry")
    await answers(page).locator(".citation").first.click()

    await expect(page.locator("chat-panel").get_by_role("link", name=web.url("/news"))).to_be_visible()
    assert "/pixel.png" not in [path for path, _ in web.asked]


async def test_an_address_that_was_pasted_is_fetched_before_the_question_goes(page: Page, web: WebServer) -> None:
    await ask(page, f"#{web.url('/news')} How often does the ferry leave?")

    await expect(answers(page)).to_contain_text("every hour", timeout=EMBEDDER_START_MS)
    await expect(page.locator("chat-message.message--user")).not_to_contain_text("http")


async def test_an_address_of_somebody_who_may_not_bring_pages_stays_in_the_text(page: Page, web: WebServer) -> None:
    # As the page comes to them: before its scripts run, the composer does not know where pages are fetched.
    await page.add_init_script(
        "document.addEventListener('readystatechange', () =>"
        " document.querySelector('chat-composer')?.removeAttribute('data-page-url'))"
    )
    await page.goto("/")
    n_asked = len(web.asked)
    await composer(page).press_sequentially(f"#{web.url('/news')} ")
    await expect(page.locator("[data-completion]")).to_be_hidden()

    await ask(page, f"#{web.url('/news')} How often?")

    await expect(page.locator("chat-message.message--user")).to_contain_text("/news How often?")
    assert len(web.asked) == n_asked


async def test_an_address_without_a_page_says_so(page: Page, web: WebServer) -> None:
    await composer(page).press_sequentially(f"#{web.url('/nothing')} ")

    await expect(page.locator("[data-notice]")).to_contain_text("There is no page at this address. (404)")
    await expect(page.locator(".composer .chip")).to_have_count(0)


async def test_many_files_go_a_few_at_a_time_and_one_refused_does_not_stop_the_rest(page: Page, tmp_path: Path) -> None:
    files = [tmp_path / f"note-{n}.txt" for n in range(30)]
    for n, file in enumerate(files):
        file.write_bytes(f"Locker {n} holds rope.".encode() if n != 4 else b"")
    await page.goto("/documents/")

    await page.locator("#drop-zone-files").set_input_files(files)

    await expect(page.locator("[data-summary-text]")).to_have_text("30 of 30 files, 1 refused")
    await expect(page.locator(".upload")).to_have_count(1)
    await expect(page.locator(".upload")).to_contain_text("There is no text in this file.")
    await expect(page.locator(".document__name", has_text="note-29.txt")).to_be_visible()
