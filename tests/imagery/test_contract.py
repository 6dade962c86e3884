"""What holds for every kind of server that makes pictures."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from inference.errors import BadCredentials, ConnectionRefused, UpstreamRefused, UpstreamTimeout, WrongService
from tests.doubles.image_servers import ImageServer, image_server
from tests.doubles.pictures import png
from tests.imagery.conftest import spec_of
from webui.imagery import drawing
from webui.imagery.backends import comfyui, requests
from webui.imagery.drawing import draw, offer_of
from webui.imagery.errors import NoPicture
from webui.imagery.types import Drawn, ImagerySpec, Progress, Size, Wish

FORTY = Progress(state="drawing", percent=40)
CAT = Wish(prompt="a cat", size=Size(640, 512), count=2, seed=7)


async def drawn(spec: ImagerySpec, wish: Wish = CAT) -> Drawn:
    return [event async for event in draw(spec, wish)][-1]  # type: ignore[return-value]  # the last one is


async def test_words_become_as_many_pictures_as_were_wanted(server: ImageServer) -> None:
    made = await drawn(spec_of(server))

    expected = 1 if server.kind == "comfyui" else 2
    assert made.pictures == [png(64, 48)] * expected
    assert "a cat" in str(server.drawn)
    assert "640" in str(server.drawn)
    assert made.facts["size"] == "640x512"


async def test_what_happens_meanwhile_is_told(server: ImageServer) -> None:
    server.go.clear()
    server.percent = 40
    told: list[Progress | Drawn] = []
    async for event in draw(spec_of(server), CAT):
        told.append(event)
        if server.kind == "openai" or event == FORTY:
            server.go.set()

    assert isinstance(told[-1], Drawn)
    assert all(isinstance(event, Progress) for event in told[:-1])
    assert (FORTY in told) == (server.kind != "openai")


async def test_who_goes_away_stops_the_server(server: ImageServer) -> None:
    server.go.clear()
    async with aclosing(draw(spec_of(server), CAT)) as events:
        async for event in events:
            if event.state == "drawing" and server.drawn:  # type: ignore[union-attr]  # no picture is made
                break

    assert (
        server.stopped
        == {
            "openai": [],
            "automatic1111": ["interrupt"],
            "comfyui": ["delete run-0", "interrupt"],
        }[server.kind]
    )


async def test_the_test_of_a_connection_lists_models(server: ImageServer) -> None:
    offer = await offer_of(spec_of(server))

    assert (
        offer.models[0]
        == {
            "openai": "dall-e-2",
            "automatic1111": "v1-5.safetensors [6ce0161689]",
            "comfyui": "v1-5.safetensors",
        }[server.kind]
    )


async def test_a_key_goes_with_each_request(server: ImageServer) -> None:
    server.key = "Basic bWU6c2VjcmV0" if server.kind == "automatic1111" else "Bearer me:secret"

    assert (await drawn(spec_of(server, key="me:secret"))).pictures
    with pytest.raises(BadCredentials):
        await offer_of(spec_of(server, key="me:wrong"))
    with pytest.raises(BadCredentials):
        await drawn(spec_of(server))


async def test_an_error_of_the_server_is_told_in_its_words(server: ImageServer) -> None:
    server.break_with(500, b'{"error": {"message": "CUDA out of memory"}}')

    with pytest.raises(UpstreamRefused) as caught:
        await drawn(spec_of(server))

    assert (caught.value.status, caught.value.detail) == (500, "CUDA out of memory")


@pytest.mark.parametrize("said", [b"<html>Log in</html>", b"{" * 200_000, b"[]", b'{"images": 3, "data": {}}'])
async def test_what_speaks_no_such_api_is_told_apart(server: ImageServer, said: bytes) -> None:
    server.break_with(200, said, "text/html" if said.startswith(b"<") else "application/json")

    with pytest.raises((WrongService, NoPicture)):
        await drawn(spec_of(server))


async def test_a_server_that_does_not_come_to_an_end_is_left(
    server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (requests, comfyui):
        monkeypatch.setattr(module, "DRAW_TIMEOUT_S", 0.2)
    server.go.clear()

    with pytest.raises(UpstreamTimeout):
        await drawn(spec_of(server))


async def test_a_picture_of_any_size_is_not_read_to_its_end(
    server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (requests, comfyui):
        monkeypatch.setattr(module, "MAX_PICTURE_BYTES", 60)

    with pytest.raises((NoPicture, WrongService)):
        await drawn(spec_of(server))


async def test_nothing_listens() -> None:
    with image_server("openai") as gone:
        spec = spec_of(gone)

    with pytest.raises(ConnectionRefused):
        await offer_of(spec)


async def test_a_server_that_draws_one_at_a_time_is_given_one_at_a_time() -> None:
    with image_server("automatic1111") as server:
        server.go.clear()
        first = asyncio.create_task(drawn(spec_of(server)))
        while not server.drawn:
            await asyncio.sleep(0)
        async with aclosing(draw(spec_of(server), CAT)) as second:
            waiting = await anext(second)
            n_asked = len(server.drawn)
            server.go.set()
            ends = [event async for event in second]
        await first

    assert waiting == Progress(state="queued", position=1)
    assert n_asked == 1
    assert isinstance(ends[-1], Drawn)


async def test_a_full_queue_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MAX_WAITING", 0)
    with image_server("automatic1111") as server:
        server.go.clear()
        async with aclosing(draw(spec_of(server), CAT)) as first:
            await anext(first)
            with pytest.raises(drawing.QueueFull):
                await drawn(spec_of(server))
