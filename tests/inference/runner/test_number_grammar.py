from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import InvalidRequest
from inference.runner.grammar import Grammar
from inference.runner.number_grammar import Bounds, integer_expression, number_expression


def accepted(expression: str, texts: Iterable[str]) -> list[str]:
    """Return those of the texts that an expression describes."""
    try:
        grammar = Grammar("root ::= " + expression)
    except InvalidRequest as error:
        assert "cannot finish" in error.detail
        return []
    states = {text: grammar.after(grammar.start(), text.encode()) for text in texts}
    return [text for text, state in states.items() if state is not None and state.may_end]


def decimals(most: int) -> st.SearchStrategy[Decimal]:
    digits = st.one_of(st.integers(-most, most), st.integers(-30, 30))
    return st.tuples(digits, st.integers(0, 3)).map(lambda pair: Decimal(pair[0]).scaleb(-pair[1]))


@st.composite
def some_bounds(draw: st.DrawFn) -> Bounds:
    low, high = draw(st.none() | decimals(10**7)), draw(st.none() | decimals(10**7))
    return Bounds(
        low=low,
        high=high,
        excludes_low=low is not None and draw(st.booleans()),
        excludes_high=high is not None and draw(st.booleans()),
    )


def holds(bounds: Bounds, number: Decimal) -> bool:
    low, high = bounds.low, bounds.high
    above = low is None or (number > low if bounds.excludes_low else number >= low)
    return above and (high is None or (number < high if bounds.excludes_high else number <= high))


def around(bounds: Bounds) -> list[Decimal]:
    steps = [Decimal(0), *(Decimal(1).scaleb(-places) for places in (0, 1, 3, 5))]
    bases = [bound for bound in (bounds.low, bounds.high) if bound is not None]
    return [base + sign * step for base in [*bases, Decimal(0)] for step in steps for sign in (1, -1)]


@settings(deadline=None)
@given(some_bounds(), st.lists(st.integers(-(10**9), 10**9), max_size=5))
def test_whole_numbers_are_exactly_those_between_the_bounds(bounds: Bounds, numbers: list[int]) -> None:
    texts = {str(number) for number in (*numbers, *map(int, around(bounds)))}

    found = accepted(integer_expression(bounds), texts)

    assert set(found) == {text for text in texts if holds(bounds, Decimal(text))}


@settings(deadline=None)
@given(some_bounds(), st.lists(decimals(10**9), max_size=5))
def test_numbers_are_exactly_those_between_the_bounds(bounds: Bounds, numbers: list[Decimal]) -> None:
    texts = {text for number in [*numbers, *around(bounds)] for text in (f"{number:f}", f"{number:.6f}")}
    texts -= {text for text in texts if text.startswith("-") and Decimal(text) == 0}

    found = accepted(number_expression(bounds), texts)

    assert set(found) == {text for text in texts if holds(bounds, Decimal(text))}


def test_numbers_are_written_as_json_does() -> None:
    expression = integer_expression(Bounds(low=Decimal(-5), high=Decimal(120)))

    assert accepted(expression, ["007", "+1", "-0", "", "1.0", "1e2", "-", "00"]) == []


def test_without_bounds_numbers_may_have_an_exponent_but_do_not_go_on_for_ever() -> None:
    assert accepted(number_expression(Bounds()), ["-12.5e-3", "0." + "1" * 17]) == ["-12.5e-3"]
    assert accepted(integer_expression(Bounds()), ["9" * 16, "9" * 17]) == ["9" * 16]


def test_a_bound_with_many_digits_can_be_kept() -> None:
    low = 10**30

    texts = [str(number) for number in (low - 1, low, 10 * low)]

    assert accepted(integer_expression(Bounds(low=Decimal(low))), texts) == texts[1:]
