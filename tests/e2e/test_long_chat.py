"""A chat of hundreds of messages: it opens at its end, is read upwards, and is opened anywhere."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from playwright.async_api import Page, expect

from tests.e2e.chatting import answers, ask, ask_and_wait, questions
from tests.e2e.site import ROOT, Site
from webui.chats.shown_branch import WINDOW

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

N_MESSAGES = 200
MAKE_CHAT = """
from webui.accounts.models import User
from webui.chats.models import Chat, Message
chat = Chat.objects.create(owner=User.objects.get(email="alice@example.org"), title="Long")
parent = first = None
for number in range({n}):
    role = "assistant" if number % 2 else "user"
    parent = Message.objects.create(chat=chat, parent=parent, role=role, content=f"Number {{number}} of many.")
    first = first or parent
chat.current_message = parent
chat.save()
print(chat.uuid, first.uuid)
"""
TOP_OF = "node => node.getBoundingClientRect().top"


def make_long_chat(site: Site) -> tuple[str, str]:
    """Return the address of a long chat of Alice's and the uuid of its first message."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HEARTH_")}
    made = subprocess.run(  # noqa: S603  (our own command)
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", MAKE_CHAT.format(n=N_MESSAGES)],
        cwd=ROOT,
        env=environment | {"HEARTH_DATA": str(site.data), "HEARTH_ENV_FILE": os.devnull},
        check=True,
        capture_output=True,
        text=True,
    )
    chat, first = made.stdout.split()[-2:]
    return f"/chats/{chat}/", first


async def test_a_long_chat_opens_at_its_end_and_is_read_upwards_without_a_jump(page: Page, site: Site) -> None:
    url, _ = make_long_chat(site)
    await page.goto(url)
    messages = page.locator("chat-message")
    await expect(messages).to_have_count(WINDOW)
    last = page.get_by_text(f"Number {N_MESSAGES - 1} of many.")
    await expect(last).to_be_in_viewport()

    box, oldest = page.locator("[data-scroll]"), messages.first
    anchor = page.locator(f"#{await oldest.get_attribute('id')}")
    await box.evaluate("box => { box.scrollTop = 300; }")
    before = await anchor.evaluate(TOP_OF)
    await expect(messages).to_have_count(2 * WINDOW)
    assert abs(await anchor.evaluate(TOP_OF) - before) <= 2

    earlier = page.get_by_role("button", name="Earlier messages")
    while await earlier.count():
        n_before = await messages.count()
        await box.evaluate("box => { box.scrollTop = 0; }")
        await page.wait_for_function("n => document.querySelectorAll('chat-message').length > n", arg=n_before)
    await expect(messages).to_have_count(N_MESSAGES)


async def test_what_was_read_stays_when_the_chat_goes_on_and_the_connection_breaks(page: Page, site: Site) -> None:
    url, _ = make_long_chat(site)
    await page.goto(url)
    await page.locator("[data-scroll]").evaluate("box => { box.scrollTop = 0; }")
    await expect(page.locator("chat-message")).to_have_count(2 * WINDOW)

    await ask_and_wait(page, "And one more?")
    await page.context.set_offline(True)
    await page.context.set_offline(False)
    await ask_and_wait(page, "And another?")

    assert await page.locator("chat-message").count() >= 2 * WINDOW + 4
    await expect(questions(page).last).to_be_in_viewport()


async def test_a_reload_in_the_middle_of_an_answer_goes_on_with_it(page: Page, site: Site) -> None:
    url, _ = make_long_chat(site)
    await page.goto(url)

    await ask(page, "@fake tokens=60 rate=20")
    await expect(page.locator(".message--active[data-generation]")).to_have_count(1)
    await page.reload()

    await expect(page.locator("chat-message")).to_have_count(WINDOW)
    await expect(page.locator(".message--active")).to_have_count(0, timeout=20_000)
    await expect(answers(page).last).to_have_attribute("data-state", "finished")


async def test_the_first_of_many_messages_is_opened(page: Page, site: Site) -> None:
    url, first = make_long_chat(site)

    await page.goto(f"{url}?message={first}")

    found = page.locator(".message--found")
    await expect(found).to_contain_text("Number 0 of many.")
    await expect(found).to_be_in_viewport()
    await expect(found).to_be_focused()
