"""A model file goes from a real browser to the real model server, through breaks of line, page and server."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Dialog, Locator, Page, Route, expect

from inference.types import UPLOAD_CHUNK_BYTES
from tests.doubles import gguf_files
from tests.doubles.slow_line import SlowLine
from tests.e2e.conftest import PASSWORD, OpenBrowser, signed_in_state
from tests.e2e.site import Site, running_site
from tests.e2e.test_models import processes

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.asyncio(loop_scope="session")]

CHUNKS = re.compile(r"/chunks/(\d+)/")
SLOW_MS = 60_000
SLOW_BYTES_S = 3_000_000
N_CHUNKS = 5


@pytest.fixture(scope="module")
def upload_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("uploads") / "data"
    with running_site(data, HEARTH_ADMIN_EMAIL="root@example.org", HEARTH_ADMIN_PASSWORD=PASSWORD) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def root_state(upload_site: Site, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return await signed_in_state(browser, upload_site, tmp_path_factory.mktemp("root"))


@pytest.fixture
def slow_line(upload_site: Site) -> Iterator[SlowLine]:
    with SlowLine(int(upload_site.url.rpartition(":")[2])) as line:
        yield line


@pytest_asyncio.fixture(loop_scope="session")
async def page(slow_line: SlowLine, root_state: Path, open_browser: OpenBrowser) -> Page:
    url = f"http://localhost:{slow_line.port}"
    # The site says so while its model server starts again.
    opened = await (await open_browser(url, storage_state=root_state, expected_statuses={503})).new_page()
    await opened.goto("/administration/models/")
    return opened


def build_model(folder: Path, name: str, n_chunks: int = N_CHUNKS) -> Path:
    """A real model, made longer with bytes that are no tensor."""
    path = gguf_files.build_tiny(folder / name)
    os.truncate(path, (n_chunks - 1) * UPLOAD_CHUNK_BYTES + 12_345)
    return path


def row_of(page: Page, name: str) -> Locator:
    return page.locator("chat-model-upload .upload").filter(has_text=name)


def listed(page: Page) -> Locator:
    return page.get_by_role("region", name="Built-in").get_by_role("listitem")


async def choose(page: Page, path: Path) -> None:
    await page.locator("#model-files").set_input_files(path)


async def test_an_interrupted_upload_goes_on_after_a_reload(
    page: Page, slow_line: SlowLine, upload_site: Site, tmp_path: Path
) -> None:
    path = build_model(tmp_path, "Interrupted.gguf")
    row = row_of(page, "Interrupted.gguf")

    async def agree(dialog: Dialog) -> None:
        await dialog.accept()

    page.on("dialog", agree)
    slow_line.bytes_per_s = SLOW_BYTES_S
    await choose(page, path)
    await expect(row).to_contain_text(re.compile(r"[2-6]\d%"), timeout=SLOW_MS)
    slow_line.cut()
    await expect(row).to_contain_text("cannot be reached; trying again")

    # So slow that the old page cannot send the rest before it is gone.
    slow_line.bytes_per_s = SLOW_BYTES_S // 10
    slow_line.mend()
    await page.reload()
    slow_line.bytes_per_s = None

    await expect(row).to_contain_text(re.compile("(8|16|24).0.MB of 32.0.MB"))
    await expect(row).to_contain_text("Choose the same file again to go on")
    n_there = int((await row.inner_text()).partition(".0")[0].split()[-1]) * 2**20 // UPLOAD_CHUNK_BYTES
    sent: list[int] = []
    page.on("request", lambda request: sent.extend(map(int, CHUNKS.findall(request.url))))
    await choose(page, path)

    await expect(row).to_contain_text("Ready: interrupted:latest", timeout=SLOW_MS)
    assert len(sent) == N_CHUNKS - n_there
    await expect(listed(page).filter(has_text="interrupted:latest")).to_be_visible()
    assert (upload_site.data / "models" / "Interrupted.gguf").read_bytes() == path.read_bytes()


async def test_an_upload_lives_through_a_kill_of_the_model_server(
    page: Page, slow_line: SlowLine, upload_site: Site, tmp_path: Path
) -> None:
    path = build_model(tmp_path, "Killed.gguf")
    row = row_of(page, "Killed.gguf")
    slow_line.bytes_per_s = SLOW_BYTES_S
    await choose(page, path)
    await expect(row).to_contain_text(re.compile(r"[2-6]\d%"), timeout=SLOW_MS)

    (server,) = processes(upload_site, "inference.server")
    os.kill(server.pid, signal.SIGKILL)
    slow_line.bytes_per_s = None

    await expect(row).to_contain_text("Ready: killed:latest", timeout=SLOW_MS)
    assert (upload_site.data / "models" / "Killed.gguf").read_bytes() == path.read_bytes()


async def test_an_upload_is_paused_and_goes_on(page: Page, slow_line: SlowLine, tmp_path: Path) -> None:
    row = row_of(page, "Paused.gguf")
    slow_line.bytes_per_s = SLOW_BYTES_S
    await choose(page, build_model(tmp_path, "Paused.gguf"))
    await expect(row).to_contain_text(re.compile(r"[2-6]\d%"), timeout=SLOW_MS)

    await row.get_by_role("button", name="Pause").click()
    await expect(row).to_contain_text(re.compile(r"Paused at \d\d%"))
    await expect(row.get_by_role("button", name="Pause")).to_be_hidden()
    slow_line.bytes_per_s = None
    await row.get_by_role("button", name="Go on").click()

    await expect(row).to_contain_text("Ready: paused:latest", timeout=SLOW_MS)


async def test_an_upload_that_began_before_the_page_had_the_unfinished_ones_is_shown_once(
    page: Page, slow_line: SlowLine, tmp_path: Path
) -> None:
    row = row_of(page, "Early.gguf")
    held: asyncio.Queue[Route] = asyncio.Queue()
    await page.route("**/administration/models/uploads/", held.put)
    await page.reload()
    slow_line.bytes_per_s = SLOW_BYTES_S
    await choose(page, build_model(tmp_path, "Early.gguf"))
    await expect(row).to_contain_text(re.compile(r"[2-6]\d%"), timeout=SLOW_MS)

    await (await held.get()).continue_()

    await expect(page.get_by_role("list", name="Unfinished uploads")).to_be_attached()
    await expect(row).to_have_count(1)
    await expect(row.get_by_role("button", name="Pause")).to_be_visible()
    slow_line.bytes_per_s = None
    await expect(row).to_contain_text("Ready: early:latest", timeout=SLOW_MS)


async def test_a_cancelled_upload_leaves_nothing(
    page: Page, slow_line: SlowLine, upload_site: Site, tmp_path: Path
) -> None:
    row = row_of(page, "Cancelled.gguf")
    slow_line.bytes_per_s = SLOW_BYTES_S
    await choose(page, build_model(tmp_path, "Cancelled.gguf"))
    await expect(row).to_contain_text(re.compile(r"[2-6]\d%"), timeout=SLOW_MS)

    async with page.expect_response(re.compile("/remove/")):
        await row.get_by_role("button", name="Cancel").click()

    await expect(row).to_have_count(0)
    names = [folder.name for folder in (upload_site.data / "models" / "uploads").glob("*/Cancelled.gguf")]
    assert names == []


async def test_a_file_that_is_no_model_is_refused_in_words(page: Page, tmp_path: Path) -> None:
    song = tmp_path / "song.gguf"
    song.write_bytes(b"ID3 " * 1000)
    text = tmp_path / "notes.txt"
    text.write_text("notes")

    await choose(page, song)
    await expect(row_of(page, "song.gguf")).to_contain_text("Song.gguf is not a GGUF file")
    await choose(page, text)
    await expect(row_of(page, "notes.txt")).to_contain_text("Only .gguf files can be uploaded.")


async def test_the_page_hashes_without_the_browsers_help(page: Page) -> None:
    """Over plain http on a real network there is no crypto.subtle."""
    lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 100_001]

    differing = await page.evaluate(
        """async (lengths) => {
          const { computed, hex } = await import("/static/js/lib/sha256.js");
          const differing = [];
          for (const length of lengths) {
            const data = Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 255).buffer;
            const wanted = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", data)));
            if (hex(new Uint8Array(await computed(data))) !== wanted) differing.push(length);
          }
          return differing;
        }""",
        lengths,
    )

    assert differing == []
