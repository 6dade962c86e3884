"""Moments and durations in words: "3 minutes ago", "yesterday", "2 h 5 min"."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def moment_in_words(moment: datetime, now: datetime | None = None) -> str:
    """Say how long ago a moment was; after a week, its date.

    A moment in the future (clocks differ) reads as now.
    """
    now = now or timezone.now()
    seconds = int((now - moment).total_seconds())
    if seconds < MINUTE:
        return _("just now")
    if seconds < HOUR:
        n_minutes = seconds // MINUTE
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", n_minutes) % {"count": n_minutes}
    today = timezone.localtime(now).date()
    day = timezone.localtime(moment).date()
    if day == today:
        n_hours = seconds // HOUR
        return ngettext("%(count)d hour ago", "%(count)d hours ago", n_hours) % {"count": n_hours}
    if day == today - timedelta(days=1):
        return _("yesterday")
    n_days = (today - day).days
    if n_days < 7:
        return ngettext("%(count)d day ago", "%(count)d days ago", n_days) % {"count": n_days}
    return date_format(day, "DATE_FORMAT")


def measured_duration(seconds: float) -> str:
    """Say how long something took that was measured."""
    if seconds < 0.001:
        return _("under 1 ms")
    if seconds < 1:
        return _("%(n)d ms") % {"n": round(1000 * seconds)}
    return _("%(seconds).1f s") % {"seconds": seconds}


def duration_in_words(seconds: float) -> str:
    """Say how long something takes, as exactly as it is of use: seconds below a minute, then minutes."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return _("%(seconds)s s") % {"seconds": whole}
    n_minutes = round(whole / MINUTE)
    if n_minutes < 60:
        return _("%(minutes)s min") % {"minutes": n_minutes}
    return _("%(hours)s h %(minutes)s min") % {"hours": n_minutes // 60, "minutes": n_minutes % 60}
