"""What every page needs to draw its frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from django.http import HttpRequest

from webui.ui.shortcuts import SHORTCUTS, ShortcutGroup
from webui.ui.themes import PAGE_COLORS, Theme, chosen_theme, is_sidebar_closed


class InterfaceContext(TypedDict):
    """`theme` is the one chosen, `themes` all of them; `page_colors` are those of light and dark pages, `shortcuts`
    the keys that do something everywhere.
    """

    page_colors: Mapping[str, str]
    theme: Theme
    themes: list[Theme]
    is_sidebar_closed: bool
    shortcuts: Sequence[ShortcutGroup]


def interface(request: HttpRequest) -> InterfaceContext:
    """Offer the theme and the state of the sidebar; no query."""
    return {
        "page_colors": PAGE_COLORS,
        "theme": chosen_theme(request),
        "themes": list(Theme),
        "is_sidebar_closed": is_sidebar_closed(request),
        "shortcuts": SHORTCUTS,
    }
