"""Pages fetched from the web: the main text, without what a site puts around it."""

from __future__ import annotations

import re

import trafilatura
from lxml import etree

from rag.errors import Unreadable
from rag.extraction import web
from rag.extraction.markup import sections_of
from rag.extraction.pages import join_pages, with_text
from rag.types import HTML, Extraction, Problem

# A page with a field for a password and hardly a word beside it is a door.
_PASSWORD_FIELD = re.compile(r"<input[^>]+type\s*=\s*[\"']?password", re.I)
_DOOR_CHARACTERS = 600
_SUSPICIOUSLY_SHORT = 400


def extract(data: bytes) -> Extraction:
    """Return the main text of a page, a section under each heading.

    Raises:
        Unreadable: There is none: the page is filled by scripts, or asks for a password.
    """
    html = web.decoded(data)
    try:
        extraction = _fuller(_main_text(html), web.extract(data))
    except Unreadable as exc:
        raise Unreadable(Problem.EMPTY_PAGE if exc.problem == Problem.EMPTY else exc.problem) from exc
    is_title_alone = extraction.page_names == (extraction.text,)
    is_door = _PASSWORD_FIELD.search(html) and len(extraction.text) < _DOOR_CHARACTERS
    if is_title_alone or is_door:
        raise Unreadable(Problem.EMPTY_PAGE)
    return extraction


def _fuller(main: Extraction | None, whole: Extraction) -> Extraction:
    """Return the main text, unless so little of a page was taken for it that it must be a mistake."""
    if main is None:
        return whole
    is_mistake = len(main.text) < _SUSPICIOUSLY_SHORT and len(main.text) * 4 < len(whole.text)
    return whole if is_mistake else main


def _main_text(html: str) -> Extraction | None:
    found = trafilatura.extract(html, output_format="html", include_comments=False, include_tables=True)
    if not found:
        return None
    root = etree.fromstring(found.encode("utf-8", errors="replace"), etree.HTMLParser(encoding="utf-8"))
    try:
        return with_text(join_pages(HTML, sections_of(root).finished()))
    except Unreadable as exc:
        if exc.problem != Problem.EMPTY:
            raise
        return None
