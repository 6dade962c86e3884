"""Runs the site under Daphne, on uvloop, with the background jobs of this process."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from twisted.internet import asyncioreactor

from webui.management.background import BackgroundJobs

logger = logging.getLogger(__name__)
# Larger messages than the composer accepts are refused by the chat, in words; this only bounds memory.
WEBSOCKET_MESSAGE_BYTES = 4 * 1024 * 1024


def install_event_loop() -> asyncio.AbstractEventLoop:
    """Install Twisted's reactor on uvloop. Must run before anything imports Daphne, which would install its own."""
    try:
        import uvloop
    except ImportError:
        loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    asyncioreactor.install(loop)  # type: ignore[no-untyped-call]
    asyncio.set_event_loop(loop)
    return loop


def _bound_requests(max_bytes: int, spool_folder: Path) -> None:
    import daphne.server

    from webui.management.request_bodies import bounded_factory

    # The server takes no factory, so it gets ours under the name by which it makes its own.
    daphne.server.HTTPFactory = bounded_factory(max_bytes)
    # Twisted spools to the folder that the standard library names.
    tempfile.tempdir = str(spool_folder)


GIL_SWITCH_INTERVAL_S = 0.001
"""Python hands over after 5 ms unless told: a step of the event loop would wait that long for the database thread."""


def serve(application: Any, *, host: str, port: int, jobs: BackgroundJobs, loop: asyncio.AbstractEventLoop) -> bool:
    """Serve until a signal comes; return False if the address could not be listened on."""
    from daphne.endpoints import build_endpoint_description_strings
    from daphne.server import Server
    from twisted.internet import defer, reactor

    from webui.config.body_limit import largest_body_bytes

    sys.setswitchinterval(GIL_SWITCH_INTERVAL_S)

    _bound_requests(largest_body_bytes(), Path(settings.FILE_UPLOAD_TEMP_DIR))
    server = Server(
        application=application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        websocket_max_message_size=WEBSOCKET_MESSAGE_BYTES,
        websocket_max_frame_size=WEBSOCKET_MESSAGE_BYTES,
        application_close_timeout=3,
        server_name="hearth",
        verbosity=0,
    )
    jobs.start(loop)
    # "before" triggers run side by side: Daphne cancels its requests while the jobs come to their end.
    reactor.addSystemEventTrigger(
        "before",
        "shutdown",  # type: ignore[arg-type]  # its interface declares the callable twice
        lambda: defer.Deferred.fromFuture(loop.create_task(jobs.stop())),
    )
    server.run()
    return bool(server.listening_addresses)
