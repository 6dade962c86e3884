"""Chatting, as a person does it in a browser."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Locator, Page, Route, WebSocketRoute, expect

from tests.doubles.upstream import Upstream
from tests.e2e.chatting import answer_is_finished, answers, ask, ask_and_wait, composer, overflow, questions
from tests.e2e.conftest import DESKTOP, PHONE, TABLET, OpenBrowser, sign_up
from tests.e2e.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

CHAT_URL = re.compile(r"/chats/[0-9a-f-]{36}/$")


async def test_a_question_is_answered_without_another_click(page: Page) -> None:
    await expect(composer(page)).to_be_focused()

    await page.keyboard.type("Hello there @fake tokens=5")
    await page.keyboard.press("Enter")

    await expect(questions(page)).to_contain_text("Hello there")
    await answer_is_finished(page)
    await expect(answers(page)).to_contain_text("The model answers with a")
    await expect(page).to_have_url(CHAT_URL)
    await expect(composer(page)).to_be_focused()


async def test_text_appears_while_the_answer_is_written(page: Page) -> None:
    await ask(page, "Slowly, please. @fake tokens=200 rate=20")

    await expect(page.locator(".message--active .prose")).to_contain_text("The model answers")
    await expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Stop", exact=True).click()
    await answer_is_finished(page)


async def test_what_was_typed_shows_at_once(page: Page, alice: BrowserContext) -> None:
    await composer(page).fill("Right away")

    appeared_ms = await page.evaluate(
        """() => new Promise((resolve) => {
          const start = performance.now();
          const look = () => document.querySelector(".message--user")?.textContent.includes("Right away")
            ? resolve(performance.now() - start) : requestAnimationFrame(look);
          document.querySelector("chat-composer form").requestSubmit();
          look();
        })"""
    )

    assert appeared_ms < 100
    await answer_is_finished(page)


async def test_stop_ends_the_answer_and_keeps_its_text(page: Page, models: Upstream) -> None:
    n_aborted = models.n_aborted
    await ask(page, "A long one @fake tokens=500 rate=20")
    await expect(page.locator(".message--active .prose")).to_contain_text("The model")

    await page.get_by_role("button", name="Stop", exact=True).click()

    await answer_is_finished(page)
    await expect(answers(page)).to_contain_text("The model")
    await expect(answers(page)).to_contain_text("Stopped")
    await models.wait_until_async(lambda upstream: upstream.n_aborted == n_aborted + 1)


async def test_regenerating_adds_a_sibling_and_the_arrows_walk_between_them(page: Page) -> None:
    frames: list[str | bytes] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    await page.reload()
    await ask_and_wait(page, "Say something @fake tokens=3")

    await page.get_by_role("button", name="Answer again").click()
    await expect(answers(page)).to_contain_text("2/2")
    await answer_is_finished(page)
    # The page opens the branch, and is told once more how its answer has ended: that must not take the focus away.
    frames.clear()
    await page.get_by_role("button", name="Previous version").click()
    async with asyncio.timeout(10):
        while not any("generation.ended" in str(frame) for frame in frames):
            await asyncio.sleep(0.01)

    await expect(answers(page)).to_contain_text("1/2")
    await page.evaluate("() => new Promise((resolve) => setTimeout(resolve))")
    await expect(page.get_by_role("button", name="Next version")).to_be_focused()
    await expect(answers(page)).to_have_count(1)


async def test_editing_a_question_asks_again(page: Page) -> None:
    await ask_and_wait(page, "First wording @fake tokens=3")

    await questions(page).hover()
    await page.get_by_role("button", name="Edit", exact=True).click()
    await page.get_by_role("textbox", name="Edit the message").fill("Second wording @fake tokens=4")
    await page.get_by_role("button", name="Ask again").click()

    await expect(questions(page)).to_contain_text("Second wording")
    await answer_is_finished(page)
    await expect(questions(page)).to_contain_text("2/2")
    await expect(questions(page)).to_have_count(1)


async def test_a_reload_in_the_middle_loses_nothing(page: Page) -> None:
    await ask(page, "Count on @fake tokens=60 rate=20")
    await expect(page.locator(".message--active .prose")).to_contain_text("The model")

    await page.reload()

    await expect(page.locator(".message--active .prose")).to_contain_text("The model answers")
    await answer_is_finished(page)
    await expect(answers(page)).to_contain_text(expected_words(60))


async def test_the_answer_goes_on_while_the_tab_is_closed(page: Page, alice: BrowserContext, models: Upstream) -> None:
    n_finished = models.n_finished
    await ask(page, "Go on without me @fake tokens=40 rate=20")
    await expect(page).to_have_url(CHAT_URL)
    url = page.url
    await page.close()
    await models.wait_until_async(lambda upstream: upstream.n_finished == n_finished + 1)

    later = await alice.new_page()
    await later.goto(url)

    await answer_is_finished(later)
    await expect(answers(later)).to_contain_text(expected_words(40))


async def test_two_tabs_show_the_same_stream(page: Page, alice: BrowserContext) -> None:
    await ask_and_wait(page, "Begin @fake tokens=2")
    other = await alice.new_page()
    await other.goto(page.url)

    await ask(page, "And now both @fake tokens=60 rate=20")

    for tab in (page, other):
        await expect(tab.locator(".message--active .prose")).to_contain_text("The model answers")
    for tab in (page, other):
        await answer_is_finished(tab)
        await expect(answers(tab).last).to_contain_text(expected_words(60))


async def test_a_page_that_connects_after_a_question_was_asked_elsewhere_shows_it(
    page: Page, alice: BrowserContext
) -> None:
    """What changes between loading a page and connecting it was told to nobody."""
    may_connect = asyncio.Event()

    async def connect_late(socket: WebSocketRoute) -> None:
        await may_connect.wait()
        socket.connect_to_server()

    await ask_and_wait(page, "Begin @fake tokens=2")
    late = await alice.new_page()
    await late.route_web_socket("**/ws/", connect_late)
    await late.goto(page.url)
    await ask_and_wait(page, "Asked meanwhile @fake tokens=3")
    await ask(page, "And still running @fake tokens=60 rate=20")
    await expect(page.locator(".message--active .prose")).to_contain_text("The model answers")

    may_connect.set()

    await expect(questions(late)).to_have_count(3)
    await expect(late.locator(".message--active .prose")).to_contain_text("The model answers")
    await answer_is_finished(late)
    await expect(answers(late).last).to_contain_text(expected_words(60))


async def test_a_draft_survives_leaving_the_page(page: Page) -> None:
    await composer(page).fill("Not finished yet")

    await page.goto("about:blank")
    await page.goto("/")

    await expect(composer(page)).to_have_value("Not finished yet")
    await composer(page).fill("")


async def test_a_deleted_chat_comes_back_with_undo(page: Page) -> None:
    await ask_and_wait(page, "Keep this chat @fake tokens=2")
    row = page.locator(f'li[data-chat="{chat_of(page)}"]')
    await expect(row).to_be_visible()

    await row.hover()
    await row.get_by_role("button", name=re.compile("Actions for")).click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(row).to_be_hidden()
    await expect(page).to_have_url(re.compile(r"/$"))
    await page.get_by_role("button", name="Undo").click()

    await expect(row).to_be_visible()
    await expect(questions(page)).to_contain_text("Keep this chat")


async def test_a_chat_is_renamed_where_its_title_stands(page: Page) -> None:
    await ask_and_wait(page, "Name me @fake tokens=2")

    await page.locator(".chat-title__text").click()
    await page.get_by_role("textbox", name="Title of the chat").fill("A better name")
    await page.keyboard.press("Enter")

    await expect(page.locator(f'li[data-chat="{chat_of(page)}"]')).to_contain_text("A better name")
    await expect(page).to_have_title(re.compile("A better name"))
    await page.reload()
    await expect(page.locator(".chat-title__text")).to_have_text("A better name")


async def test_an_error_stands_where_the_answer_would_be_and_retry_works(page: Page, models: Upstream) -> None:
    models.error_text = "the runner crashed"
    await ask(page, "Break off @fake tokens=20 fault=error at=3")
    await expect(answers(page).locator(".message__error")).to_be_visible()
    await expect(answers(page)).to_contain_text("The model")

    await page.get_by_role("button", name="Retry").click()

    await expect(answers(page)).to_contain_text("2/2")
    await expect(answers(page).locator(".message__error")).to_be_visible()


async def test_a_model_that_is_gone_is_refused_and_the_text_comes_back(page: Page) -> None:
    await page.evaluate("document.querySelector('chat-picker').dataset.selected = 'no-such-model'")

    await ask(page, "Is anybody there?")

    await expect(page.get_by_role("alert")).to_contain_text("no-such-model")
    await expect(composer(page)).to_have_value("Is anybody there?")
    await expect(questions(page)).to_have_count(0)
    await composer(page).fill("")


async def test_the_model_is_picked_with_the_keyboard(page: Page, models: Upstream) -> None:
    await page.get_by_role("button", name="Model", exact=True).click()
    await page.keyboard.type("large")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Model", exact=True)).to_contain_text("large")

    await ask_and_wait(page, "Who are you? @fake tokens=2")

    assert models.last("/api/chat").body["model"] == "large:latest"


async def test_shift_enter_breaks_the_line(page: Page) -> None:
    await composer(page).focus()

    await page.keyboard.type("One")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("two")

    await expect(composer(page)).to_have_value("One\ntwo")
    await expect(questions(page)).to_have_count(0)
    await composer(page).fill("")


async def test_a_lost_connection_is_said_and_what_is_sent_meanwhile_arrives(page: Page, alice: BrowserContext) -> None:
    await ask_and_wait(page, "Before the break @fake tokens=2")
    await alice.set_offline(True)
    await page.evaluate("import('/static/js/lib/socket.js').catch(() => null)")

    await ask(page, "Sent in the dark @fake tokens=3")
    await expect(questions(page).or_(page.locator(".message--unsent")).last).to_be_visible()
    await alice.set_offline(False)

    await expect(answers(page)).to_have_count(2)
    await answer_is_finished(page)
    await expect(questions(page).last).to_contain_text("Sent in the dark")


async def test_a_first_message_arrives_once_also_when_the_connection_breaks_before_its_reply(
    alice: BrowserContext,
) -> None:
    broken: list[str] = []

    async def lose_the_first_reply(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        async def pass_on(said: str | bytes) -> None:
            if not broken and '"branch.changed"' in str(said):
                broken.append(str(said))
                await socket.close(code=4000)
            else:
                socket.send(said)

        socket.on_message(server.send)
        server.on_message(pass_on)

    page = await alice.new_page()
    await page.route_web_socket("**/ws/", lose_the_first_reply)
    await page.goto("/")

    await ask_and_wait(page, "Asked into a storm @fake tokens=3")

    assert broken
    await expect(page).to_have_url(CHAT_URL)
    await expect(questions(page)).to_have_count(1)
    await expect(page.locator("chat-sidebar").get_by_role("link", name="Asked into a storm")).to_have_count(1)


async def test_a_chat_that_is_gone_on_with_moves_to_the_head_of_the_list(open_browser: OpenBrowser, site: Site) -> None:
    page = await (await open_browser()).new_page()
    await sign_up(page, "dora@example.org")
    for title in ("Older", "Newer"):
        await page.goto("/")
        await ask_and_wait(page, f"{title} @fake tokens=2")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with sqlite3.connect(site.data / "hearth.sqlite3") as database:
        database.execute("UPDATE chats_chat SET updated_at = ? WHERE title LIKE 'Older%'", [f"{yesterday:%F %T}"])
    database.close()
    await page.goto("/")
    older = page.locator(".sidebar-chat").filter(has_text="Older")
    group = page.locator(".sidebar__label").filter(has_text="Yesterday")
    await expect(group).to_have_count(1)

    await older.get_by_role("link").click()
    await expect(answers(page)).to_have_count(1)
    await ask_and_wait(page, "And now? @fake tokens=2")

    await expect(page.locator(".sidebar-chat").first).to_contain_text("Older")
    await expect(older).to_have_count(1)
    await expect(older.get_by_role("link")).to_have_attribute("aria-current", "page")
    await expect(group).to_have_count(0)


async def test_what_is_asked_while_the_page_recovers_from_a_break_is_not_lost_from_sight(alice: BrowserContext) -> None:
    sockets: list[WebSocketRoute] = []
    asked_again = asyncio.Event()

    def connect(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    async def answer_late(route: Route) -> None:
        """What the server says now comes when the page has moved on."""
        response = await route.fetch()
        await asked_again.wait()
        await route.fulfill(response=response)

    page = await alice.new_page()
    await page.route_web_socket("**/ws/", connect)
    await page.goto("/")
    await ask_and_wait(page, "Say something @fake tokens=3")
    await page.route(page.url, answer_late)

    async with page.expect_request(page.url):
        await sockets[0].close(code=4000)
    await page.get_by_role("button", name="Answer again").click()
    await expect(answers(page)).to_contain_text("2/2")
    async with page.expect_response(page.url):
        asked_again.set()

    await answer_is_finished(page)
    await page.unroute_all(behavior="wait")
    await expect(answers(page)).to_contain_text("2/2")


@pytest.mark.parametrize("size", [PHONE, TABLET, DESKTOP], ids=["phone", "tablet", "desktop"])
async def test_nothing_is_wider_than_the_window(
    open_browser: OpenBrowser, alice_state: Path, size: tuple[int, int]
) -> None:
    context = await open_browser(size=size, storage_state=alice_state)
    page = await context.new_page()
    await page.goto("/")
    assert await overflow(page) <= 0

    await ask_and_wait(page, f"{'w' * 300} | a | b | @fake mode=echo")

    assert await overflow(page) <= 0


async def test_on_a_phone_the_sidebar_is_a_drawer(open_browser: OpenBrowser, alice_state: Path) -> None:
    context = await open_browser(size=PHONE, storage_state=alice_state)
    page = await context.new_page()
    await page.goto("/")
    new_chat = page.locator("chat-sidebar").get_by_role("link", name="New chat")
    await expect(new_chat).to_be_hidden()

    await page.get_by_role("button", name="Show or hide the sidebar").click()
    await expect(new_chat).to_be_in_viewport()
    await page.keyboard.press("Escape")

    await expect(new_chat).to_be_hidden()


async def test_a_phones_bar_shows_the_title_and_does_the_rest_from_its_menu(
    open_browser: OpenBrowser, alice_state: Path
) -> None:
    page = await (await open_browser(size=PHONE, storage_state=alice_state)).new_page()
    await page.goto("/")
    await ask_and_wait(page, "Why is it that lighthouses were built upon rocks? @fake tokens=2")
    await pick_beside(page, "large:latest")

    assert await touching(page.locator(".bar")) == []
    title = await page.get_by_role("button", name="Why is it").bounding_box()
    assert title and title["width"] > 80
    await page.get_by_role("button", name="More about this chat").click()
    await page.get_by_role("button", name="Archive", exact=True).click()

    await expect(page.get_by_text("This chat is archived.")).to_be_visible()
    assert await overflow(page) <= 0


async def pick_beside(page: Page, model: str) -> None:
    await page.get_by_role("button", name="Model", exact=True).click()
    await page.get_by_role("button", name="Add another model").click()
    await page.get_by_role("option", name=model).click()
    await page.keyboard.press("Escape")


async def touching(bar: Locator) -> list[str]:
    """Names of neighbouring controls that reach into each other."""
    return list(
        await bar.evaluate(
            """(bar) => {
              const all = [...bar.querySelectorAll("button, a")];
              const shown = all.filter((node) => node.checkVisibility() && !node.closest("[popover]"));
              const nameOf = (node) => node.getAttribute("aria-label") || node.textContent;
              const boxes = shown.map((node) => [nameOf(node), node.getBoundingClientRect()]);
              boxes.sort(([, a], [, b]) => a.left - b.left);
              return boxes.slice(1).flatMap(([name, box], i) => (box.left < boxes[i][1].right - 1 ? [name] : []));
            }"""
        )
    )


def chat_of(page: Page) -> str:
    return page.url.rstrip("/").rsplit("/", 1)[-1]


def expected_words(n_tokens: int) -> str:
    """What the double answers with so many tokens, as a page shows it."""
    words = ("The", "model", "answers", "with", "a", "list", "of", "short", "words.")
    return " ".join(words[number % len(words)] for number in range(n_tokens))
