"""Grammars for the numbers between two bounds, written as JSON writes them without an exponent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from inference.runner.gbnf_text import NEVER, literal

MAX_DIGITS = 16
"""Of a whole number without a bound: what a double holds exactly."""

MAX_FRACTION_DIGITS = 6
LONGEST_BOUND = 40

ANY_INTEGER = f'"-"? ("0" | [1-9] [0-9]{{0,{MAX_DIGITS - 1}}})'
ANY_NUMBER = f'({ANY_INTEGER}) ("." [0-9]{{1,{MAX_DIGITS}}})? ([eE] [-+]? [0-9]{{1,2}})?'


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a number must lie between; None is without end."""

    low: Decimal | None = None
    high: Decimal | None = None
    excludes_low: bool = False
    excludes_high: bool = False

    @property
    def is_open(self) -> bool:
        return self.low is None and self.high is None

    def hold(self, number: Decimal) -> bool:
        """Return whether a number lies between them."""
        if self.low is not None and (number < self.low or (self.excludes_low and number == self.low)):
            return False
        return self.high is None or number < self.high or (number == self.high and not self.excludes_high)


def integer_expression(bounds: Bounds) -> str:
    """Return an expression for all whole numbers between the bounds, and no other."""
    if bounds.is_open:
        return ANY_INTEGER
    low = None if bounds.low is None else _next_integer(bounds.low, excluded=bounds.excludes_low)
    high = None if bounds.high is None else -_next_integer(-bounds.high, excluded=bounds.excludes_high)
    low = -_beyond(high) if low is None else low
    high = _beyond(low) if high is None else high
    choices = []
    if low < 0:
        choices.append(f'"-" ({_whole_between(max(1, -high), -low)})')
    if high >= 0:
        choices.append(_whole_between(max(0, low), high))
    return _either(choices)


def number_expression(bounds: Bounds) -> str:
    """Return an expression for numbers between the bounds, with some digits behind the point."""
    if bounds.is_open:
        return ANY_NUMBER
    low, high = bounds.low, bounds.high
    n_digits = [len(_digits(abs(bound))[0]) + 1 for bound in (low, high) if bound is not None]
    largest = Decimal(10) ** max([MAX_DIGITS, *n_digits])
    negative, positive = [], []
    if low is None or low < 0:
        least = Decimal(0) if high is None or high >= 0 else -high
        excludes_least = bounds.excludes_high if high is not None and high <= 0 else False
        most = largest if low is None else -low
        negative = [_between(least, most, excludes_least, bounds.excludes_low and low is not None)]
    if high is None or high >= 0:
        least = Decimal(0) if low is None or low < 0 else low
        excludes_least = bounds.excludes_low if low is not None and low >= 0 else False
        most = largest if high is None else high
        positive = [_between(least, most, excludes_least, bounds.excludes_high and high is not None)]
    return _either([*(f'"-" ({part})' for part in negative if part != NEVER), *positive])


def _next_integer(bound: Decimal, *, excluded: bool) -> int:
    whole = int(bound.to_integral_value("ROUND_CEILING"))
    return whole + 1 if excluded and whole == bound else whole


def _beyond(bound: int | None) -> int:
    """Return the end of a range that has none: as many digits as others may have, or one more than the bound."""
    return int("9" * max(MAX_DIGITS, len(str(abs(bound or 0))) + 1))


def _whole_between(low: int, high: int) -> str:
    """Return an expression for the whole numbers from `low` to `high`, neither of them negative."""
    if low > high:
        return NEVER
    choices = []
    for n_digits in range(len(str(low)), len(str(high)) + 1):
        first = max(low, 10 ** (n_digits - 1) if n_digits > 1 else 0)
        last = min(high, 10**n_digits - 1)
        choices.append(_digits_between(str(first), str(last)))
    return _either(choices)


def _digits_between(low: str, high: str) -> str:
    """Return an expression for texts of digits, all as long as the bounds."""
    if low == high:
        return literal(low)
    n_more = len(low) - 1
    if low[0] == high[0]:
        return f"{literal(low[0])} ({_digits_between(low[1:], high[1:])})"
    if not n_more:
        return f"[{low}-{high}]"
    choices = []
    first, last = int(low[0]), int(high[0])
    if low[1:] != "0" * n_more:
        choices.append(f"{literal(low[0])} ({_digits_between(low[1:], '9' * n_more)})")
        first += 1
    above = []
    if high[1:] != "9" * n_more:
        above.append(f"{literal(high[0])} ({_digits_between('0' * n_more, high[1:])})")
        last -= 1
    if first <= last:
        choices.append(f"[{first}-{last}] [0-9]{{{n_more}}}")
    return _either([*choices, *above])


def _between(low: Decimal, high: Decimal, excludes_low: bool, excludes_high: bool) -> str:
    """Return an expression for numbers between bounds that are not negative."""
    if low > high or (low == high and (excludes_low or excludes_high)):
        return NEVER
    (low_whole, low_part), (high_whole, high_part) = _digits(low), _digits(high)
    n_digits = max(MAX_FRACTION_DIGITS, len(low_part), len(high_part))
    # A part without end digits can still be reached: one more digit than the bounds have.
    n_digits += (excludes_low and len(low_part) == n_digits) or (excludes_high and len(high_part) == n_digits)
    above = _fraction_above(low_part, n_digits, excluded=excludes_low)
    below = _fraction_below(high_part, n_digits, excluded=excludes_high)
    if low_whole == high_whole:
        return f"{literal(low_whole)} ({_fraction_between(low_part, high_part, n_digits, excludes_low, excludes_high)})"
    choices = [f"{literal(low_whole)} ({above})"]
    between = _whole_between(int(low_whole) + 1, int(high_whole) - 1)
    if between != NEVER:
        choices.append(f'({between}) ("." [0-9]{{1,{n_digits}}})?')
    if below != NEVER:
        choices.append(f"{literal(high_whole)} ({below})")
    return _either(choices)


def _fraction_between(low: str, high: str, n_digits: int, excludes_low: bool, excludes_high: bool) -> str:
    """Return an expression for a point and digits, or nothing, between two fractions of one whole number."""
    if low == high:
        return _exactly(low, n_digits)
    width = max(len(low), len(high), 1)
    shared = 0
    low_digits, high_digits = low.ljust(width, "0"), high.ljust(width, "0")
    while low_digits[shared] == high_digits[shared]:
        shared += 1
    prefix, at_low, at_high = low_digits[:shared], int(low_digits[shared]), int(high_digits[shared])
    choices = []
    if not excludes_low:
        # The lower bound itself, with fewer zeros at its end than are compared here.
        choices += ['""'] if not low else []
        choices += [literal("." + prefix[:n]) for n in range(1, shared + 1) if not low_digits[n:].strip("0")]
    n_more = n_digits - shared - 1
    rest_low = _tail_above(low_digits[shared + 1 :].rstrip("0"), n_more, excluded=excludes_low)
    rest_high = _tail_below(high_digits[shared + 1 :].rstrip("0"), n_more, excluded=excludes_high)
    parts = [f"{literal(str(at_low))} ({rest_low})"] if rest_low != NEVER else []
    if at_low + 1 <= at_high - 1:
        parts.append(f"[{at_low + 1}-{at_high - 1}] [0-9]{{0,{n_more}}}")
    if rest_high != NEVER:
        parts.append(f"{literal(str(at_high))} ({rest_high})")
    choices.append(f"{literal('.' + prefix)} ({_either(parts)})")
    return _either(choices)


def _fraction_above(part: str, n_digits: int, *, excluded: bool) -> str:
    tail = _tail_above(part, n_digits, excluded=excluded, needs_digit=True)
    return f'"." ({tail})' if part or excluded else f'("." ({tail}))?'


def _fraction_below(part: str, n_digits: int, *, excluded: bool) -> str:
    if not part:
        return NEVER if excluded else f'("." [0]{{1,{n_digits}}})?'
    return f'("." ({_tail_below(part, n_digits, excluded=excluded, needs_digit=True)}))?'


def _tail_above(part: str, n_digits: int, *, excluded: bool, needs_digit: bool = False) -> str:
    """Return an expression for up to so many digits that, read as a fraction, are not below `part`."""
    choices = []
    for index, digit in enumerate(part):
        if digit != "9":
            greater = f"[{int(digit) + 1}-9] [0-9]{{0,{n_digits - index - 1}}}"
            choices.append(f"{literal(part[:index])} {greater}" if index else greater)
    n_more = n_digits - len(part)
    if excluded:
        choices += [f"{literal(part)} {_some_above_zero(n_more)}"] if n_more else []
    else:
        least = 1 if needs_digit and not part else 0
        choices.append(f"{literal(part)} [0-9]{{{least},{n_more}}}")
    return _either(choices)


def _tail_below(part: str, n_digits: int, *, excluded: bool, needs_digit: bool = False) -> str:
    """Return an expression for up to so many digits that, read as a fraction, are not above `part`."""
    choices = [] if needs_digit or not part else ['""']
    for index, digit in enumerate(part):
        if digit != "0":
            smaller = f"[0-{int(digit) - 1}] [0-9]{{0,{n_digits - index - 1}}}"
            choices.append(f"{literal(part[:index])} {smaller}" if index else smaller)
        if index:
            # Fewer digits than the bound has are below it, as its last one is not zero.
            choices.append(literal(part[:index]))
    if not excluded:
        choices.append(f"{literal(part)} [0]{{0,{n_digits - len(part)}}}")
    return _either(choices)


def _some_above_zero(n_digits: int) -> str:
    return _either([f'"{"0" * n_zeros}" [1-9] [0-9]{{0,{n_digits - n_zeros - 1}}}' for n_zeros in range(n_digits)])


def _exactly(part: str, n_digits: int) -> str:
    if not part:
        return f'("." [0]{{1,{n_digits}}})?'
    return f"{literal('.' + part)} [0]{{0,{n_digits - len(part)}}}"


def _digits(number: Decimal) -> tuple[str, str]:
    """Return the digits before and behind the point, without zeros at the end."""
    whole, _, part = f"{number:f}".partition(".")
    return whole, part.rstrip("0")


def _either(choices: list[str]) -> str:
    choices = [choice for choice in choices if choice != NEVER]
    if not choices:
        return NEVER
    return choices[0] if len(choices) == 1 else "(" + " | ".join(choices) + ")"
