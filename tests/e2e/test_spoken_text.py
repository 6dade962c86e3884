"""The modules behind voice, as a browser runs them: where sentences end, what is said, and when it is silent."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

CUT = """async (text) => {
  const { sentences } = await import("/static/js/lib/sentences.js");
  return sentences(text).map(({ start, end }) => text.slice(start, end));
}"""
SPOKEN = """async (html) => {
  const { spokenUnits } = await import("/static/js/lib/spoken_text.js");
  const body = new DOMParser().parseFromString(html, "text/html").body;
  return spokenUnits(document.adoptNode(body)).map(({ words }) => words);
}"""
WATCH = """async (parts) => {
  const { SilenceWatch } = await import("/static/js/lib/silence.js");
  const watch = new SilenceWatch({ earlyMs: 2000, overMs: 3000 });
  const told = [];
  let now = 1000;
  for (const [ms, level] of parts) {
    for (const end = now + ms; now < end; now += 50) {
      const word = watch.feed(level, now);
      if (word) told.push([word, now - 1000]);
      if (word === "over") return told;
    }
  }
  return told;
}"""


async def test_a_text_is_cut_where_its_sentences_end(page: Page) -> None:
    cases = {
        "Dr. Smith paid 3.50 euros, e.g. for tea. He left.": ["Dr. Smith paid 3.50 euros, e.g. for tea.", "He left."],
        "Is it? Yes! “Go.” Then it went on. and on": ["Is it?", "Yes!", "“Go.”", "Then it went on. and on"],
        "J. R. Tolkien wrote it. 1954 it came out.": ["J. R. Tolkien wrote it.", "1954 it came out."],
        "今天（星期一）很好！他说：“走吧。”我们去哪里？": ["今天（星期一）很好！", "他说：“走吧。”", "我们去哪里？"],
        "Mixed 中文。Then English. 好": ["Mixed 中文。", "Then English.", "好"],
        "One\n\ntwo\n- three": ["One", "two", "- three"],
        "  \n ": [],
    }
    for text, expected in cases.items():
        assert await page.evaluate(CUT, text) == expected

    long = "Where it goes on, and on, " * 40
    parts = await page.evaluate(CUT, long)
    assert max(map(len, parts)) <= 280
    assert " ".join(parts) == long.strip()
    hanzi = "火" * 700
    assert "".join(await page.evaluate(CUT, hanzi)) == hanzi


async def test_what_is_not_for_the_ear_is_not_said(page: Page) -> None:
    async def said(html: str) -> Any:
        return await page.evaluate(SPOKEN, html)

    assert await said(
        '<p>Warm <strong>fires</strong><button class="citation">1</button>. See '
        '<a href="https://a.example">https://a.example/x</a> and <a href="https://b.example">the page</a>.</p>'
        '<figure class="code"><figcaption><button>Copy</button></figcaption>'
        '<pre><code>rm -rf</code></pre></figure><div class="math-block"><math display="block"><mi>x</mi></math></div>'
        "<ul><li>One<ul><li>two</li></ul></li></ul><table><tr><td>a</td><td>b</td></tr></table><p>42</p>"
    ) == ["Warm fires.", "See and the page.", "One", "two", "a, b", "42"]
    # The open end: the last sentence waits, and so does all that code or a formula may begin before.
    tail = "<div data-blocks><p>Done.</p></div><div data-tail><p>{}</p></div>"
    assert await said(tail.format("First one. Second o")) == ["Done.", "First one."]
    assert await said(tail.format("它好。又")) == ["Done.", "它好。"]
    assert await said(tail.format("Run **this** [2]. ```sh ls. Then. Go")) == ["Done."]
    assert await said(tail.format("See https://a.example/x. Then *go* on. Now")) == ["Done.", "See", "Then go on."]


async def test_silence_counts_only_after_words(page: Page) -> None:
    async def told(*parts: tuple[int, float]) -> Any:
        return await page.evaluate(WATCH, [list(part) for part in parts])

    assert await told((20_000, 0.002)) == []
    assert await told((1000, 0.002), (50, 0.3), (20_000, 0.002)) == [], "a click is no word"
    (early, early_at), (over, over_at) = await told((1000, 0.002), (2000, 0.1), (9000, 0.002))
    assert (early, over) == ("early", "over")
    assert (early_at, over_at) == (pytest.approx(5000, abs=60), pytest.approx(6000, abs=60))
    words = [word for word, _ in await told((2000, 0.1), (2500, 0.002), (1000, 0.1), (5000, 0.002))]
    assert words == ["early", "resumed", "early", "over"]
    # A fan hums all the time.
    assert [word for word, _ in await told((3000, 0.011), (2000, 0.1), (5000, 0.011))] == ["early", "over"]
