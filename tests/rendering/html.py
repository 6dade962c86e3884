"""Read rendered HTML the way a browser would, so that tests can say what may stand in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Page(HTMLParser):
    """The elements and text of a fragment."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    open_elements: list[str] = field(default_factory=list)
    text: str = ""
    has_comment: bool = False

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"br", "hr", "img", "input"}:
            self.open_elements.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_elements, f"</{tag}> closes nothing"
        assert self.open_elements[-1] == tag, f"</{tag}> closes <{self.open_elements[-1]}>"
        self.open_elements.pop()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.has_comment = True

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def read(html: str) -> Page:
    """Parse a fragment; fails if its elements are not properly nested."""
    page = Page()
    page.feed(html)
    page.close()
    assert not page.open_elements, f"never closed: {page.open_elements}"
    return page


def text_of(html: str, *, inside: str) -> str:
    """Return the text inside the first such element, as `textContent` would."""
    start = html.index(">", html.index(f"<{inside}")) + 1
    return read(html[start : html.index(f"</{inside}>", start)]).text
