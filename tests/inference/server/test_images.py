from __future__ import annotations

import base64
import shutil
from typing import Any

import pytest

from tests.doubles.gguf_vision import build_projector, png
from tests.inference.server.conftest import Server

IMAGE = png()
ENCODED = base64.b64encode(IMAGE).decode()


@pytest.fixture(autouse=True)
def eyes(server: Server) -> None:
    """Let the server offer `seeing` beside the others."""
    folder = server.models / "eyes"
    folder.mkdir()
    shutil.copy(server.models / "tiny.gguf", folder / "seeing.gguf")
    build_projector(folder / "mmproj-seeing.gguf")


@pytest.mark.parametrize(
    "sent",
    [ENCODED, f"data:image/png;base64,{ENCODED}", "\r\n".join(ENCODED[at : at + 76] for at in range(0, 999, 76))],
)
async def test_the_images_of_a_chat_reach_the_runner(server: Server, sent: str) -> None:
    messages = [{"role": "user", "content": "what?", "images": [sent]}, {"role": "user", "content": "and?"}]

    response = await server.post("/api/chat", model="seeing", messages=messages, stream=False)

    assert response.status_code == 200
    (request,) = server.starter.of("seeing").requests
    assert [message.images for message in request.messages or ()] == [(IMAGE,), ()]


async def test_the_images_of_a_prompt_reach_the_runner(server: Server) -> None:
    for prompt in ("what?", ""):
        await server.post("/api/generate", model="seeing", prompt=prompt, images=[ENCODED], stream=False)

    requests = server.starter.of("seeing").requests
    assert [message.images for request in requests for message in request.messages or ()] == [(IMAGE,), (IMAGE,)]


async def test_images_come_in_openais_words_too(server: Server) -> None:
    parts = [
        {"type": "text", "text": "what?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{ENCODED}"}},
    ]

    response = await server.post("/v1/chat/completions", model="seeing", messages=[{"role": "user", "content": parts}])

    assert response.status_code == 200
    (request,) = server.starter.of("seeing").requests
    assert [tuple(message.images) for message in request.messages or ()] == [(IMAGE,)]


async def test_the_runner_gets_the_projector(server: Server) -> None:
    await server.post("/api/chat", model="seeing", messages=[])

    assert server.starter.of("seeing").spec.projector == server.models / "eyes" / "mmproj-seeing.gguf"
    assert server.starter.of("seeing").spec.path == server.models / "eyes" / "seeing.gguf"


async def test_a_model_that_sees_says_so(server: Server) -> None:
    shown = (await server.post("/api/show", model="seeing")).json()

    assert shown["capabilities"] == ["completion", "vision"]
    assert shown["details"]["families"] == ["qwen2", "clip"]


async def test_an_image_asks_for_room_in_the_window(server: Server) -> None:
    await server.post(
        "/api/chat",
        model="seeing",
        messages=[{"role": "user", "content": "what?", "images": [ENCODED] * 4}],
        stream=False,
    )

    # The model knows no longer one.
    assert server.starter.of("seeing").spec.n_ctx == 4096


@pytest.mark.parametrize(
    ("image", "error"),
    [
        ("not base64!", "an image is not valid base64"),
        ("aGVsbG8=", "an image is in no format that can be read; PNG, JPEG, GIF and BMP can"),
        ("http://example.com/a.png", "an image is not valid base64"),
        ("data:image/png,raw", "an image must be encoded as data:image/...;base64,..."),
        (7, "each of images must be a string of base64"),
    ],
)
async def test_a_bad_image_is_400_before_the_model_is_loaded(server: Server, image: Any, error: str) -> None:
    chat = {"messages": [{"role": "user", "content": "what?", "images": [image]}]}
    for route, body in (("/api/chat", chat), ("/api/generate", {"prompt": "what?", "images": [image]})):
        response = await server.post(route, model="seeing", **body)

        assert response.status_code == 400
        assert response.json()["error"] == error
    assert server.starter.n_starts == 0


async def test_too_many_images_are_400(server: Server) -> None:
    response = await server.post("/api/generate", model="seeing", prompt="what?", images=[ENCODED] * 65)

    assert response.status_code == 400
    assert response.json()["error"] == "images may hold at most 64 images"


async def test_raw_prompts_have_no_place_for_images(server: Server) -> None:
    response = await server.post("/api/generate", model="seeing", prompt="what?", raw=True, images=[ENCODED])

    assert response.status_code == 400
    assert response.json()["error"] == "raw mode does not support images"


async def test_a_model_without_eyes_refuses_images(server: Server) -> None:
    response = await server.post("/api/generate", model="tiny", prompt="what?", images=[ENCODED])

    assert response.status_code == 400
    assert response.json()["error"] == '"tiny" does not support image input'
