"""Where people are signed in: each browser's session, which its owner or an administrator can end.

allauth notes a session when somebody signs in. To end one deletes it: the next request is a stranger's, and open
sockets close within a second.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from allauth.usersessions.models import UserSession
from django.contrib.auth import logout
from django.http import HttpRequest
from django.utils.translation import gettext as _

from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.models import User

# What a browser calls itself, the more special names before those that they also bear.
_BROWSERS: Final = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung"), ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("HeadlessChrome", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
_PROGRAM: Final = re.compile(r"[\w.-]{1,40}")


def sessions_of(user: User) -> Sequence[UserSession]:
    """Return the sessions that are alive, the newest first; one query, and two for each."""
    alive: Sequence[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(alive, key=lambda session: session.created_at, reverse=True)


def end_session(request: HttpRequest, session: UserSession) -> None:
    """Sign one browser out, which may be the one that asks."""
    record(Event.SESSIONS_ENDED, session.user, detail="1")
    _end(request, session)


def end_sessions(request: HttpRequest, user: User, *, but: str | None = None) -> int:
    """Sign a person out everywhere, except in the session of this key; return of how many browsers."""
    doomed = [session for session in sessions_of(user) if session.session_key != but]
    record(Event.SESSIONS_ENDED, user, detail=str(len(doomed)))
    for session in doomed:
        _end(request, session)
    return len(doomed)


def _end(request: HttpRequest, session: UserSession) -> None:
    is_current = session.session_key == request.session.session_key
    session.end()
    if is_current:
        # Else the answer would fail for want of the session that it belongs to.
        logout(request)


def device_in_words(user_agent: str) -> str:
    """Return which browser on which system it calls itself; programs by their first word."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    if browser or system:
        return browser or system
    program = _PROGRAM.match(user_agent)
    return program.group() if program else _("Unknown browser")
