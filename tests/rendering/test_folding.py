"""Which questions are shown folded."""

from __future__ import annotations

import pytest

from webui.rendering import is_long
from webui.rendering.folding import LONG_LINES


@pytest.mark.parametrize(
    ("text", "is_folded"),
    [
        ("", False),
        ("line\n" * (LONG_LINES - 1), False),
        ("line\n" * LONG_LINES, True),
        ("\n" * LONG_LINES, True),
        ("a" * 1000, False),
        ("a" * 1200, True),
        ("中" * 500, False),
        ("中" * 600, True),
        ("a" * 100_000 + "\n", True),
        ("x\n" * 8 + "word " * 130, True),
    ],
)
def test_a_question_is_long_by_the_lines_that_it_takes(text: str, is_folded: bool) -> None:
    assert is_long(text) is is_folded
