"""The ASGI application of the model server."""

from __future__ import annotations

from django.core.handlers.asgi import ASGIHandler

from inference.server.access_log import Application, with_access_log


def make_application() -> Application:
    """Return the application; Django must be set up with `inference.server.settings`."""
    return with_access_log(ASGIHandler())
