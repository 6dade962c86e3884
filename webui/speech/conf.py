"""The settings of this app: limits, and what administrators say of browsers."""

from __future__ import annotations

from django.conf import settings

from webui.accounts.conf import site_setting

MAX_TEXT_CHARS = 1_000
"""Of one piece that is read aloud; the page sends sentences."""
MAX_RECORDING_S = 300
MIN_SPEED, MAX_SPEED = 0.5, 2.0
"""How fast a voice may be. Some servers know no more than this."""
PIECES_A_MINUTE = 120
RECORDINGS_A_MINUTE = 40
"""What one person may ask a voice server for: several times what listening and talking take."""
SITE_TTL_S = 5.0
"""How long another process may go on with a server that was changed here."""


def max_recording_bytes() -> int:
    """Return the limit of a request's body: five minutes as browsers record them take a quarter of it."""
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def allows_browser_dictation() -> bool:
    """Whether a browser may write down what is said where no server of ours does."""
    return site_setting("browser_dictation") == "on"
