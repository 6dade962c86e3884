"""EPUB books: their files in reading order, each with the title that the book's contents give it."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from html.entities import html5
from typing import IO, Any
from urllib.parse import unquote

from lxml import etree

from rag.errors import Unreadable
from rag.extraction.damage import damage_is_a_problem
from rag.extraction.markup import sections_of
from rag.extraction.pages import join_pages, with_text
from rag.extraction.rows import one_line
from rag.types import EPUB, Extraction, Problem

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CHAPTER_TYPES = ("application/xhtml+xml", "text/html")
_CONTENTS_TYPE = "application/x-dtbncx+xml"
_NAMED_ENTITY = re.compile(r"&(\w+;)")
_XML_ENTITIES = ("amp;", "lt;", "gt;", "quot;", "apos;")


def extract(file: IO[bytes]) -> Extraction:
    """Return a book's text, chapter by chapter. Raises Unreadable."""
    # A package without what every package has is a broken one.
    with damage_is_a_problem(), zipfile.ZipFile(file) as archive:
        return with_text(join_pages(EPUB, _chapters(_Book(archive))))


class _Book:
    """A book's package: what is in it, in which order, under which titles.

    Source: EPUB 3.3 (W3C), "Package document" and "Open Container Format"; the contents of EPUB 2 are in an NCX.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = frozenset(archive.namelist())
        path = self._parsed(_CONTAINER).find(".//rootfile").get("full-path")
        self._folder = posixpath.dirname(path)
        package = self._parsed(path)
        self.title = one_line(package.findtext(".//metadata/title") or "")
        self._items = {item.get("id"): item for item in package.iterfind(".//manifest/item")}
        in_order = [reference.get("idref") for reference in package.iterfind(".//spine/itemref")]
        # A book that does not tell in which order it is read is read in that of its files.
        chosen = map(self._items.get, in_order or self._items)
        written = (item for item in chosen if item is not None and item.get("media-type") in _CHAPTER_TYPES)
        # Books name files that are not there, and readers show them without.
        self.chapters = [path for path in dict.fromkeys(map(self._path, written)) if path in self._names]

    def check_readable(self) -> None:
        """Refuse a book whose chapters are encrypted; many have encrypted fonts alone."""
        if _ENCRYPTION not in self._names:
            return
        references = self._parsed(_ENCRYPTION).iterfind(".//CipherReference")
        encrypted = {unquote(reference.get("URI", "")).lstrip("/") for reference in references}
        if not encrypted.isdisjoint(self.chapters):
            raise Unreadable(Problem.PASSWORD)

    def chapter(self, path: str) -> Any:
        return self._parsed(path)

    def titles(self) -> dict[str, str]:
        """Return the titles that the table of contents gives, by path: the first for each file."""
        found: dict[str, str] = {}
        for item in self._items.values():
            path = self._path(item)
            if path not in self._names:
                continue
            if item.get("media-type") == _CONTENTS_TYPE:
                points = self._parsed(path).iterfind(".//navPoint")
                entries = [(point.find("content").get("src"), point.findtext("navLabel/text")) for point in points]
            elif "nav" in (item.get("properties") or "").split():
                links = self._parsed(path).iterfind(".//nav//a[@href]")
                entries = [(link.get("href"), "".join(link.itertext())) for link in links]
            else:
                continue
            for target, title in entries:
                found.setdefault(_resolved(posixpath.dirname(path), target), one_line(title or ""))
        return found

    def _path(self, item: Any) -> str:
        return _resolved(self._folder, item.get("href"))

    def _parsed(self, path: str) -> Any:
        """Return a file's tree without namespaces. Nothing is fetched and no entity of the file's own resolved."""
        parser = etree.XMLParser(
            recover=True, resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
        )
        root = etree.fromstring(_without_named_entities(self._archive.read(path)), parser)
        if root is None:
            raise ValueError
        for element in root.iter(etree.Element):
            element.tag = etree.QName(element).localname
        return root


def _chapters(book: _Book) -> Iterator[tuple[str, str]]:
    """Yield (title, text). A file without a title goes on with the chapter before it."""
    book.check_readable()
    titles = book.titles()
    title = book.title
    for path in book.chapters:
        sections = list(sections_of(book.chapter(path)).finished())
        headings = (name for name, _ in sections if name)
        title = titles.get(path) or next(headings, "") or title
        yield title, "\n".join(text for _, text in sections)


def _resolved(folder: str, reference: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(reference.partition("#")[0])))


def _without_named_entities(data: bytes) -> bytes:
    """XHTML may write &eacute; because of a DTD that is not read here."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data
    return _NAMED_ENTITY.sub(_character, text).encode()


def _character(found: re.Match[str]) -> str:
    name = found[1]
    return found[0] if name in _XML_ENTITIES else html5.get(name, found[0])
