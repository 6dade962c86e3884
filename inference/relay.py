"""What somebody's own program asks, handed to whoever offers the model, and the answer handed back as it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from inference import catalog
from inference.conf import ConnectionSpec, builtin_connection
from inference.connections.http import UpstreamHttp
from inference.connections.transport import shared_session
from inference.errors import BadCredentials, NotSpoken, UpstreamRefused

OPENAI_PATHS: Final = frozenset({"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"})
"""What services with OpenAI's API know; their addresses end with the `/v1`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relayed:
    """An answer that has begun. Close `pieces` to stop the upstream.

    Attributes:
        break_off: Stops it while somebody waits for the next piece, who gets a ConnectionFailed.
    """

    content_type: str
    pieces: AsyncGenerator[bytes, None]
    break_off: Callable[[], None]


async def relay(model_id: str, path: str, body: Mapping[str, object]) -> Relayed:
    """Send a request to whoever offers a model, by its own name there; return when the answer begins.

    Args:
        path: As the built-in server calls it: `/v1/…` or `/api/…`.

    Raises:
        ModelNotFound, NotSpoken, UpstreamRefused, ConnectionFailed and its kinds, KeyUnreadable
    """
    offer = await catalog.find_offer(model_id)
    if offer.spec.kind == "openai":
        if path not in OPENAI_PATHS:
            raise NotSpoken(path)
        path = path.removeprefix("/v1")
    return await _begun(offer.spec, "POST", path, {**body, "model": offer.model.name})


async def relay_to_builtin(method: str, path: str, body: Mapping[str, object]) -> Relayed:
    """Send a request about its models to the built-in server. Models are looked up anew when it is through."""
    answer = await _begun(builtin_connection(), method, path, body)
    return replace(answer, pieces=_then_forget(answer.pieces))


async def _then_forget(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in pieces:
            yield piece
    finally:
        catalog.forget()
        await pieces.aclose()


async def _begun(spec: ConnectionSpec, method: str, path: str, body: Mapping[str, object]) -> Relayed:
    http = UpstreamHttp(await shared_session(), spec)
    stack = AsyncExitStack()
    try:
        content_type, pieces, break_off = await stack.enter_async_context(http.relay(method, path, body))
    except BadCredentials:
        raise
    except UpstreamRefused as exc:
        raise UpstreamRefused(exc.status, _without_address(exc.detail, spec)) from exc
    return Relayed(content_type=content_type, pieces=_to_the_end(stack, pieces), break_off=break_off)


async def _to_the_end(stack: AsyncExitStack, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    async with stack:
        async for piece in pieces:
            yield piece


def _without_address(detail: str, spec: ConnectionSpec) -> str:
    """Return what an upstream says, without where it is and how it is asked."""
    for secret in (spec.key, spec.url, urlsplit(spec.url).netloc, urlsplit(spec.url).hostname):
        if secret:
            detail = detail.replace(secret, "…")
    return detail
