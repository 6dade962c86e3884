"""What people, models and files of other programs say is text on every page: nothing of it runs or asks elsewhere.

The pages are found by introspection, also new ones. Whatever breaks the policy, even in vain, fails the test.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, expect

from tests.doubles.upstream import Behaviour, FakeModel, Upstream
from tests.e2e.chatting import answer_is_finished, answers, ask, composer
from tests.e2e.conftest import PASSWORD, OpenBrowser, signed_in_state
from tests.e2e.hostile_texts import EVERYTHING, EVIL, MARKUP
from tests.e2e.site import ROOT, Site, environment_of, running_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

# What no text may become: elements that run, load or lead by themselves, and attributes that do.
FIND_DANGERS = """
(root) => [...root.querySelectorAll("*")].flatMap((element) => {
  const found = [];
  const name = element.localName;
  const isOurs = (address) => new URL(address, location.origin).origin === location.origin;
  if (["object", "embed", "base", "applet", "frame"].includes(name)) found.push(name);
  if (name === "script" && !(element.src ? isOurs(element.getAttribute("src")) : element.type.endsWith("json")))
    found.push("script");
  if (name === "meta" && element.httpEquiv.toLowerCase() === "refresh") found.push("refresh");
  for (const { name: attribute, value } of element.attributes) {
    const shown = `${attribute}="${value.slice(0, 80)}"`;
    if (attribute.startsWith("on") || ["srcdoc", "ping", "background"].includes(attribute)) found.push(shown);
    if (["src", "srcset", "poster", "action", "formaction", "data", "style"].includes(attribute))
      if (/evil\\.example|javascript:/.test(value)) found.push(shown);
    if (["href", "xlink:href"].includes(attribute)) {
      const scheme = value.replace(/[\\x00-\\x20]/g, "").split(":")[0].toLowerCase();
      if (["javascript", "vbscript", "data"].includes(scheme)) found.push(shown);
      if (name !== "a" && /evil\\.example/.test(value)) found.push(shown);
    }
  }
  return found.map((danger) => `<${name}> ${danger}`);
})
"""
FIND_IN_TEXT = f"(html) => ({FIND_DANGERS})(new DOMParser().parseFromString(html, 'text/html'))"
FIND_ON_PAGE = f"() => ({FIND_DANGERS})(document)"
MODEL = f"{MARKUP}:latest"


@dataclass
class Filled:
    """What `hostile_filling` has told, and the cookies of the administrator, who has some of it."""

    told: dict[str, Any]
    state: Path
    alerts: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def site(built_in: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own: everything on it is hostile, the names of its models and what they say too."""
    models = [FakeModel(name="parrot:latest"), FakeModel(name=MODEL, family=MARKUP, quantization=MARKUP)]
    with (
        Upstream(models=models, behaviour=Behaviour(answer=EVERYTHING)) as parrot,
        running_site(
            tmp_path_factory.mktemp("hostile") / "data",
            model_url=parrot.url,
            built_in_url=built_in.url,
            HEARTH_ADMIN_EMAIL="root@example.org",
            HEARTH_ADMIN_PASSWORD=PASSWORD,
        ) as running,
    ):
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filled(browser: Browser, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.hostile_filling", "root@example.org"],
        cwd=ROOT, env=environment_of(site), stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return Filled(json.loads(done.stdout), await signed_in_state(browser, site, tmp_path_factory.mktemp("root")))


@pytest_asyncio.fixture(loop_scope="session")
async def root(filled: Filled, open_browser: OpenBrowser) -> BrowserContext:
    context = await open_browser(storage_state=filled.state)
    filled.alerts.clear()

    async def note(dialog: Any) -> None:
        filled.alerts.append(dialog.message)
        await dialog.dismiss()

    context.on("dialog", note)
    return context


async def test_every_page_and_every_part_of_one_shows_it_as_text(filled: Filled, root: BrowserContext) -> None:
    page = await root.new_page()
    dangers = []

    for address in filled.told["pages"]:
        await page.goto(address)
        dangers += [f"{address}: {danger}" for danger in await page.evaluate(FIND_ON_PAGE)]
    for address, route in filled.told["parts"].items():
        if route == "chats:export_html":
            # Has styles of its own; it is opened as a file below.
            continue
        html = await (await root.request.get(address)).text()
        dangers += [f"{address}: {danger}" for danger in await page.evaluate(FIND_IN_TEXT, html)]

    assert dangers == []
    assert filled.alerts == []
    # Else nothing would be proved.
    assert set(filled.told["pages"].values()) >= SHOWING, SHOWING - set(filled.told["pages"].values())
    assert set(filled.told["parts"].values()) >= SHOWING_PARTS, SHOWING_PARTS - set(filled.told["parts"].values())


SHOWING = {
    "chats:archived", "chats:chat", "chats:deleted", "chats:folder", "chats:import_report", "chats:new",
    "chats:ratings", "chats:search", "chats:share", "chats:shared", "chats:shared_list", "chats:tags", "chats:transfer",
    "documents:document", "documents:list", "knowledge:knowledge", "knowledge:list", "presets:list", "presets:preset",
    "prompts:list", "prompts:preset", "administration:people", "administration:groups",
}  # fmt: skip
SHOWING_PARTS = {
    "chats:choose_tag", "chats:export_html", "chats:folder_chats", "chats:ledger", "chats:list", "chats:message",
    "chats:message_info", "chats:more_chats", "chats:more_messages", "chats:move", "chats:shared_messages",
    "chats:tagging", "documents:passage",
}  # fmt: skip


async def test_what_the_scripts_of_the_page_make_of_it_is_text(filled: Filled, root: BrowserContext) -> None:
    page = await root.new_page()
    await page.goto(f"/chats/{filled.told['chat']}/")
    await expect(answers(page).last).to_contain_text(EVIL)

    # An answer that is written while one looks, by a model with such a name.
    await page.evaluate("name => { document.querySelector('chat-picker').dataset.selected = name }", MODEL)
    await ask(page, f"Say it again <img src=//{EVIL}>")
    await answer_is_finished(page)
    await expect(answers(page).last).to_contain_text(EVIL)

    # Everything that opens on the page.
    await page.keyboard.press("Control+k")
    await page.keyboard.type(EVIL)
    await expect(page.get_by_role("option").filter(has_text=EVIL).first).to_be_visible()
    await page.keyboard.press("Escape")
    for sign in ("/", "#", "@"):
        await composer(page).fill("")
        await composer(page).press_sequentially(sign)
        await expect(page.get_by_role("option").filter(has_text=EVIL).first).to_be_visible()
        await page.keyboard.press("Escape")
    await composer(page).fill("")
    row = page.locator("chat-sidebar li[data-chat]").first
    await row.hover()
    await row.get_by_role("button", name="Actions for").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_role("button", name="Undo").click()
    await expect(row).to_be_visible()

    assert await page.evaluate(FIND_ON_PAGE) == []
    assert filled.alerts == []


async def test_an_exported_page_that_is_opened_as_a_file_runs_and_asks_for_nothing(
    filled: Filled, root: BrowserContext, browser: Browser, tmp_path: Path
) -> None:
    for number, address in enumerate(filled.told["papers"]):
        response = await root.request.get(address)
        file = tmp_path / f"{number}.html"
        file.write_bytes(await response.body())
        context = await browser.new_context()
        page, asked_for, offences = await context.new_page(), [], []
        page.on("request", lambda request, asked_for=asked_for: asked_for.append(request.url))
        page.on("dialog", lambda dialog, offences=offences: offences.append(dialog.message))
        page.on("console", lambda said, offences=offences: offences.append(said.text))

        await page.goto(file.as_uri())

        await expect(page.locator("body")).to_contain_text(EVIL)
        assert await page.evaluate(FIND_ON_PAGE.replace("isOurs(element.getAttribute('src'))", "false")) == []
        assert asked_for == [file.as_uri()]
        assert offences == []
        await context.close()
