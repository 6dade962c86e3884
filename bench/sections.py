"""The corpus as our extraction reads it, and questions made of its headings.

A heading that is asked for is left out of what is indexed: its words must be found in the text below it.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from bench.corpus import File
from rag.extraction import web
from rag.extraction.pages import join_pages
from rag.extraction.sections import SEPARATOR
from rag.lexical.words import CJK_CHARACTER, share_of_latin
from rag.types import Extraction

_NUMBER = re.compile(
    r"^(?:第\s*\d+\s*章\s*[.:：]?\s*|(?:(?:Chapter|Appendix|附录|章)\s*)?[A-Z]?\d*(?:\.\d+)*\.?\s+)(?=\S)"
)
_MIN_CHARACTERS = {"en": 300, "zh": 150}
_MIN_LENGTH = {"en": 2, "zh": 4}
_MAX_LENGTH = {"en": 9, "zh": 24}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A file of the corpus as it was read."""

    file: File
    extraction: Extraction

    def headings(self) -> list[str]:
        """Return the heading of each section, without its number; "" for text before the first."""
        return [own_heading(name) for name in self.extraction.page_names]


@dataclass(frozen=True, slots=True)
class Place:
    language: str
    key: str
    heading: str


def own_heading(path: str) -> str:
    return _NUMBER.sub("", path.rpartition(SEPARATOR)[2] if SEPARATOR in path else path).strip()


def read(files: Iterable[File]) -> list[Page]:
    return [Page(file=file, extraction=web.extract(file.path.read_bytes())) for file in files]


def heading_places(pages: Sequence[Page], language: str, wanted: int, excluded: Collection[Place]) -> list[Place]:
    """Return headings that stand once in their language above enough text of their own, chosen by their hash."""
    own = [page for page in pages if page.file.language == language]
    counts = Counter(heading.casefold() for page in own for heading in set(page.headings()))
    found = [
        place
        for page in own
        for name, (start, end), heading in zip(
            page.extraction.page_names, page.extraction.page_spans, page.headings(), strict=True
        )
        if counts[heading.casefold()] == 1
        and SEPARATOR in name
        and end - start >= _MIN_CHARACTERS[language]
        and _is_telling(heading, language)
        and (place := Place(language, page.file.key, heading)) not in excluded
    ]
    return sorted(found, key=lambda place: hashlib.sha256(repr(place).encode()).digest())[:wanted]


def _is_telling(heading: str, language: str) -> bool:
    is_chinese = language == "zh"
    length = len(CJK_CHARACTER.findall(heading)) if is_chinese else len(heading.split())
    is_in_language = share_of_latin(heading) < 0.4 if is_chinese else heading.isascii()
    return is_in_language and _MIN_LENGTH[language] <= length <= _MAX_LENGTH[language]


def without_headings(page: Page, hidden: Collection[Place]) -> Page:
    """Return a page without some of its headings, neither in its text nor in the names of its sections."""
    extraction = page.extraction
    own = {place.heading for place in hidden if (place.language, place.key) == (page.file.language, page.file.key)}
    texts = []
    names = []
    for name, (start, end), heading in zip(extraction.page_names, extraction.page_spans, page.headings(), strict=True):
        text = extraction.text[start:end].strip("\n")
        texts.append(text.partition("\n")[2] if heading in own else text)
        names.append(SEPARATOR.join(part for part in name.split(SEPARATOR) if own_heading(part) not in own))
    return replace(page, extraction=join_pages(extraction.media_type, zip(names, texts, strict=True)))
