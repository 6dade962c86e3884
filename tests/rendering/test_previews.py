"""What is put into the frame of a preview: what is drawn, and nothing that runs, loads, connects or leads away."""

from __future__ import annotations

import pytest

from tests.rendering.html import read
from webui.rendering import preview_document, previewed_source, render_markdown

SVG = '<svg viewBox="0 0 10 10"><circle r="4" fill="url(#a)"/></svg>'
HOSTILE = [
    "<script>alert(1)</script>",
    "<svg><script href='//evil.example/x.js'></script></svg>",
    "<svg onload=alert(1)><animate onbegin=alert(1) attributeName=x></svg>",
    "<svg><a xlink:href='//evil.example'><text>x</text></a></svg>",
    "<svg><use href='https://evil.example/x.svg#a'></use><image href='//evil.example/x.png'/></svg>",
    "<svg><a><animate attributeName='href' to='https://evil.example'/></a></svg>",
    "<svg><a><set attributeName='xlink:href' to='//evil.example'/></a></svg>",
    "<svg><feImage href='//evil.example/x'/></svg>",
    "<svg><foreignObject><iframe src='//evil.example'></iframe></foreignObject></svg>",
    "<link rel=preconnect href='//evil.example'><link rel=dns-prefetch href='//evil.example'>",
    "<link rel=stylesheet href='//evil.example/x.css'>",
    "<svg><link rel=preconnect href='//evil.example'></link></svg>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href='//evil.example/'>",
    "<a href='//evil.example' ping='//evil.example/ping'>x</a>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='/chats/'>x</a>",
    "<img src='//evil.example/x.png' srcset='//evil.example/y.png 2x'>",
    "<img src=x onerror=alert(1)>",
    "<picture><source srcset='//evil.example/x'><img></picture>",
    "<video src='//evil.example/x' poster='//evil.example/y'></video><audio src='//evil.example/x'></audio>",
    "<form action='//evil.example'><button formaction='//evil.example'>x</button></form>",
    "<iframe src='//evil.example'></iframe><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='//evil.example'></object><embed src='//evil.example'>",
    "<table background='//evil.example/x'><td background='//evil.example/x'>x</td></table>",
    "<body background='//evil.example/x' onload=alert(1)>x</body>",
    "<template><link rel=preconnect href='//evil.example'></template>",
    "<noscript><link rel=preconnect href='//evil.example'></noscript>",
    "<math><mtext><table><mglyph><style><link rel=preconnect href=//evil.example>",
    "<svg></p><style><a id='</style><link rel=preconnect href=//evil.example>'>",
    "<frameset><frame src='//evil.example'></frameset>",
    "<portal src='//evil.example'></portal><fencedframe></fencedframe>",
]
LOADING = {
    "script",
    "link",
    "meta",
    "base",
    "iframe",
    "frame",
    "object",
    "embed",
    "video",
    "audio",
    "source",
    "template",
}
LEADING = {
    "href",
    "xlink:href",
    "src",
    "srcset",
    "ping",
    "action",
    "formaction",
    "poster",
    "data",
    "background",
    "srcdoc",
}


@pytest.mark.parametrize("source", HOSTILE)
def test_nothing_in_a_preview_runs_loads_or_leads_away(source: str) -> None:
    document = preview_document(f"<p>Before</p>{source}")

    elements = read(document.partition("<body>")[2]).elements
    assert not {tag for tag, _ in elements} & LOADING
    for _tag, attributes in elements:
        assert not any(name.startswith("on") for name in attributes)
        assert all(attributes[name].startswith(("#", "data:image/")) for name in LEADING & attributes.keys())
        assert attributes.get("attributename", "") not in LEADING


def test_a_drawing_and_a_page_keep_what_they_show() -> None:
    drawn = preview_document(
        '<svg viewBox="0 0 1 1"><linearGradient id="a"><stop offset="0" stop-color="red"/></linearGradient>'
        '<style>.b{fill:url(#a)}</style><path class="b" d="M0 0h1"/>'
        '<use href="#c"/><text x="1">å <tspan>b</tspan></text></svg>'
    )
    page = preview_document(
        "<!doctype html><html><head><title>T</title><style>body>p{color:red}</style></head>"
        '<body><p style="margin:0" id="x">Hello <img src="data:image/png;base64,AA" alt="i"></p>'
        '<a href="#x">up</a></body>'
    )

    for part in ('viewBox="0 0 1 1"', "<linearGradient", 'stop-color="red"', "fill:url(#a)", 'href="#c"', "å <tspan>b"):
        assert part in drawn
    for part in ("body>p{color:red}", 'style="margin:0"', "data:image/png", '<a href="#x">'):
        assert part in page
    assert "<title>T" not in page


ANSWER = f"""A page:

```html
<p>one</p>
```

    indented

- in a list:

  ```svg
  {SVG}
  ```

```python
print("<svg>")
```

```xml
<?xml version="1.0"?>
{SVG}
```

```xml
<a/>
```
"""


def test_the_blocks_of_an_answer_are_counted_as_its_page_has_them() -> None:
    figures = render_markdown(ANSWER).split("<figure")[1:]
    shown = ["code__show" in figure for figure in figures]

    assert shown == [True, False, True, False, True, False]
    assert [previewed_source(ANSWER, number) is not None for number in range(7)] == [*shown, False]
    assert previewed_source(ANSWER, 0) == "<p>one</p>\n"
    assert previewed_source(ANSWER, 2) == f"{SVG}\n"
