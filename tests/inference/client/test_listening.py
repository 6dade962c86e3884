"""Websockets of upstreams: what arrives, and what goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from inference import client
from inference.errors import ConnectionFailed, WrongService
from inference.upstreams import UpstreamHttp, shared_session


@dataclass(frozen=True, slots=True)
class Spec:
    url: str
    name: str = "Studio"
    is_key_readable: bool = True
    authorization: str = "Bearer sk-1"


async def talk(request: web.Request) -> web.WebSocketResponse:
    assert request.headers["Authorization"] == "Bearer sk-1"
    answer = web.WebSocketResponse()
    await answer.prepare(request)
    await answer.send_bytes(b"\x00\x00\x00\x01")
    await answer.send_str(request.query["say"])
    await answer.close()
    return answer


async def redirect(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": f"/talk?{request.query_string}"})


async def page(_request: web.Request) -> web.Response:
    return web.Response(text="<h1>Hello</h1>", content_type="text/html")


@pytest_asyncio.fixture
async def heard() -> AsyncIterator[list[str]]:
    """The paths of what was asked of the server at `heard[0]`."""
    asked: list[str] = []

    @web.middleware
    async def noting(request: web.Request, handler: object) -> web.StreamResponse:
        asked.append(request.path)
        return await handler(request)  # type: ignore[operator, no-any-return]

    app = web.Application(middlewares=[noting])
    app.add_routes([web.get("/talk", talk), web.get("/redirect", redirect), web.get("/page", page)])
    async with TestServer(app) as server:
        asked.append(str(server.make_url("")).rstrip("/"))
        yield asked
    await client.aclose()


async def listened(url: str, path: str) -> list[dict[str, object]]:
    http = UpstreamHttp(await shared_session(), Spec(url))
    async with http.listen(path, timeout_s=5) as messages:
        return [message async for message in messages]


async def test_what_is_json_arrives_until_the_other_side_closes(heard: list[str]) -> None:
    assert await listened(heard[0], '/talk?say={"type":"status"}') == [{"type": "status"}]


async def test_a_redirect_is_not_followed(heard: list[str]) -> None:
    with pytest.raises(WrongService):
        await listened(heard[0], "/redirect?say={}")

    assert heard[1:] == ["/redirect"]


@pytest.mark.parametrize("path", ["/page", "/missing", "/talk?say=[", "/talk?say=[1]"])
async def test_what_is_no_websocket_or_says_no_objects_is_the_wrong_service(heard: list[str], path: str) -> None:
    with pytest.raises(WrongService):
        await listened(heard[0], path)


async def test_nobody_there_is_told() -> None:
    with pytest.raises(ConnectionFailed):
        await listened("http://127.0.0.1:9", "/talk")
    await client.aclose()
