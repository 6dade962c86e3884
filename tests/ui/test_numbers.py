from __future__ import annotations

from django.utils import translation

from webui.ui.numbers import grouped


def test_digits_stand_in_groups_also_for_who_has_no_language() -> None:
    with translation.override(None):
        assert grouped(8192) == "8,192"
    with translation.override("de"):
        assert grouped(8192) == "8.192"
    assert grouped(12) == "12"
