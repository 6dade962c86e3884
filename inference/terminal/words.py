"""Sizes and moments as Ollama's command prints them, so that scripts and eyes find what they know.

Source: ollama's format/bytes.go and format/time.go.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB"))
FOREVER = timedelta(days=100 * 365)
_SPANS = (
    # Below so many of the unit before, count in this one.
    (timedelta(seconds=1), "second", timedelta(minutes=1)),
    (timedelta(minutes=1), "minute", timedelta(hours=1)),
    (timedelta(hours=1), "hour", timedelta(hours=48)),
    (timedelta(days=1), "day", timedelta(days=14)),
    (timedelta(days=7), "week", timedelta(days=60)),
    (timedelta(days=30), "month", timedelta(days=730)),
)


def size_in_words(n_bytes: int) -> str:
    """Return `2.0 GB` or `365 KB`: one digit after the point below ten."""
    for unit, name in UNITS:
        if n_bytes >= unit:
            value = n_bytes / unit
            return f"{value:.0f} {name}" if value >= 10 else f"{value:.1f} {name}"
    return f"{n_bytes} B"


def span_in_words(span: timedelta) -> str:
    """Return `Less than a second`, `45 seconds`, `About an hour`, `3 weeks`."""
    if span < timedelta(seconds=1):
        return "Less than a second"
    for unit, name, limit in _SPANS:
        if span < limit:
            number = span // unit
            if number == 1 and name in ("minute", "hour"):
                return f"About {'an' if name == 'hour' else 'a'} {name}"
            return f"{number} {name}" if number == 1 else f"{number} {name}s"
    return f"{span // timedelta(days=365)} years"


def moment_in_words(moment: datetime | None, *, now: datetime | None = None, never: str = "") -> str:
    """Return `2 weeks ago` or `4 minutes from now`; `never` without a moment, `Forever` for one out of sight."""
    if moment is None:
        return never
    span = moment - (now or datetime.now(UTC))
    if span > FOREVER:
        return "Forever"
    return f"{span_in_words(span)} from now" if span > timedelta() else f"{span_in_words(-span)} ago"


def duration_in_words(seconds: float) -> str:
    """Return `4.535s`, `107.4ms`, `1m2.5s`, as Go prints durations, with digits that mean something."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g}µs" if seconds else "0s"
    if seconds < 1:
        return f"{seconds * 1e3:.4g}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    hours, minutes = divmod(int(minutes), 60)
    before = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{before}{f'{rest:.3f}'.rstrip('0').rstrip('.')}s"
