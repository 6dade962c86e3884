"""The site in Chinese, without a word of English left, and in Arabic, from right to left, on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.doubles.upstream import Upstream
from tests.e2e.chatting import answer_is_finished, overflow
from tests.e2e.conftest import PASSWORD, PHONE, OpenBrowser, sign_up
from tests.e2e.pages import pages_among
from tests.e2e.site import Site, running_site
from tests.permissions.routes import all_routes

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

# Names, formats, units, and what is typed or written in a file word for word.
LATIN = re.compile(
    r"https?(?:://\S+)?|\S+@\S+|/\w\S*|[\w.]+:[\w./]*"
    r"|\w+\.(?:json|yml|docx|pptx|xlsx|doc|rtf|ppt|xls|csv|gguf|org|com)\b"
    r"|hf\.co/\S+|\{+\w*\}+|--?[a-z-]+|\b[A-Z]{2,}\w*|\b[fq]\d\w*"
    r"|\b(?:Hearth|Ollama|OpenAI|Anthropic|Open WebUI|ChatGPT|Hugging Face|LM Studio|vLLM|ComfyUI|Python|Chroma"
    r"|Esc|Markdown|JavaScript|Debian|Linux|Chrome|Word|PowerPoint|Excel|Modelfile|Top [kp]|Min p|Export|Reports|drafts"
    r"|question|document|quote|schema|json|default|type|object|English|WebP|SQLite|kB)\b"
)
WORDS = """() => {
  const said = [];
  const read = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (["SCRIPT", "STYLE", "NOSCRIPT"].includes(node.tagName)) continue;
      if (node instanceof HTMLTemplateElement) read(node.content);
      if (node.closest("code, kbd, [lang='en'], [lang='ar']")) continue;
      for (const name of ["aria-label", "title", "placeholder", "alt", "data-tooltip"]) {
        if (node.hasAttribute(name)) said.push(node.getAttribute(name));
      }
      for (const { name, value } of node.attributes) {
        if (name.startsWith("data-") && /[A-Z][a-z]+ [a-z]/.test(value)) said.push(value);
      }
      for (const child of node.childNodes) if (child.nodeType === Node.TEXT_NODE) said.push(child.textContent);
    }
  };
  read(document);
  return said;
}"""


@pytest.fixture(scope="module")
def site(models: Upstream, built_in: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own: what people of other tests share with everybody has names in any language."""
    with running_site(
        tmp_path_factory.mktemp("languages") / "data",
        model_url=models.url,
        built_in_url=built_in.url,
        HEARTH_ADMIN_EMAIL="root@example.org",
        HEARTH_ADMIN_PASSWORD=PASSWORD,
    ) as running:
        yield running


async def choose_language(page: Page, name: str) -> None:
    await page.goto("/accounts/profile/")
    await page.locator("select[name=language]").select_option(label=name)
    await page.locator("form:has(select[name=language]) button[type=submit]").click()
    await expect(page.locator("html")).to_have_attribute("lang", re.compile("zh-hans|ar"))


async def english_on(page: Page, address: str) -> list[str]:
    await page.goto(address)
    said = await page.evaluate(WORDS)
    return [f"{address}: {text.strip()}" for text in said if re.search(r"[A-Za-z]{2,}", LATIN.sub(" ", text))]


async def pages_of(context: BrowserContext) -> list[str]:
    return await pages_among(context, all_routes("member"))


async def english_read(context: BrowserContext) -> str:
    page = await context.new_page()
    found = [text for address in await pages_of(context) for text in await english_on(page, address)]
    return "\n".join(found)


async def test_who_has_chosen_chinese_reads_no_english(open_browser: OpenBrowser) -> None:
    context = await open_browser()
    page = await context.new_page()
    await sign_up(page, "zhang@example.org")

    await choose_language(page, "简体中文")

    await page.goto("/")
    box = page.get_by_role("textbox", name="消息", exact=True)
    await box.fill("你好")
    await box.press("Enter")
    await answer_is_finished(page)
    chat = page.url
    assert await english_read(context) == ""
    assert [text for text in await english_on(page, chat) if "The model answers" not in text] == []


async def test_a_phone_shows_arabic_from_right_to_left_without_scrolling_sideways(open_browser: OpenBrowser) -> None:
    context = await open_browser(size=PHONE)
    page = await context.new_page()
    await page.goto("/accounts/login/")
    await page.get_by_role("button", name=re.compile("العربي")).click()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await sign_up(page, "layla@example.org")
    await choose_language(page, "العربية")

    wide = []
    for address in await pages_of(context):
        await page.goto(address)
        if await overflow(page) > 0:
            wide.append(address)

    assert wide == []
    # The drawer comes from the right, where lines begin.
    await page.goto("/")
    await page.locator("[data-toggle-sidebar]:visible").first.click()
    await expect(page.locator("#sidebar")).to_be_in_viewport(ratio=0.9)
    drawer = await page.locator("#sidebar").bounding_box()
    assert drawer and drawer["x"] + drawer["width"] == pytest.approx(PHONE[0], abs=1)
