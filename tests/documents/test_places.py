"""A cited place is found again by its words when a document is read in another way."""

from __future__ import annotations

import pytest
from django.http import QueryDict
from django.test import Client

from rag.api import DocumentText
from rag.models import Document, ExtractedText
from tests.factories import make_document
from webui.accounts.models import User
from webui.documents.links import passage_page_url, passage_url
from webui.documents.places import Place, place_in

PAGES = [
    "Boats come and go.\n",
    "The keeper was Ole Brandt. Bread is baked on Fridays.\n",
    "The keeper was Ole Brandt.\n",
]
KEEPER = "The keeper was Ole Brandt."
TEXT = "".join(PAGES)


def content_of(*pages: str) -> DocumentText:
    starts = [sum(map(len, pages[:number])) for number in range(len(pages))]
    spans = tuple((start, start + len(page.rstrip())) for start, page in zip(starts, pages, strict=True))
    return DocumentText(text="".join(pages), page_spans=spans, page_names=())


def asked(start: int, words: str = KEEPER, page: int = 2) -> QueryDict:
    query = QueryDict(mutable=True)
    query.update({"page": page, "start": start, "end": start + len(KEEPER), "words": words})
    return query


def test_a_place_whose_words_stand_there_is_as_asked() -> None:
    start = TEXT.index(KEEPER)

    assert place_in(content_of(*PAGES), asked(start)) == Place(page=2, start=start, end=start + len(KEEPER))


@pytest.mark.parametrize(("added", "page"), [("A page that was recognised.\n" * 3, 3), ("", 2)])
def test_words_that_have_moved_are_found_where_they_are_now(added: str, page: int) -> None:
    content = content_of(*([added] if added else []), *PAGES)
    old = TEXT.index(KEEPER) + (0 if added else 7)

    place = place_in(content, asked(old))

    assert content.text[place.start : place.end] == KEEPER
    assert (place.page, place.is_lost) == (page, False)


def test_of_several_the_nearest_is_taken() -> None:
    last = TEXT.rindex(KEEPER)

    assert place_in(content_of(*PAGES), asked(last + 3)).start == last


@pytest.mark.parametrize("words", ["The keeper was Per Dahl.", "\0", "x" * 41])
def test_what_is_not_there_is_not_marked(words: str) -> None:
    place = place_in(content_of(*PAGES), asked(3, words))

    is_understood = words.startswith("The")
    assert place.is_lost is is_understood
    assert (place.start == place.end) is is_understood


def test_the_reader_and_the_panel_mark_it_or_say_that_it_is_gone(alice: User, alice_client: Client) -> None:
    document = make_document(owner=alice, text=f"{TEXT}{KEEPER}")
    start = TEXT.index(KEEPER)
    urls = [make(document.uuid, page=None, start=start, end=start + len(KEEPER), text=KEEPER) for make in
            (passage_page_url, passage_url)]  # fmt: skip
    before = [shown(alice_client, url) for url in urls]

    read_anew(document, f"First of all a preface. {TEXT}")
    moved = [shown(alice_client, url) for url in urls]
    read_anew(document, "Nothing of it is left.")
    gone = [shown(alice_client, url) for url in urls]

    for html in (*before, *moved):
        assert f'<mark id="passage">{KEEPER}</mark>' in html
        assert "does not stand here any more" not in html
    for html in gone:
        assert "<mark" not in html
        assert "does not stand here any more" in html


def shown(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def read_anew(document: Document, text: str) -> None:
    ExtractedText.objects.filter(document=document).update(text=text)
