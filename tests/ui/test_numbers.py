from __future__ import annotations

from datetime import UTC, datetime

import pytest
from babel.dates import format_datetime
from babel.numbers import format_decimal
from django.conf import settings
from django.template.defaultfilters import filesizeformat, floatformat
from django.utils import translation
from django.utils.formats import date_format

from webui.ui.numbers import grouped


def test_digits_stand_in_groups_also_for_who_has_no_language() -> None:
    with translation.override(None):
        assert grouped(8192) == "8,192"
    with translation.override("de"):
        assert grouped(8192) == "8.192"
    assert grouped(12) == "12"


@pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES])
def test_numbers_and_sizes_are_written_as_the_language_does(language: str) -> None:
    locale = translation.to_locale(language)
    half = format_decimal(1.5, locale=locale)

    with translation.override(language):
        assert grouped(1234567) == format_decimal(1234567, locale=locale)
        assert floatformat(1.5, 1) == half
        assert filesizeformat(1536 * 1024).startswith(half)


@pytest.mark.parametrize(("language", "pattern"), [("zh-hans", "y年M月d日 HH:mm"), ("ar", "d MMMM y، h:mm a")])
def test_moments_are_written_as_the_language_does(language: str, pattern: str) -> None:
    moment = datetime(2026, 10, 19, 14, 5, tzinfo=UTC)

    with translation.override(language):
        written = date_format(moment, "DATETIME_FORMAT")

    assert written == format_datetime(moment, pattern, locale=translation.to_locale(language))
