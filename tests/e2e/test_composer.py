"""What a person does in the field where messages are written, beside writing."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import BrowserContext, Page, expect

from tests.doubles.upstream import FakeModel, Upstream
from tests.e2e.chatting import answer_is_finished, answers, ask, ask_and_wait, composer, questions
from tests.e2e.conftest import PASSWORD, OpenBrowser, sign_up
from tests.e2e.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_the_arrows_bring_back_what_was_asked_and_leave_the_caret_alone(page: Page) -> None:
    await ask_and_wait(page, "First question @fake tokens=2")
    await ask_and_wait(page, "Second question\nof two lines @fake tokens=2")
    field = composer(page)

    await field.press("ArrowUp")
    await expect(field).to_have_value("Second question\nof two lines @fake tokens=2")
    await field.press("ArrowUp")
    await expect(field).to_have_value("First question @fake tokens=2")
    await field.press("ArrowUp")
    await expect(field).to_have_value("First question @fake tokens=2")
    await field.press("ArrowDown")
    await field.press("ArrowDown")
    await expect(field).to_have_value("")

    # In a text of one's own an arrow moves the caret, whatever it is pressed in.
    await field.fill("above\nbelow")
    await field.press("ArrowUp")
    await field.press("ArrowUp")
    await field.press("ArrowUp")
    await expect(field).to_have_value("above\nbelow")
    assert await field.evaluate("area => area.selectionStart") == 0


async def test_what_is_written_during_an_answer_waits_for_its_end(page: Page) -> None:
    await ask(page, "Slowly, please. @fake tokens=60 rate=20")
    await expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()

    await ask(page, "The one after @fake tokens=2")
    await ask(page, "And a third @fake tokens=2")

    queue = page.locator("[data-queue]")
    await expect(queue.get_by_role("listitem")).to_contain_text(["The one after", "And a third"])
    await expect(questions(page)).to_have_count(1)
    await expect(answers(page)).to_have_count(3, timeout=20_000)
    await answer_is_finished(page)
    await expect(questions(page)).to_contain_text(["Slowly", "The one after", "And a third"])
    await expect(queue).to_be_hidden()


async def test_what_waits_survives_a_reload_and_a_stopped_answer_does_not_send_it(page: Page) -> None:
    await ask(page, "Slowly, please. @fake tokens=300 rate=20")
    await expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    await ask(page, "Waiting @fake tokens=2")
    await page.reload()

    row = page.locator("[data-queue]").get_by_role("listitem")
    await expect(row).to_contain_text("Waiting")
    await page.get_by_role("button", name="Stop", exact=True).click()
    await answer_is_finished(page)
    await expect(questions(page)).to_have_count(1)
    await expect(page.get_by_text("Not sent yet")).to_be_visible()

    await row.get_by_role("button", name="Edit").click()
    await expect(composer(page)).to_have_value("Waiting @fake tokens=2")
    await expect(page.locator("[data-queue]")).to_be_hidden()
    await composer(page).press("Enter")
    await answer_is_finished(page)
    await expect(questions(page)).to_have_count(2)


async def test_two_pages_of_a_chat_send_what_waits_once(page: Page, alice: BrowserContext, models: Upstream) -> None:
    models.may_end = False
    try:
        await ask(page, "Wait for me, please. @fake tokens=3")
        await expect(page.locator(".message--active .prose")).to_contain_text("The model")
        second = await alice.new_page()
        await second.goto(page.url)
        await expect(second.get_by_role("button", name="Stop", exact=True)).to_be_visible()
        await ask(page, "Only once @fake tokens=2")
        await expect(second.locator("[data-queue]")).to_contain_text("Only once")
    finally:
        models.may_end = True

    for each in (page, second):
        await expect(answers(each)).to_have_count(2)
        await answer_is_finished(each)
        await expect(each.locator("[data-queue]")).to_be_hidden()
    await page.reload()
    await expect(questions(page)).to_have_count(2)


async def test_a_draft_is_there_after_signing_in_again_and_nobody_elses(open_browser: OpenBrowser, site: Site) -> None:
    context = await open_browser(site.url)
    page = await context.new_page()
    await sign_up(page, "drafter@example.org")
    await composer(page).fill("A thought of mine")
    await sign_out(page)

    await sign_up(page, "other@example.org")
    await expect(composer(page)).to_have_value("")
    await sign_out(page)

    await page.goto("/accounts/login/")
    await page.locator("input[name=login]").fill("drafter@example.org")
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(composer(page)).to_have_value("A thought of mine")


async def test_a_prompt_is_written_and_inserted_with_its_places_filled_in(
    open_browser: OpenBrowser, site: Site
) -> None:
    context = await open_browser(site.url)
    page = await context.new_page()
    await sign_up(page, "prompter@example.org")
    await page.goto("/presets/")
    await page.get_by_role("link", name="Prompts", exact=True).click()
    await page.get_by_role("link", name="Write the first one").click()
    await page.get_by_role("textbox", name="Name", exact=True).fill("Press release")
    await page.get_by_role("textbox", name="Text", exact=True).fill(
        'Write about {{topic | text:required}} in a {{tone | select:options=["warm","dry"]:default="dry"}} tone, '
        "dated {{CURRENT_DATE}}, quoting {{CLIPBOARD}}. {{topic}}"
    )
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("/press-release").wait_for()

    await page.goto("/")
    field = composer(page)
    await field.press_sequentially("Please: /pre")
    await expect(page.get_by_role("option", name="/press-release")).to_be_visible()
    await field.press("Enter")
    dialog = page.get_by_role("dialog", name="Fill in the prompt")
    await expect(dialog.get_by_label("topic")).to_be_focused()
    await expect(dialog.get_by_label("tone")).to_have_value("dry")
    await dialog.get_by_label("What you copied").fill("the mayor")
    await dialog.get_by_role("button", name="Insert").click()
    # The browser asks for what is required.
    await expect(dialog).to_be_visible()
    await dialog.get_by_label("topic").fill("{{tone}} {{CURRENT_DATE}}")
    await dialog.get_by_label("topic").press("Enter")

    await expect(field).to_be_focused()
    today = await page.evaluate("new Date().toLocaleDateString('sv')")
    await expect(field).to_have_value(
        f"Please: Write about {{{{tone}}}} {{{{CURRENT_DATE}}}} in a dry tone, dated {today}, quoting the mayor. "
        "{{tone}} {{CURRENT_DATE}}"
    )

    # What is left without an answer inserts nothing, and a path is no command.
    await field.fill("/press")
    await expect(page.get_by_role("option", name="/press-release")).to_be_visible()
    await field.press("Enter")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(field).to_have_value("")
    await field.fill("/usr/bin @fake tokens=2")
    await field.press("Enter")
    await answer_is_finished(page)
    await expect(questions(page)).to_contain_text("/usr/bin")


def picture(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (640, 400), colour).save(file, "PNG")
    return file.getvalue()


PASTE = """(area, [name, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type: "image/png" }));
  area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def onlooker(models: Upstream, open_browser: OpenBrowser) -> AsyncIterator[BrowserContext]:
    """A person whose pages offer a model that sees. Nobody else's: the model that one chose last is kept."""
    model = FakeModel(name="eyes:latest", capabilities=("completion", "vision"))
    models.models.append(model)
    browser = await open_browser()
    page = await browser.new_page()
    await sign_up(page, f"{uuid4().hex}@example.org")
    # The list of models is some seconds old.
    while await page.get_by_role("option", name=model.name, include_hidden=True).count() == 0:
        await page.goto("/")
    await page.close()
    yield browser
    models.models.remove(model)


async def test_a_picture_is_pasted_refused_for_a_blind_model_and_seen_by_another(
    onlooker: BrowserContext, models: Upstream
) -> None:
    page = await onlooker.new_page()
    await page.goto("/")
    await pick_model(page, "tiny:latest")
    field = composer(page)
    await field.evaluate(PASTE, ["holiday.png", b64encode(picture("teal")).decode()])
    chip = page.locator("[data-chips] .chip")
    await expect(chip).to_contain_text("holiday.png")
    await expect(chip.locator("img")).to_be_visible()

    # Nothing is sent, and nothing is lost.
    await ask(page, "What is this? @fake tokens=3")
    await expect(page.get_by_text("cannot see pictures")).to_be_visible()
    await expect(page.get_by_role("button", name="Read their text")).to_be_focused()
    await expect(questions(page)).to_have_count(0)
    await page.reload()
    await expect(chip.locator("img")).to_be_visible()
    await expect(field).to_have_value("What is this? @fake tokens=3")

    await pick_model(page, "eyes:latest")
    await expect(page.get_by_text("cannot see pictures")).to_be_hidden()
    await field.press("Enter")
    await answer_is_finished(page)
    sent = [request for request in models.requests if request.path == "/api/chat"][-1].body["messages"][-1]
    assert len(sent["images"]) == 1

    thumbnail = questions(page).get_by_role("link", name="holiday.png")
    await expect(thumbnail.get_by_role("img")).to_have_js_property("naturalWidth", 480)
    await thumbnail.click()
    large = page.get_by_role("dialog", name="Picture")
    await expect(large.get_by_role("img", name="holiday.png")).to_have_js_property("naturalWidth", 640)
    await page.keyboard.press("Escape")
    await expect(large).to_be_hidden()


async def test_the_text_of_a_picture_can_be_read_instead(onlooker: BrowserContext) -> None:
    page = await onlooker.new_page()
    await page.goto("/")
    await pick_model(page, "tiny:latest")
    await page.locator("[data-files]").set_input_files(
        {"name": "receipt.png", "mimeType": "image/png", "buffer": picture("white")}
    )
    await expect(page.get_by_text("cannot see pictures")).to_be_visible()

    await page.get_by_role("button", name="Read their text").click()

    await expect(page.get_by_text("cannot see pictures")).to_be_hidden()
    await expect(page.locator('[data-chips] .chip[data-kind="document"]')).to_contain_text("receipt.png")


async def pick_model(page: Page, name: str) -> None:
    await page.get_by_role("button", name="Model", exact=True).click()
    await page.get_by_role("option", name=name).click()


async def sign_out(page: Page) -> None:
    await page.goto("/accounts/logout/")
    await page.get_by_role("button", name="Sign out").last.click()
    await page.wait_for_url(lambda url: "logout" not in url)


async def test_a_file_dropped_anywhere_on_the_page_is_attached(page: Page) -> None:
    dropped = await page.evaluate_handle(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["The lighthouse was built in 1902."], "dropped.txt", { type: "text/plain" }));
          return data;
        }"""
    )
    messages = page.locator("chat-page")
    await messages.dispatch_event("dragover", {"dataTransfer": dropped})
    await expect(messages).to_have_class(re.compile(r"chat--drop"))

    await messages.dispatch_event("drop", {"dataTransfer": dropped})

    await expect(page.locator("chat-composer .chip")).to_contain_text("dropped.txt")
    await expect(messages).not_to_have_class(re.compile(r"chat--drop"))
