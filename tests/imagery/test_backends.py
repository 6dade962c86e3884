"""What each kind of server has of its own."""

from __future__ import annotations

import pytest

from tests.doubles.image_servers import image_server
from tests.doubles.pictures import png
from tests.imagery.conftest import spec_of
from tests.imagery.test_contract import CAT, drawn
from webui.imagery.backends.comfyui import percent_of
from webui.imagery.drawing import draw
from webui.imagery.errors import DrawingFailed, PictureElsewhere
from webui.imagery.types import Drawn, Progress, Wish


async def test_an_address_on_the_same_server_is_fetched_there() -> None:
    with image_server("openai") as server:
        server.with_urls = f"http://127.0.0.1:{server.port}/made.png"

        made = await drawn(spec_of(server))

    assert made.pictures == [png(64, 48)] * 2
    assert made.prompt == "a cat, in oil"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{other}/made.png",
        "http://localhost:{other}/made.png",
        "http://[::ffff:127.0.0.1]:{other}/made.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://2130706433:{other}/made.png",
        "file:///etc/passwd",
        "http://127.0.0.1:{own}@127.0.0.1:{other}/made.png",
    ],
)
async def test_an_address_that_points_to_another_machine_nearby_is_not_followed(address: str) -> None:
    with image_server("openai") as server, image_server("openai") as other:
        server.with_urls = address.format(own=server.port, other=other.port)

        with pytest.raises(PictureElsewhere):
            await drawn(spec_of(server))

    assert other.asked == []


@pytest.mark.parametrize(("model", "format"), [("dall-e-2", "b64_json"), ("", "b64_json"), ("gpt-image-1", None)])
async def test_base64_is_wanted_of_models_that_have_to_be_told(model: str, format: str | None) -> None:
    with image_server("openai") as server:
        await drawn(spec_of(server, model=model))

    [body] = server.drawn
    assert body.get("response_format") == format
    assert body.get("model", "") == model


async def test_a_model_that_makes_one_picture_at_once_is_asked_for_each() -> None:
    with image_server("openai") as server:
        made = await drawn(spec_of(server, model="dall-e-3"))

    assert [body["n"] for body in server.drawn] == [1, 1]
    assert len(made.pictures) == 2


async def test_automatic1111_is_sent_what_was_chosen() -> None:
    spec = {"model": "sdxl", "sampler": "Euler a", "steps": 30}
    with image_server("automatic1111") as server:
        made = await drawn(spec_of(server, **spec), Wish(prompt="a cat", negative_prompt="dogs", count=2, seed=9))

    [body] = server.drawn
    assert (body["negative_prompt"], body["steps"], body["sampler_name"]) == ("dogs", 30, "Euler a")
    assert body["override_settings"] == {"sd_model_checkpoint": "sdxl"}
    assert made.seeds == [9, 10]
    assert made.facts == {"size": "1024x1024", "negative_prompt": "dogs", "steps": 30, "sampler": "Euler a"}


async def test_comfyui_is_given_its_workflow_with_the_wish_in_it() -> None:
    with image_server("comfyui") as server:
        wish = Wish(prompt="a cat", negative_prompt="dogs", count=3, seed=9)
        made = await drawn(spec_of(server, model="sdxl.safetensors", steps=30), wish)

    [workflow] = [body["prompt"] for body in server.drawn]
    assert workflow["6"]["inputs"]["text"] == "a cat"
    assert workflow["7"]["inputs"]["text"] == "dogs"
    assert workflow["5"]["inputs"] == {"width": 1024, "height": 1024, "batch_size": 3}
    assert (workflow["3"]["inputs"]["seed"], workflow["3"]["inputs"]["steps"]) == (9, 30)
    assert workflow["4"]["inputs"]["ckpt_name"] == "sdxl.safetensors"
    assert made.seeds == [9]


async def test_a_workflow_that_takes_no_number_is_run_for_each_picture() -> None:
    with image_server("comfyui") as server:
        spec = spec_of(server)
        mapping = {slot: place for slot, place in spec.mapping.items() if slot != "count"}
        made = await drawn(spec_of(server, mapping=mapping), CAT)

    assert [body["prompt"]["3"]["inputs"]["seed"] for body in server.drawn] == [7, 8]
    assert made.seeds == [7, 8]


async def test_a_workflow_that_fails_is_told_in_the_words_of_its_node() -> None:
    with image_server("comfyui") as server:
        server.workflow_error = "mat1 and mat2 shapes cannot be multiplied"

        with pytest.raises(DrawingFailed) as caught:
            await drawn(spec_of(server))

    assert "shapes" in caught.value.detail


async def test_without_its_websocket_comfyui_makes_pictures_and_tells_no_percent() -> None:
    with image_server("comfyui") as server:
        server.has_socket, server.percent = False, 40
        server.go.clear()
        told: list[Progress | Drawn] = []
        async for event in draw(spec_of(server), CAT):
            told.append(event)
            if len(told) == 4:
                server.go.set()

    assert isinstance(told[-1], Drawn)
    assert "/ws" in [asked.path for asked in server.asked]
    assert {event.percent for event in told if isinstance(event, Progress)} == {None}


@pytest.mark.parametrize(
    "data",
    [None, [], {}, {"value": 3}, {"value": 3, "max": 0}, {"value": -1, "max": 5}, {"value": 6, "max": 5},
     {"value": "3", "max": 5}, {"value": float("nan"), "max": 5}],
)  # fmt: skip
def test_a_step_of_comfyui_that_makes_no_sense_is_passed_over(data: object) -> None:
    assert percent_of({"type": "progress", "data": data}, before=20) == 20
    assert percent_of({"type": "executing", "data": {"value": 1, "max": 2}}, before=20) == 20
    assert percent_of({"type": "progress", "data": {"value": 1, "max": 3}}, before=20) == 33
