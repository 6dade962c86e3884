"""Numbers in words of the reader's language."""

from __future__ import annotations

from django.utils.formats import number_format


def grouped(number: int) -> str:
    """Return a large number with its digits in groups: "8,192"."""
    return number_format(number, force_grouping=True)
