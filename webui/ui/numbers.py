"""Numbers in words of the reader's language."""

from __future__ import annotations

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import get_language, override


def grouped(number: int) -> str:
    """Return a large number with its digits in groups: "8,192"; as the site does it for whoever has no language."""
    with override(get_language() or settings.LANGUAGE_CODE):
        return number_format(number, force_grouping=True)
