"""How the passages are shown that an answer cites."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from rag.types import innermost
from webui.chats.models import Citation
from webui.chats.views.contexts import CitationView
from webui.documents.links import passage_page_url, passage_url
from webui.documents.wording import place_in_words


def stored_citation_view(citation: Citation) -> CitationView:
    return citation_view(
        citation,
        document=citation.document.uuid if citation.document else None,
        host=citation.document.source_host if citation.document else "",
        # One that may not be read any more has no name either.
        is_deleted=citation.document is None and bool(citation.document_name),
    )


class Cited(Protocol):
    """A passage as a citation keeps it, or a shared one."""

    @property
    def number(self) -> int: ...
    @property
    def document_name(self) -> str: ...
    @property
    def page(self) -> int | None: ...
    @property
    def page_kind(self) -> str: ...
    @property
    def page_name(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def text(self) -> str: ...


def citation_view(
    cited: Cited, *, document: UUID | str | None, host: str = "", is_deleted: bool = False
) -> CitationView:
    """Return how a passage is shown.

    Args:
        document: Where the reader can open it; None when there is no way there.
        host: Of the web page that the document is; empty for files.
    """
    url = panel_url = ""
    if document is not None:
        page, start, end = cited.page, cited.start, cited.end
        url = passage_page_url(document, page=page, start=start, end=end, text=cited.text)
        panel_url = passage_url(document, page=page, start=start, end=end, text=cited.text)
    places = (
        place_in_words(cited.page_kind, cited.page, name) for name in (cited.page_name, innermost(cited.page_name))
    )
    place, short_place = (", ".join(filter(None, (host, place))) for place in places)
    return CitationView(
        number=cited.number,
        document_name=cited.document_name,
        place=place,
        short_place=short_place,
        text=cited.text,
        url=url,
        passage_url=panel_url,
        is_deleted=is_deleted,
    )
