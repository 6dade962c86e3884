"""The look of the page, kept with the person and in cookies so that the first paint is already right."""

from __future__ import annotations

from typing import Final

from django.db.models import TextChoices
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

THEME_COOKIE = "hearth_theme"
SIDEBAR_COOKIE = "hearth_sidebar"

PAGE_COLORS: Final = {"light": "#fbfaf8", "dark": "#1f1c1a"}
"""What `--color-page` of tokens.css is, for the frame that the system draws around the page."""


class Theme(TextChoices):
    """What a person may choose; SYSTEM is the absence of a choice."""

    SYSTEM = "system", _("System")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")
    CONTRAST = "contrast", _("High contrast")


def chosen_theme(request: HttpRequest) -> Theme:
    """Return what the person has chosen, else what was chosen on this device.

    A cookie that nobody of ours wrote counts as none.
    """
    value = getattr(getattr(request, "user", None), "theme", "") or request.COOKIES.get(THEME_COOKIE, "")
    return Theme(value) if value in Theme.values else Theme.SYSTEM


def is_sidebar_closed(request: HttpRequest) -> bool:
    return request.COOKIES.get(SIDEBAR_COOKIE) == "closed"
