"""Tags of the design system: ids, icons, moments, links of a navigation."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import avoid_wrapping, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from heroicons.templatetags.heroicons import heroicon_mini, heroicon_outline

from webui.ui.moments import moment_in_words

register = template.Library()

_DIRECTED = re.compile(r"(arrow|chevron).*(left|right)|paper-airplane")


@register.simple_tag
def dom_id(thing: object, part: str = "") -> str:
    """Return the id of the element that shows `thing`: `message-<uuid>` or `message-<uuid>-body`.

    `thing` has a `uuid`; its noun is `dom_noun` where it has one (views of a model class), else its class's name.
    """
    noun = getattr(thing, "dom_noun", None) or type(thing).__name__.removesuffix("View").lower()
    base = f"{noun}-{getattr(thing, 'uuid')}"  # noqa: B009  (any object with a uuid will do)
    return f"{base}-{part}" if part else base


@register.simple_tag
def icon(name: str, *, size: int = 20, solid: bool = False, **attrs: object) -> str:
    """Draw one icon of the set, hidden from screen readers: the control beside it carries the words."""
    if _DIRECTED.match(name):
        # Points the way that lines run.
        attrs["class"] = f"{attrs.get('class', '')} icon--directed".strip()
    return _drawn_icon(name, size, solid, tuple(attrs.items()))


@lru_cache(maxsize=512)
def _drawn_icon(name: str, size: int, solid: bool, attrs: tuple[tuple[str, object], ...]) -> str:
    # Drawing takes a third of the time of a long list, and a page has the same few icons many times.
    draw = heroicon_mini if solid else heroicon_outline
    return str(draw(name, size=size, aria_hidden="true", **dict(attrs)))


@register.simple_tag
def moment(value: datetime | None) -> SafeString | str:
    """Show a moment in words, with the exact one behind it."""
    if value is None:
        return ""
    exact = date_format(timezone.localtime(value), "DATETIME_FORMAT")
    return format_html(
        '<time datetime="{}" data-tooltip="{}">{}</time>', value.isoformat(), exact, moment_in_words(value)
    )


@register.filter
def decimal_size(n_bytes: int) -> str:
    """Say a size as models' sizes are quoted: 1 GB is 10^9 bytes."""
    if n_bytes >= 10**9:
        return avoid_wrapping(_("%(size)s GB") % {"size": number_format(round(n_bytes / 10**9, 1), 1)})
    return avoid_wrapping(_("%(size)s MB") % {"size": number_format(round(n_bytes / 10**6), 0)})


@register.inclusion_tag("components/_navigation_link.html", takes_context=True)
def navigation_link(context: Context, view_name: str, icon: str, label: str, *args: Any) -> dict[str, Any]:
    """A link of a left navigation, marked while its page or one below it is shown; nothing when no such page exists.

    The first page of a room has all others below its address and is marked for itself alone.
    """
    try:
        url = reverse(view_name, args=args)
    except NoReverseMatch:
        url = ""
    request: HttpRequest | None = context.get("request")
    match = request.resolver_match if request else None
    is_current = bool(match and match.view_name == view_name)
    is_room = url.count("/") <= 2
    is_above = bool(request and url and not is_current and not is_room and request.path.startswith(url))
    return {"url": url, "icon": icon, "label": label, "is_current": is_current, "is_above": is_above}
