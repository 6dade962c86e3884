"""The ASGI application of the model server."""

from __future__ import annotations

import asyncio
import contextlib

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.urls import set_script_prefix

from inference.server.access_log import Application, Receive, Scope, Send, with_access_log


def make_application() -> Application:
    """Return the application; Django must be set up with `inference.server.settings`."""
    return with_access_log(_Handler())


class _Handler(ASGIHandler):
    """Django's handler without its turns on threads.

    It starts a thread for each request, for databases, caches and synchronous views to have one to themselves. Here is
    none of that, and a question that waits for its embedding waited a fifth of the time for that thread.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.handle(scope, receive, send)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            set_script_prefix("/")
            request, refusal = self.create_request(scope, body)
            if refusal is not None:
                await self.send_response(refusal, send)
            if request is not None:
                await self._answer_until_left(request, receive, send)

    async def _answer_until_left(self, request: HttpRequest, receive: Receive, send: Send) -> None:
        """Answer a request; a client that leaves cancels its view, which ends what it has begun."""
        answering = asyncio.create_task(self._answer(request, send))
        # Behind the body, nothing else is said.
        leaving = asyncio.ensure_future(receive())
        try:
            await asyncio.wait([answering, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            answering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await answering

    async def _answer(self, request: HttpRequest, send: Send) -> None:
        response = await self.run_get_response(request)
        try:
            await self.send_response(response, send)
        finally:
            response.close()
