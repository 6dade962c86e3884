from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone

from webui.chats.search.typed import QUERY_MAX_CHARS, read_query


def moment(year: int, month: int, day: int) -> datetime:
    return timezone.make_aware(datetime(year, month, day))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("", ()),
        ("   ", ()),
        ("Light  HOUSE light", ("light", "house")),
        ('"the  Keeper" of', ("the keeper", "of")),
        ('"never closed', ("never closed",)),
        ("灯塔 建于", ("灯塔", "建于")),
        ("note:this", ("note:this",)),
        ("has:hope in:vain", ("has:hope", "in:vain")),
        ("https://example.org/a?b", ("https://example.org/a?b",)),
        ("tag: sea", ("tag:", "sea")),
        ('""', ()),
        ('C++ 5" x', ("c++", "5", "x")),
    ],
)
def test_whatever_is_no_filter_is_text(typed: str, terms: tuple[str, ...]) -> None:
    query = read_query(typed)

    assert (query.terms, query.filters) == (terms, ())


def test_filters_are_taken_out_of_the_text() -> None:
    query = read_query('tag:sea keeper folder:"My things" MODEL:llama has:file in:archive tag：灯')

    assert query.terms == ("keeper",)
    assert (query.tags, query.folders, query.models) == (("sea", "灯"), ("My things",), ("llama",))
    assert query.has_file and query.in_archive


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2026-03-31", (2026, 3, 31)),
        ("2026-3-1", (2026, 3, 1)),
        ("2026/03/31", (2026, 3, 31)),
        ("2026-03", (2026, 3, 1)),
        ("2026", (2026, 1, 1)),
    ],
)
def test_days_months_and_years_are_dates(typed: str, expected: tuple[int, int, int]) -> None:
    query = read_query(f"before:{typed} after:{typed}")

    assert query.before == query.after == moment(*expected)
    assert not query.problems


@pytest.mark.parametrize("typed", ["yesterday", "2026-02-30", "2026-13", "31.3.2026", "0000", "9999-99-99", "20260331"])
def test_what_is_no_date_gets_a_sentence(typed: str) -> None:
    query = read_query(f"keeper before:{typed}")

    assert query.before is None
    assert len(query.problems) == 1
    assert typed in query.problems[0]
    assert "2026-03-31" in query.problems[0]


def test_a_filter_can_be_taken_out_of_what_was_typed() -> None:
    query = read_query('the tag:sea keeper folder:"My things" of')

    assert [f.as_typed for f in query.filters] == ["tag:sea", 'folder:"My things"']
    assert query.without(query.filters[0]) == 'the keeper folder:"My things" of'
    assert query.without(query.filters[1]) == "the tag:sea keeper of"


@pytest.mark.parametrize(
    ("typed", "name", "value", "completed"),
    [
        ("tag:", "tag", "", 'tag:"my sea"'),
        ("keeper TAG： ", "tag", "", 'keeper tag:"my sea"'),
        ('keeper tag:"', "tag", "", 'keeper tag:"my sea"'),
        ("keeper tag:se", "tag", "se", 'keeper tag:"my sea"'),
        ("before:", "before", "", 'before:"my sea"'),
    ],
)
def test_the_filter_at_the_end_is_known_and_no_text_before_it_has_its_value(
    typed: str, name: str, value: str, completed: str
) -> None:
    query = read_query(typed)

    assert query.typing is not None
    assert (query.typing.name, query.typing.value, query.completed(query.typing, "my sea")) == (name, value, completed)
    assert query.terms == (("keeper",) if "keeper" in typed else ())


@pytest.mark.parametrize("typed", ["", "keeper", "tag:sea keeper", "note:", "https:"])
def test_at_the_end_of_anything_else_no_filter_is_typed(typed: str) -> None:
    assert read_query(typed).typing is None


def test_a_query_is_bounded() -> None:
    assert len(read_query("x" * 10_000).terms[0]) == QUERY_MAX_CHARS
