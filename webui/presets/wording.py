"""Options in words: what a value is, and who has said it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from webui.presets.levels import Effective, Level
from webui.presets.options import Value


def in_words(value: Value | None) -> str:
    if value is None:
        return _("Not sent")
    if isinstance(value, dict):
        return _("JSON that follows a schema")
    if value == "json":
        return _("JSON")
    if isinstance(value, bool):
        return _("On") if value else _("Off")
    if isinstance(value, list):
        return ", ".join(f"“{text}”" for text in value)
    return str(value)


def said_by(level: Level) -> str:
    """Return where something was said, to stand after what it was: "in your settings"."""
    match level.source:
        case "model":
            return _("for everybody who asks %(model)s") % {"model": level.name}
        case "person":
            return _("in your settings")
        case "preset":
            return _("in the preset “%(preset)s”") % {"preset": level.name}
        case "chat":
            return _("in this chat")


def note_on(inherited: Effective | None, *, is_set: bool) -> str:
    """Return what a field for one level has to say of the more general ones; empty when nothing need be said."""
    if inherited is None:
        return ""
    facts = {"value": in_words(inherited.value), "whose": said_by(inherited.level)}
    if is_set:
        return _("In place of %(value)s, set %(whose)s") % facts
    return _("%(value)s, set %(whose)s") % facts
