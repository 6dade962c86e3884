"""The ASGI application of the model server."""

from __future__ import annotations

from django.core import signals
from django.core.cache import close_caches
from django.core.handlers.asgi import ASGIHandler
from django.db import close_old_connections, reset_queries

from inference.server.access_log import Application, with_access_log


def make_application() -> Application:
    """Return the application; Django must be set up with `inference.server.settings`."""
    _expect_no_database()
    return with_access_log(ASGIHandler())


def _expect_no_database() -> None:
    """Let no request take turns on threads to tidy up databases and caches that this server does not have."""
    signals.request_started.disconnect(reset_queries)
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_caches)
