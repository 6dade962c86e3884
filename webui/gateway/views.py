"""One view for each thing that programs may ask. What is not listed in `urls` does not exist."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import close_old_connections, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from inference import client
from inference.errors import InferenceError
from inference.types import ModelInfo
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.middleware import open_to_waiting
from webui.accounts.model_access import require_model, usable
from webui.accounts.models import ApiKey, User
from webui.gateway import listing
from webui.gateway.bodies import Body, model_in, read_body
from webui.gateway.callers import Caller, caller_of
from webui.gateway.errors import Dialect, Refused, dialect_of, model_not_found, no_longer_allowed, refusal_of
from webui.gateway.running import Running, begin

ANSWERS, EMBEDDINGS, MANAGEMENT = ApiKey.Scope.ANSWERS, ApiKey.Scope.EMBEDDINGS, ApiKey.Scope.MANAGEMENT
MANAGING: Final = {
    "/api/pull": Event.MODEL_PULLED,
    "/api/create": Event.MODEL_CREATED,
    "/api/copy": Event.MODEL_CREATED,
    "/api/delete": Event.MODEL_DELETED,
}
UNBUFFERED: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request whose caller may make it. `body` is empty where none is read."""

    caller: Caller
    dialect: Dialect
    path: str
    method: str
    body: Body = field(default_factory=dict)

    @property
    def user(self) -> User:
        return self.caller.user


Handler = Callable[..., Awaitable[HttpResponseBase]]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def gateway(*methods: str, scope: ApiKey.Scope | None = None) -> Callable[[Handler], Callable[..., Any]]:
    """Let a handler be called with these methods, by whoever has the scope; refuse in the caller's dialect.

    Model management is for administrators, and does not exist for others.
    """

    def admitted(request: HttpRequest, dialect: Dialect) -> Call:
        caller = caller_of(request)
        if scope is MANAGEMENT and not caller.user.is_admin:
            raise _nothing_there()
        if request.method not in methods:
            raise Refused(405, f"Use {' or '.join(methods)}.", code="method_not_allowed")
        if scope is not None:
            caller.require(scope)
        body = {} if request.method in ("GET", "HEAD") else read_body(request)
        return Call(caller=caller, dialect=dialect, path=request.path, method=str(request.method), body=body)

    def decorate(handler: Handler) -> Callable[..., Any]:
        @csrf_exempt
        @wraps(handler)
        async def view(request: HttpRequest, **captured: str) -> HttpResponseBase:
            dialect = dialect_of(request.path) or "openai"
            try:
                call = await _in_thread(admitted, request, dialect)
                return await handler(call, **captured)
            except Refused as exc:
                return exc.answer(dialect)
            except InferenceError as exc:
                return refusal_of(exc).answer(dialect)

        return open_to_waiting(login_not_required(view))

    return decorate


@gateway("GET", "HEAD", "POST", "PUT", "DELETE")
async def unknown(call: Call, rest: str) -> HttpResponseBase:
    raise _nothing_there()


# ---- which models there are ------------------------------------------------------------------------


@gateway("GET", "HEAD")
async def openai_models(call: Call) -> HttpResponse:
    return JsonResponse(listing.openai_models(await _usable(call.user)))


@gateway("GET", "HEAD")
async def openai_model(call: Call, model_id: str) -> HttpResponse:
    for model in await _usable(call.user):
        if model.id in (model_id, f"{model_id}:latest"):
            return JsonResponse(listing.openai_model(model))
    raise model_not_found(model_id)


@gateway("GET", "HEAD")
async def ollama_version(call: Call) -> HttpResponse:
    return JsonResponse({"version": settings.HEARTH_VERSION})


@gateway("GET", "HEAD")
async def ollama_tags(call: Call) -> HttpResponse:
    return JsonResponse(listing.ollama_models(await _usable(call.user)))


@gateway("GET", "HEAD")
async def ollama_ps(call: Call) -> HttpResponse:
    return JsonResponse(listing.ollama_loaded(await client.loaded_models(), await _usable(call.user)))


@gateway("POST")
async def ollama_show(call: Call) -> HttpResponseBase:
    return await _relay(call, model_in(call.body, "model", "name"))


# ---- asking them -----------------------------------------------------------------------------------


@gateway("POST", scope=ANSWERS)
async def ask(call: Call) -> HttpResponseBase:
    return await _relay(call, model_in(call.body))


@gateway("POST", scope=EMBEDDINGS)
async def embed(call: Call) -> HttpResponseBase:
    return await _relay(call, model_in(call.body))


# ---- managing those of the built-in server -----------------------------------------------------------


@gateway("POST", "DELETE", scope=MANAGEMENT)
async def manage(call: Call) -> HttpResponseBase:
    if (call.method == "DELETE") != (call.path == "/ollama/api/delete"):
        raise Refused(405, "Use the other method.", code="method_not_allowed")
    path = _upstream_path(call)
    running = begin(call.caller)
    answer = await _begun(running, client.relay_to_builtin(call.method, path, call.body))
    # The server has said yes.
    await _in_thread(record, MANAGING[path], _managed(call.body), by=call.user)
    return _streamed(call, answer, running)


@gateway("POST", scope=MANAGEMENT)
async def push(call: Call) -> HttpResponseBase:
    raise Refused(501, "Models are not sent anywhere from here.", code="not_supported")


def _managed(body: Body) -> str:
    """Return the model that a management call is about; a copy is a new one."""
    return next((str(body[name]) for name in ("destination", "model", "name") if body.get(name)), "")


async def _relay(call: Call, model_id: str) -> HttpResponseBase:
    # What they may not use is told as what does not exist.
    model = await require_model(call.user, model_id)
    body = {name: value for name, value in call.body.items() if name != "name"}
    running = begin(call.caller, model.key)
    answer = await _begun(running, client.relay(model.id, _upstream_path(call), body))
    return _streamed(call, answer, running)


def _upstream_path(call: Call) -> str:
    return call.path.removeprefix("/ollama")


async def _begun(running: Running, asked: Awaitable[client.Relayed]) -> client.Relayed:
    """Wait until an answer begins. Raises Refused when who asked may not ask any more before that."""
    try:
        async with asyncio.timeout(None) as patience:
            running.break_off = lambda: patience.reschedule(0)
            answer = await asked
    except TimeoutError as exc:
        if not running.is_revoked:
            raise
        raise no_longer_allowed() from exc
    running.break_off = answer.break_off
    return answer


def _streamed(call: Call, answer: client.Relayed, running: Running) -> StreamingHttpResponse:
    pieces = _told_to_the_end(call.dialect, answer, running)
    return StreamingHttpResponse(pieces, content_type=answer.content_type, headers=UNBUFFERED)


async def _told_to_the_end(dialect: Dialect, answer: client.Relayed, running: Running) -> AsyncGenerator[bytes, None]:
    """Yield an answer as it comes; a stream that breaks says so, as far as its form has words for it."""
    try:
        async for piece in answer.pieces:
            yield piece
    except InferenceError as exc:
        refusal = no_longer_allowed() if running.is_revoked else refusal_of(exc)
        body = orjson.dumps(refusal.body(dialect))
        if answer.content_type == "text/event-stream":
            event = b"event: error\n" if dialect == "anthropic" else b""
            yield b"\n\n" + event + b"data: " + body + b"\n\n"
        elif answer.content_type == "application/x-ndjson":
            yield b"\n" + body + b"\n"
        else:
            raise
    finally:
        await answer.pieces.aclose()


async def _usable(user: User) -> tuple[ModelInfo, ...]:
    return (await _in_thread(usable, user, await client.models_at_hand())).models


async def _in_thread(
    function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Call what asks the database. It is let go at once: else a stream that follows would hold it until its end."""

    def call() -> Result:
        try:
            return function(*args, **kwargs)
        finally:
            if not connection.in_atomic_block:
                close_old_connections()

    return await sync_to_async(call)()


def _nothing_there() -> Refused:
    return Refused(404, "There is nothing at this address.", code="not_found")
