"""A place in a document as an address names it: a page, or a span of its text, with the words that stood there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django import forms
from django.http import QueryDict

from rag import api as rag
from webui.documents.links import WORDS_MAX_LENGTH


class PlaceForm(forms.Form):
    """All parts may be missing."""

    page = forms.IntegerField(required=False, min_value=1)
    start = forms.IntegerField(required=False, min_value=0)
    end = forms.IntegerField(required=False, min_value=0)
    words = forms.CharField(required=False, max_length=WORDS_MAX_LENGTH, strip=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A page, and what is to be marked: nothing where `start` is `end`.

    Attributes:
        is_lost: Words were named that do not stand in the document any more.
    """

    page: int | None
    start: int
    end: int
    is_lost: bool = False


def place_in(content: rag.DocumentText, query: QueryDict) -> Place:
    """Return the place that an address names; what is nonsense in it counts as not named.

    The text of a document changes when it is read in another way, as once text recognition is there: then the place is
    the nearest one where the words stand.
    """
    form = PlaceForm(query)
    form.is_valid()
    named = form.cleaned_data
    start = named.get("start") or 0
    place = Place(page=named.get("page"), start=start, end=max(named.get("end") or 0, start))
    words = named.get("words") or ""
    if place.start == place.end or content.text.startswith(words, place.start):
        return place
    at = _nearest(content.text, words, place.start)
    if at is None:
        return replace(place, end=place.start, is_lost=True)
    page = content.page_of(at) if place.page and content.page_spans else place.page
    return Place(page=page, start=at, end=at + place.end - place.start)


def _nearest(text: str, words: str, to: int) -> int | None:
    found = [at for at in (text.rfind(words, 0, to + len(words)), text.find(words, to)) if at >= 0]
    return min(found, key=lambda at: abs(at - to), default=None)
