"""A real browser on the real site. What breaks the content security policy or leaves this machine fails the test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Request, Response, async_playwright, expect

from inference.runner import minilm
from tests.doubles.upstream import FakeModel, Upstream
from tests.e2e.site import ROOT, Site, environment_of, running_site

PASSWORD = "a-long-enough-passphrase"
PHONE = (360, 740)
TABLET = (768, 1024)
DESKTOP = (1440, 900)
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  const { violatedDirective, blockedURI, sourceFile, lineNumber } = event;
  console.error(`policy violated: ${violatedDirective} by ${blockedURI} at ${sourceFile}:${lineNumber}`);
});
"""

expect.set_options(timeout=10_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures see how the test itself went, to keep a picture of a failure."""
    report = yield
    setattr(item, f"report_{report.when}", report)
    return report


@dataclass
class Watch:
    """What a page must never do, collected over a whole test."""

    host: str
    expected_statuses: Set[int] = frozenset()
    offences: list[str] = field(default_factory=list)

    def attach(self, context: BrowserContext) -> None:
        context.on("page", self._watch_page)
        context.on("request", self._check_request)
        context.on("response", self._check_response)

    def _watch_page(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.offences.append(f"error in the page: {error}"))
        page.on(
            "console",
            lambda said: (
                self.offences.append(said.text)
                if "policy violated" in said.text or "Content Security Policy" in said.text
                else None
            ),
        )

    def _check_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != self.host:
            self.offences.append(f"request to another host: {request.url}")

    def _check_response(self, response: Response) -> None:
        if response.status >= 500 and response.status not in self.expected_statuses:
            self.offences.append(f"{response.status} from {response.url}")


@pytest.fixture(scope="session")
def models() -> Iterator[Upstream]:
    """The models of the site; prompts steer them with `@fake`."""
    with Upstream(
        models=[FakeModel(name="tiny:latest"), FakeModel(name="large:latest", parameter_size="70B")]
    ) as upstream:
        yield upstream


@pytest.fixture(scope="session")
def built_in() -> Iterator[Upstream]:
    """Stands in for the built-in model server, which has no models yet."""
    with Upstream(models=[]) as upstream:
        yield upstream


@pytest.fixture(scope="session")
def site(models: Upstream, built_in: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site that most tests share. Its administrator is root@example.org."""
    data = tmp_path_factory.mktemp("e2e") / "data"
    with running_site(
        data,
        model_url=models.url,
        built_in_url=built_in.url,
        HEARTH_ADMIN_EMAIL="root@example.org",
        HEARTH_ADMIN_PASSWORD=PASSWORD,
    ) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        yield started
        await started.close()


def chromium_path() -> str | None:
    """Return the Chromium that `make` has found, else the system's; None for the one that Playwright installed."""
    return os.environ.get("HEARTH_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def embedder_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded embedder, built once for all sites that need it."""
    folder = tmp_path_factory.mktemp("embedder")
    minilm.build(folder)
    return folder


OpenBrowser = Callable[..., Awaitable[BrowserContext]]


@pytest_asyncio.fixture(loop_scope="session")
async def open_browser(
    browser: Browser, site: Site, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OpenBrowser]:
    """Return a function that opens a browser of its own, with nothing in it; options are Playwright's.

    `expected_statuses` are error statuses that belong to the test.
    """
    contexts: list[BrowserContext] = []
    watches: list[Watch] = []

    async def open_one(
        url: str = site.url,
        size: tuple[int, int] = DESKTOP,
        expected_statuses: Set[int] = frozenset(),
        **options: object,
    ) -> BrowserContext:
        is_phone = size == PHONE
        # What it fetches is hidden from the routes of tests.
        options.setdefault("service_workers", "block")
        context = await browser.new_context(
            base_url=url,
            viewport={"width": size[0], "height": size[1]},
            has_touch=is_phone,
            is_mobile=is_phone,
            **options,  # type: ignore[arg-type]
        )
        await context.add_init_script(REPORT_VIOLATIONS)
        watch = Watch(urlsplit(url).netloc, expected_statuses)
        watch.attach(context)
        contexts.append(context)
        watches.append(watch)
        return context

    yield open_one

    if getattr(request.node, "report_call", None) and request.node.report_call.failed:
        await _keep_pictures(contexts, tmp_path_factory.mktemp("failed"), request.node.name)
    for context in contexts:
        await context.close()
    assert [offence for watch in watches for offence in watch.offences] == []


async def _keep_pictures(contexts: list[BrowserContext], folder: Path, name: str) -> None:
    for number, page in enumerate(page for context in contexts for page in context.pages):
        picture = folder / f"{name}-{number}.png"
        await page.screenshot(path=picture)
        print(f"picture of the failure: {picture} ({page.url})")  # noqa: T201


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def alice_state(browser: Browser, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alice's cookies: she has signed up once, for all tests."""
    state = tmp_path_factory.mktemp("people") / "alice.json"
    context = await browser.new_context(base_url=site.url)
    page = await context.new_page()
    await sign_up(page, "alice@example.org")
    await context.storage_state(path=state)
    await context.close()
    return state


@pytest.fixture(scope="session")
def ids_of_alice(site: Site, alice_state: Path) -> list[list[str]]:
    """Of one of everything, which Alice has from now on: alone, and after that of what it is in."""
    filled = subprocess.run(
        [sys.executable, "-m", "tests.e2e.filling", "alice@example.org"],
        cwd=ROOT, env=environment_of(site), stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return list(json.loads(filled.stdout))


@pytest_asyncio.fixture(loop_scope="session")
async def alice(open_browser: OpenBrowser, alice_state: Path) -> BrowserContext:
    """Alice's browser, signed in."""
    return await open_browser(storage_state=alice_state)


@pytest_asyncio.fixture(loop_scope="session")
async def page(alice: BrowserContext) -> Page:
    """An empty chat of Alice's."""
    opened = await alice.new_page()
    await opened.goto("/")
    return opened


async def sign_up(page: Page, email: str, password: str = PASSWORD) -> None:
    await page.goto("/accounts/signup/")
    await page.locator("input[name=email]").fill(email)
    for field_name in ("password1", "password2"):
        box = page.locator(f"input[name={field_name}]")
        if await box.count():
            await box.fill(password)
    await page.locator("main button[type=submit]").first.click()
    await page.wait_for_url(lambda url: "signup" not in url)


async def signed_in_state(browser: Browser, site: Site, folder: Path, email: str = "root@example.org") -> Path:
    """Sign in once and return the file with the cookies, for any number of browsers."""
    state = folder / "state.json"
    context = await browser.new_context(base_url=site.url)
    page = await context.new_page()
    await page.goto("/accounts/login/")
    await page.locator("input[name=login]").fill(email)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("chat-composer")).to_be_visible()
    await context.storage_state(path=state)
    await context.close()
    return state
