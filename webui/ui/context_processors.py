"""What every page needs to draw its frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from django.http import HttpRequest

from webui.ui.themes import PAGE_COLORS, Theme, chosen_theme, is_sidebar_closed


class InterfaceContext(TypedDict):
    """`theme` is the one chosen, `themes` all of them; `page_colors` are those of light and dark pages."""

    page_colors: Mapping[str, str]
    theme: Theme
    themes: list[Theme]
    is_sidebar_closed: bool


def interface(request: HttpRequest) -> InterfaceContext:
    """Offer the theme and the state of the sidebar; no query."""
    return {
        "page_colors": PAGE_COLORS,
        "theme": chosen_theme(request),
        "themes": list(Theme),
        "is_sidebar_closed": is_sidebar_closed(request),
    }
