"""Reading the pages of a document that are pictures, one after another, each kept as soon as it is read."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import IO

from django.db import transaction
from django.utils import timezone

from rag import conf
from rag.errors import RenderingFailed, Unreadable
from rag.extraction import child, pages, tesseract
from rag.extraction.tesseract import Tesseract
from rag.models import Document, RecognisedPage
from rag.services.in_work import change_in_work
from rag.types import Box, Extraction, PageWord, Problem

logger = logging.getLogger(__name__)

# Half a day of pages is work for a scanner's own program.
MAX_TOTAL_S = 2 * 60 * 60
# A file made to take as long as it may does so on every page.
MAX_FAILURES_IN_A_ROW = 3


def read_scanned_pages(document: Document, file: IO[bytes], extraction: Extraction) -> Extraction:
    """Return the extraction with the text of its pictures, as far as they could be read. Takes seconds a page.

    Without tesseract it comes back as it was. Pages read by an attempt that was cut off are not read again.
    """
    reader = tesseract.find(conf.ocr_languages())
    if reader is None:
        change_in_work(document, n_scanned=len(extraction.scanned_pages), n_recognised=0)
        return extraction
    wanted = set(extraction.scanned_pages)
    document.recognised_pages.exclude(number__in=wanted).delete()
    texts = dict(document.recognised_pages.values_list("number", "text"))
    change_in_work(
        document, n_scanned=len(wanted), n_recognised=len(texts), work_since=timezone.now(), work_before=len(texts)
    )
    deadline = time.monotonic() + MAX_TOTAL_S
    n_failures = 0
    for number in sorted(wanted - texts.keys()):
        if n_failures == MAX_FAILURES_IN_A_ROW or time.monotonic() > deadline:
            break
        try:
            texts[number] = _read_page(document, file, number, reader)
        except RenderingFailed as exc:
            n_failures += 1
            logger.info("Page %d of document %d could not be read: %s", number, document.pk, exc.problem)
            continue
        n_failures = 0
        change_in_work(document, n_recognised=len(texts))
    return _with_texts(extraction, texts)


def words_of(document: Document, number: int) -> list[PageWord]:
    """Return where the words of a page stand that was read from its picture; none for other pages."""
    page = document.recognised_pages.filter(number=number).first()
    if page is None:
        return []
    return [
        PageWord(start=start, end=end, box=Box(x=x, y=y, width=width, height=height))
        for start, end, x, y, width, height in page.words
    ]


def _read_page(document: Document, file: IO[bytes], number: int, reader: Tesseract) -> str:
    found = child.recognise(file, number, reader)
    words = [
        (word.start, word.end, *(round(side, 1) for side in (word.box.x, word.box.y, word.box.width, word.box.height)))
        for word in found.words
    ]
    with transaction.atomic():
        change_in_work(document)
        RecognisedPage.objects.create(document=document, number=number, text=found.text, words=words)
    return found.text


def _with_texts(extraction: Extraction, texts: dict[int, str]) -> Extraction:
    own = (extraction.text[start:end] for start, end in extraction.page_spans)
    read = (("", texts.get(number) or text) for number, text in enumerate(own, start=1))
    try:
        joined = pages.join_pages(extraction.media_type, read)
    except Unreadable as exc:
        return replace(extraction, problem=exc.problem)
    problem = None
    if not joined.text.strip():
        problem = Problem.EMPTY if len(texts) == len(extraction.scanned_pages) else Problem.SCANNED
    return replace(extraction, text=joined.text, page_spans=joined.page_spans, problem=problem)
