"""How often one person may ask a voice server: it works for all of them, and may cost by the piece."""

from __future__ import annotations

import time

from django.core.cache import cache

from webui.accounts.models import User
from webui.speech.errors import TooOften

_MINUTE_S = 60


def count(user: User, task: str, limit: int) -> None:
    """Note that somebody asks for something once more. Raises TooOften beyond the limit of a minute."""
    key = f"speech:{task}:{user.pk}:{int(time.time() // _MINUTE_S)}"
    cache.add(key, 0, timeout=2 * _MINUTE_S)
    try:
        n_asked = cache.incr(key)
    except ValueError:
        # A full cache has dropped it already.
        return
    if n_asked > limit:
        raise TooOften
