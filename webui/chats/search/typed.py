"""What people type into the field of the search: words, "phrases" and filters. No I/O.

Whatever is no filter is text, also what looks like one: `note:this` and `has:hope` are looked for as they stand.
A filter that still lacks its value, at the end, is neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext

from webui.chats.search.folding import fold
from webui.chats.search.grams import LONG, NOT_INSIDE_A_WORD, grams_to_find, words_of

QUERY_MAX_CHARS = 200
FILTERS: Final = ("tag", "folder", "model", "before", "after", "has", "in")

# A colon of an East Asian keyboard is one too.
_PART = re.compile(r'(?:(?P<name>[A-Za-z]+)[:：])?(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]+))|\S+')
_BEGUN = re.compile(r'(?P<name>[A-Za-z]+)[:：]"?')
_DATE = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?")


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter as it was typed, and where."""

    name: str
    value: str
    start: int
    end: int

    @property
    def as_typed(self) -> str:
        return f'{self.name}:"{self.value}"' if " " in self.value else f"{self.name}:{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """What was typed, understood.

    Attributes:
        typed: All of it.
        terms: Words and phrases, folded, with one space between the words of a phrase. All must be found.
        before, after: A chat or message is older than `before`, and not older than `after`.
        filters: For all that is not a term.
        typing: The filter at the end, whose value is missing or may not be whole.
        problems: Sentences for the person; with any there is nothing to look for.
    """

    typed: str = ""
    terms: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    before: datetime | None = None
    after: datetime | None = None
    has_file: bool = False
    in_archive: bool = False
    filters: tuple[Filter, ...] = ()
    typing: Filter | None = None
    problems: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.terms and not self.filters

    @property
    def grams(self) -> list[str]:
        """What a text must have to have all terms."""
        return sorted({gram for term in self.terms for gram in grams_to_find(term)})

    @property
    def patterns(self) -> list[re.Pattern[str]]:
        """What finds the terms in a folded text."""
        return [_pattern(term) for term in self.terms]

    def completed(self, typing: Filter, value: str) -> str:
        """Return what is typed, with a value for the filter at its end."""
        return self.typed[: typing.start] + replace(typing, value=value).as_typed

    def without(self, taken_out: Filter) -> str:
        """Return what is typed but for one filter."""
        return " ".join(f"{self.typed[: taken_out.start]} {self.typed[taken_out.end :]}".split())


def _pattern(term: str) -> re.Pattern[str]:
    words = words_of(term)
    # As the index has them: what is shorter is found where a word begins.
    place = NOT_INSIDE_A_WORD if len(words[0]) < LONG else ""
    return re.compile(place + r"\s+".join(map(re.escape, words)))


def read_query(typed: str) -> SearchQuery:
    """Understand what was typed; what is too long is cut."""
    typed = typed[:QUERY_MAX_CHARS]
    query, n_typed = SearchQuery(typed=typed), len(typed.rstrip())
    terms: list[str] = []
    for part in _PART.finditer(typed):
        name, quoted, plain = part["name"], part["quoted"], part["plain"]
        value = (plain if quoted is None else quoted) or ""
        query = replace(query, typing=None)
        if name and (taken := _take(query, name.lower(), value.strip())):
            found = Filter(name.lower(), value.strip(), *part.span())
            query = replace(taken, filters=(*taken.filters, found), typing=found)
        elif (begun := _BEGUN.fullmatch(part[0])) and begun["name"].lower() in _TAKERS and part.end() == n_typed:
            query = replace(query, typing=Filter(begun["name"].lower(), "", *part.span()))
        else:
            terms.append(quoted if quoted is not None and not name else part[0].strip('"'))
    folded = [" ".join(words_of(fold(term))) for term in terms]
    return replace(query, terms=tuple(dict.fromkeys(filter(None, folded))))


def _take(query: SearchQuery, name: str, value: str) -> SearchQuery | None:
    """Return the query with one filter more; None when it is none."""
    take = _TAKERS.get(name)
    return take(query, value) if take and value else None


def _take_before(query: SearchQuery, value: str) -> SearchQuery:
    moment = _beginning_of(value)
    return replace(query, before=moment) if moment else _complain_of_date(query, "before", value)


def _take_after(query: SearchQuery, value: str) -> SearchQuery:
    moment = _beginning_of(value)
    return replace(query, after=moment) if moment else _complain_of_date(query, "after", value)


def _take_has(query: SearchQuery, value: str) -> SearchQuery | None:
    return replace(query, has_file=True) if value.lower() in ("file", "files") else None


def _take_in(query: SearchQuery, value: str) -> SearchQuery | None:
    return replace(query, in_archive=True) if value.lower() == "archive" else None


_TAKERS: Final[Mapping[str, Callable[[SearchQuery, str], SearchQuery | None]]] = {
    "tag": lambda query, value: replace(query, tags=(*query.tags, value)),
    "folder": lambda query, value: replace(query, folders=(*query.folders, value)),
    "model": lambda query, value: replace(query, models=(*query.models, value)),
    "before": _take_before,
    "after": _take_after,
    "has": _take_has,
    "in": _take_in,
}


def _beginning_of(value: str) -> datetime | None:
    """Return when a day, a month or a year begins where the reader is; None when it is no such date."""
    parts = _DATE.fullmatch(value)
    if parts is None:
        return None
    year, month, day = (int(part or 1) for part in parts.groups())
    try:
        return timezone.make_aware(datetime.combine(date(year, month, day), datetime.min.time()))
    # The last hours of the calendar are not known in every time zone.
    except (ValueError, OverflowError):
        return None


def _complain_of_date(query: SearchQuery, name: str, value: str) -> SearchQuery:
    sentence = gettext("“%(value)s” is not a date that %(name)s: knows. Write it like 2026-03-31, 2026-03 or 2026.")
    return replace(query, problems=(*query.problems, sentence % {"value": value, "name": name}))
