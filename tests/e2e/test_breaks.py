"""A page is loaded anew and loses its connection while an answer is written: at the end it shows what is stored."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from uuid import UUID

import pytest
from playwright.async_api import BrowserContext, Page, WebSocketRoute, expect

from bench.breaks import story_of
from bench.reading import WORD
from tests.doubles.upstream import Behaviour, Upstream
from tests.e2e.chatting import answer_is_finished, answers, ask
from tests.e2e.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

N_RELOADS = 4
N_ABSENCES = 2


class Line:
    """The connection of a page, which can be cut for a while. Being offline cuts no socket that is open."""

    def __init__(self) -> None:
        self.is_cut = False
        self._sockets: list[WebSocketRoute] = []

    async def connect(self, socket: WebSocketRoute) -> None:
        if self.is_cut:
            await socket.close(code=4000)
            return
        self._sockets.append(socket)
        socket.connect_to_server()

    async def cut(self) -> None:
        self.is_cut = True
        await self._sockets[-1].close(code=4000)


@pytest.fixture
def story(models: Upstream) -> Iterator[str]:
    """What the model tells when it is asked for the story of the breaks."""
    text = story_of(random.Random(7))  # noqa: S311  (nothing secret)
    # Slowly enough for pages to be loaded meanwhile on a busy machine.
    before, models.behaviour = models.behaviour, Behaviour(rate=12, replies=(("story of the breaks", text),))
    yield text
    models.behaviour = before


async def test_what_the_page_shows_after_reloads_and_breaks_is_what_is_stored(
    alice: BrowserContext, site: Site, story: str
) -> None:
    page, line = await alice.new_page(), Line()
    await page.route_web_socket("**/ws/", line.connect)
    await page.goto("/")
    await ask(page, "Tell me the story of the breaks")
    n_seen = 0
    for number in range(N_RELOADS + N_ABSENCES):
        n_seen = await has_more_than(page, n_seen)
        if number % 3 == 2:
            await line.cut()
            await expect(page.get_by_text("Connection lost")).to_be_visible()
            line.is_cut = False
            await expect(page.get_by_text("Connection lost")).to_be_hidden()
        else:
            await page.reload()
    # The rest of the story, in its own time.
    await expect(page.locator(".message--active")).to_have_count(0, timeout=60_000)
    await answer_is_finished(page)

    shown = await shown_text(page)
    assert WORD.findall(shown) == WORD.findall(story)
    assert stored_text(site, page) == story
    await page.reload()
    assert await shown_text(page) == shown


async def has_more_than(page: Page, n_words: int) -> int:
    """Wait until the answer, which is still being written, has more words than before; return how many."""
    await expect(page.locator(".message--active")).to_be_visible()
    while (n_shown := len(WORD.findall(await shown_text(page)))) <= n_words:
        await page.locator(".message--active").wait_for()
    return n_shown


async def shown_text(page: Page) -> str:
    return await answers(page).locator("[data-body]").inner_text()


def stored_text(site: Site, page: Page) -> str:
    chat = UUID(page.url.rstrip("/").rsplit("/", 1)[-1])
    database = sqlite3.connect(site.data / "hearth.sqlite3")
    try:
        [[text]] = database.execute(
            "SELECT m.content FROM chats_message m JOIN chats_chat c ON m.chat_id = c.id"
            " WHERE m.role = 'assistant' AND c.uuid = ?",
            [chat.hex],
        ).fetchall()
    finally:
        database.close()
    return str(text)
