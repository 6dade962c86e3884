"""Every pair of colours that text is set in can be read, in every theme."""

from __future__ import annotations

import pytest

from tests.ui.colours import contrast, palette

THEMES = [("", False), ("", True), ("contrast", False), ("contrast", True)]
TEXT = 4.5
EDGE = 3.0

SURFACES = ("page", "sidebar", "raised", "sunken", "bubble")
PAIRS = [
    *((ink, surface, TEXT) for ink in ("ink", "ink-muted") for surface in SURFACES),
    *((ink, surface, TEXT) for ink in ("link", "accent-text", "danger") for surface in ("page", "raised", "sidebar")),
    ("accent-ink", "accent", TEXT),
    ("danger-ink", "danger", TEXT),
    ("toast-ink", "toast", TEXT),
    ("toast-action", "toast", TEXT),
    ("link", "link-soft", TEXT),
    ("accent-text", "accent-soft", TEXT),
    ("danger", "danger-soft", TEXT),
    ("warning", "warning-soft", TEXT),
    ("success", "success-soft", TEXT),
    *(("ink", f"{state}-soft", TEXT) for state in ("danger", "warning", "success", "link", "accent")),
    *((f"code-{part}", "sunken", TEXT) for part in ("keyword", "string", "number", "name", "comment")),
    *(("edge", surface, EDGE) for surface in ("page", "raised")),
    *(("focus", surface, EDGE) for surface in ("page", "raised", "sidebar")),
]


@pytest.mark.parametrize(("theme", "is_dark"), THEMES, ids=["light", "dark", "contrast-light", "contrast-dark"])
@pytest.mark.parametrize(("ink", "surface", "least"), PAIRS, ids=lambda value: str(value))
def test_a_pair_has_enough_contrast(theme: str, is_dark: bool, ink: str, surface: str, least: float) -> None:
    colours = palette(theme, is_dark=is_dark)

    ratio = contrast(colours.colour(f"--color-{ink}"), colours.colour(f"--color-{surface}"))

    assert ratio >= least, f"{ink} on {surface}: {ratio:.2f}"


def test_black_on_white_has_the_greatest_contrast() -> None:
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
