"""HTML files."""

from __future__ import annotations

import codecs
import re
from typing import Any

from lxml import etree

from rag.errors import Unreadable
from rag.extraction import encodings, limits
from rag.extraction.markup import sections_of
from rag.extraction.pages import join_pages, with_text
from rag.types import HTML, Extraction, Problem

# Source: HTML Living Standard, "prescan a byte stream to determine its encoding", looks at 1024 bytes; some need more.
_DECLARED_WITHIN_BYTES = 4096
_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.I)
# Inside an article, a header is its own. Source: HTML Living Standard, "The main element"; WAI-ARIA 1.2, landmarks.
_MAIN = ".//main[not(@hidden)] | .//*[@role='main']"
_AROUND = (
    ".//*[@role='banner' or @role='navigation' or @role='contentinfo' or @role='search']"
    " | .//header[not(ancestor::article or ancestor::section) and not(.//h1)]"
    " | .//footer[not(ancestor::article or ancestor::section)]"
    " | .//aside[not(ancestor::article or ancestor::section)]"
)
# Source: HTML Living Standard, "Metadata content"; comments are gone already.
_METADATA = frozenset(("base", "link", "meta", "noscript", "script", "style", "template", "title"))
# One with less is a frame that a script was to fill.
_MAIN_WORDS = 10


def extract(data: bytes) -> Extraction:
    """Return a page's text, a section under each heading. Raises Unreadable."""
    if len(data) > 4 * limits.MAX_CHARACTERS:
        raise Unreadable(Problem.TOO_LARGE)
    # Nothing is fetched, and HTML knows no entities that a file could define itself.
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True)
    text = decoded(data).replace("\0", "")
    root = etree.fromstring(text.encode("utf-8", errors="replace"), parser) if text.strip() else None
    if root is None:
        raise Unreadable(Problem.EMPTY)
    _end_head(root)
    _leave_main_text(root)
    return with_text(join_pages(HTML, sections_of(root).finished()))


def _end_head(root: Any) -> None:
    """Put what libxml2 takes for a part of the head into the body.

    Pages may leave out both tags, and it does not know the elements that HTML has had since 2008.
    """
    head = root.find("head")
    if head is None:
        return
    first = next((n for n, element in enumerate(head) if element.tag not in _METADATA), len(head))
    strays = head[first:]
    body = root.find("body")
    if strays and body is None:
        body = etree.SubElement(root, "body")
    for n, stray in enumerate(strays):
        body.insert(n, stray)


def _leave_main_text(root: Any) -> None:
    """Remove what stands around the text of a page, where the page says what that is."""
    body = root.find("body")
    if body is None:
        return
    mains = body.xpath(_MAIN)
    if len(mains) == 1 and mains[0] is not body and len("".join(mains[0].itertext()).split()) >= _MAIN_WORDS:
        body[:], body.text = [mains[0]], None
        mains[0].tail = None
        return
    for surrounding in body.xpath(_AROUND):
        surrounding.clear(keep_tail=True)


def decoded(data: bytes) -> str:
    """Return the text of a page: in UTF-8 where it is that, else as it says itself, else as `encodings` finds out."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    declared = _CHARSET.search(data[:_DECLARED_WITHIN_BYTES])
    if declared is None or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return encodings.decode(data)
    text = encodings.decode_as(data, declared[1].decode())
    return encodings.decode(data) if text is None else text
