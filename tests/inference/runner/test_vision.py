"""Images through real mtmd: the same answers as llama.cpp's own helpers give, in a slot among others, and cached."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import pytest_asyncio

from inference.errors import InvalidRequest, ModelLoadFailed
from inference.runner.environment import child_environment
from inference.runner.handle import GenerateRequest, RunnerHandle, TextDelta
from inference.types import ChatMessage, Options
from tests.doubles import gguf_files
from tests.doubles.gguf_vision import bmp_of, build_projector, exif, gif_of, jpeg, picture, png, png_of
from tests.inference.runner.asking import answer, question, started

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

ROWS = 16
"""Of any image, with the projector of the kind `mlp`."""


@asynccontextmanager
async def runner(path: Path, **spec: Any) -> AsyncIterator[RunnerHandle]:
    handle = await started(path, **spec)
    try:
        yield handle
    finally:
        await handle.stop()


@pytest.fixture(scope="module")
def files(gguf_folder: Path, tiny_gguf: Path) -> dict[str, tuple[Path, Path]]:
    """Models and their projectors; `flat` counts rows and positions alike, `grid` lays rows out in a plane."""
    grid = gguf_files.build_tiny(gguf_folder / "grid.gguf", architecture="qwen2vl")
    return {
        "flat": (tiny_gguf, build_projector(gguf_folder / "mmproj-flat.gguf")),
        "grid": (grid, build_projector(gguf_folder / "mmproj-grid.gguf", kind="qwen2vl_merger")),
    }


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["flat", "grid"])
async def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def seeing(kind: str, files: dict[str, tuple[Path, Path]]) -> AsyncIterator[RunnerHandle]:
    """A runner of each kind that all tests share, with two slots."""
    model, projector = files[kind]
    async with runner(model, projector=projector, n_slots=2, n_ctx=1024) as handle:
        yield handle


def shown(*seeds: int, **options: Any) -> GenerateRequest:
    """Return the question `what?` about some images, answered with the same arithmetic each time."""
    images = [png(64, 48, seed=seed) for seed in seeds]
    return question("what?", images=images, seed=1, **options)


async def told(seeing: RunnerHandle, *images: bytes) -> str:
    return (await answer(seeing, question("what?", images=images, seed=1, temperature=0, num_predict=12)))[0]


async def test_every_format_is_seen_alike(seeing: RunnerHandle) -> None:
    pixels = picture(64, 48, seed=5)

    seen = [await told(seeing, file) for file in (png_of(pixels), bmp_of(pixels), gif_of(pixels))]

    assert len(set(seen)) == 1
    assert seen[0] != await told(seeing, png(64, 48, seed=6))


@pytest.mark.parametrize(("orientation", "k"), [(3, 2), (6, 1), (8, -1)])
async def test_a_photo_is_seen_upright(seeing: RunnerHandle, orientation: int, k: int) -> None:
    upright = picture(64, 48, seed=5)

    lying = png_of(np.rot90(upright, k), exif=exif(orientation))

    assert await told(seeing, lying) == await told(seeing, png_of(upright))
    assert await told(seeing, lying) != await told(seeing, png_of(np.rot90(upright, k)))


async def test_a_jpeg_is_seen_as_its_camera_held_it(seeing: RunnerHandle) -> None:
    assert await told(seeing, jpeg()) == await told(seeing, jpeg(1))
    assert await told(seeing, jpeg(3)) != await told(seeing, jpeg(1))


@pytest.mark.parametrize("seeds", [(0,), (1,), (2, 3), (3, 2), (4, 4)])
async def test_answers_equal_those_of_llama_cpps_own_helpers(
    seeing: RunnerHandle, kind: str, files: dict[str, tuple[Path, Path]], tmp_path: Path, seeds: tuple[int, ...]
) -> None:
    paths = []
    for index, seed in enumerate(seeds):
        paths.append(tmp_path / f"{index}.png")
        paths[-1].write_bytes(png(64, 48, seed=seed))
    command = [sys.executable, "-m", "tests.doubles.seeing", *map(str, (*files[kind], *paths))]
    reference = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, check=True, env=child_environment()
    )

    fresh, _ = await answer(seeing, shown(*seeds))
    cached, finished = await answer(seeing, shown(*seeds))

    assert fresh == orjson.loads(reference.stdout)
    assert cached == fresh
    assert finished.cached_tokens == finished.prompt_tokens - 1


async def test_another_image_is_another_prompt(seeing: RunnerHandle) -> None:
    first, _ = await answer(seeing, shown(10))
    other, finished = await answer(seeing, shown(11))
    again, _ = await answer(seeing, shown(10))

    assert first != other
    assert again == first
    # Only what stands before the image was the same.
    assert finished.cached_tokens < finished.prompt_tokens / 2


async def test_a_second_turn_finds_the_image_in_the_cache(seeing: RunnerHandle) -> None:
    image = ChatMessage(role="user", content="what?", images=[png(64, 48, seed=20)])
    first, finished = await answer(seeing, shown(20))
    second_turn = [image, ChatMessage(role="assistant", content="x"), ChatMessage(role="user", content="and now?")]

    _, second = await answer(
        seeing, GenerateRequest(messages=second_turn, options=Options(temperature=0, num_predict=4))
    )

    assert second.cached_tokens >= finished.prompt_tokens - 1
    assert second.prompt_tokens > finished.prompt_tokens


async def test_an_image_is_part_of_its_prompts_count(seeing: RunnerHandle, kind: str) -> None:
    _, without = await answer(seeing, question("what?"))
    _, with_image = await answer(seeing, shown(0))

    # The projector of the other kind makes 4 x 3 rows, and puts words around them that this vocabulary spells out.
    assert with_image.prompt_tokens - without.prompt_tokens == (ROWS if kind == "flat" else 12 + 15 + 13)


async def test_people_with_different_images_do_not_disturb_each_other(seeing: RunnerHandle) -> None:
    alone = [(await answer(seeing, shown(seed)))[0] for seed in (30, 31, 32, 33)]

    together = await asyncio.gather(*(answer(seeing, shown(seed)) for seed in (30, 31, 32, 33)))

    assert [text for text, _ in together] == alone


async def test_a_damaged_image_is_refused_and_the_next_request_works(seeing: RunnerHandle) -> None:
    whole = png(64, 48, seed=40)

    for damaged in (whole[:60], whole[:33] + bytes(len(whole) - 33)):
        with pytest.raises(InvalidRequest, match="damaged and cannot be decoded"):
            await answer(seeing, question("what?", images=[damaged]))

    assert (await answer(seeing, shown(0)))[1].answer_tokens > 0


async def test_an_image_in_no_known_format_never_reaches_the_model(seeing: RunnerHandle) -> None:
    with pytest.raises(InvalidRequest, match="in no format that can be read"):
        await answer(seeing, question("what?", images=[b"ID3 this would be sound"]))


async def test_a_model_without_a_projector_refuses_images(tiny_gguf: Path) -> None:
    async with runner(tiny_gguf) as handle:
        with pytest.raises(InvalidRequest, match="does not support image input"):
            await answer(handle, shown(0))


async def test_a_template_without_images_is_told(gguf_folder: Path, files: dict[str, tuple[Path, Path]]) -> None:
    model = gguf_files.build_tiny(gguf_folder / "deaf.gguf", chat_template="{{ messages[0].role }}:")
    async with runner(model, projector=files["flat"][1]) as handle:
        with pytest.raises(InvalidRequest, match="chat template leaves images out"):
            await answer(handle, shown(0))


async def test_an_image_that_does_not_fit_the_window_is_refused(files: dict[str, tuple[Path, Path]]) -> None:
    model, projector = files["flat"]
    async with runner(model, projector=projector, n_ctx=32) as handle:
        with pytest.raises(InvalidRequest, match="the prompt has 38 tokens, but the context window holds 32"):
            await answer(handle, shown(0))


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"text_width": 32}, "mismatch between text model"),
        ({"kind": "unheard_of"}, "unknown projector type"),
    ],
)
async def test_a_wrong_projector_is_told_in_a_sentence(
    tiny_gguf: Path, tmp_path: Path, wrong: dict[str, Any], problem: str
) -> None:
    projector = build_projector(tmp_path / "mmproj-wrong.gguf", **wrong)

    with pytest.raises(ModelLoadFailed, match=problem):
        await started(tiny_gguf, projector=projector)


async def test_a_projector_is_looked_at_before_it_is_loaded(tiny_gguf: Path, tmp_path: Path) -> None:
    short = build_projector(tmp_path / "mmproj-short.gguf")
    short.write_bytes(short.read_bytes()[:-100])

    with pytest.raises(ModelLoadFailed, match=r"mmproj-short\.gguf cannot be used: the file is truncated"):
        await started(tiny_gguf, projector=short)
    with pytest.raises(ModelLoadFailed, match=r"tiny\.gguf is no projector for images"):
        await started(tiny_gguf, projector=tiny_gguf)


async def test_an_image_of_many_rows_is_decoded_in_pieces(tiny_gguf: Path, tmp_path: Path) -> None:
    projector = build_projector(tmp_path / "mmproj-large.gguf", image_size=208)
    async with runner(tiny_gguf, projector=projector, n_ctx=2048, n_slots=2) as handle:
        alone, finished = await answer(handle, shown(0))
        await answer(handle, shown(1))

        (beside, _), _ = await asyncio.gather(answer(handle, shown(0)), answer(handle, question("q", num_predict=300)))

    assert finished.prompt_tokens > 26 * 26
    assert beside == alone


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def slow_eyes(gguf_folder: Path, endless_gguf: Path) -> AsyncIterator[RunnerHandle]:
    """A runner that counts for ever, with four slots and a projector that takes about a second to look at an image."""
    projector = build_projector(gguf_folder / "mmproj-slow.gguf", text_width=256, image_size=224, width=256, layers=24)
    async with runner(endless_gguf, projector=projector, n_ctx=8192, n_slots=4) as handle:
        yield handle


async def test_running_answers_go_on_while_an_image_is_looked_at(slow_eyes: RunnerHandle) -> None:
    arrivals: list[float] = []

    async def stream() -> None:
        async with aclosing(slow_eyes.generate(question("count", num_predict=-1))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    arrivals.append(time.monotonic())

    streaming = asyncio.create_task(stream())
    while not arrivals:
        await asyncio.sleep(0.001)
    asked = time.monotonic()
    text, finished = await answer(slow_eyes, shown(50))
    answered = time.monotonic()
    streaming.cancel()

    within = [arrival for arrival in arrivals if asked < arrival < answered]
    gaps = [later - sooner for sooner, later in zip(within, within[1:], strict=False)]
    assert text.startswith("1 2 3")
    assert len(within) > 50
    assert max(gaps) < finished.prompt_s / 2


async def test_whoever_leaves_while_an_image_is_looked_at_holds_up_nobody(slow_eyes: RunnerHandle) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await answer(slow_eyes, shown(60))

    text, _ = await answer(slow_eyes, question("count", num_predict=5))

    assert text.startswith("1 2 3")
    assert (await answer(slow_eyes, shown(60)))[0].startswith("1 2 3")


async def test_images_of_dropped_messages_leave_with_them(files: dict[str, tuple[Path, Path]]) -> None:
    model, projector = files["flat"]
    old = [
        ChatMessage(role="user", content="old " * 20, images=[png(seed=70)]),
        ChatMessage(role="assistant", content="x"),
    ]
    new = [ChatMessage(role="user", content="what?", images=[png(seed=71)])]
    plain = [ChatMessage(role="user", content="what?")]
    options = Options(temperature=0, num_predict=8, seed=1)
    async with runner(model, projector=projector, n_ctx=96) as handle:
        for asked in (new, plain):
            alone, _ = await answer(handle, GenerateRequest(messages=asked, options=options))

            text, finished = await answer(
                handle, GenerateRequest(messages=[*old, *asked], options=options, truncate=True)
            )

            assert finished.dropped_messages == 2
            assert text == alone


async def test_an_answer_about_an_image_ends_with_its_window(files: dict[str, tuple[Path, Path]]) -> None:
    model, projector = files["flat"]
    images = [png(seed=80)]
    async with runner(model, projector=projector, n_ctx=64) as handle:
        _, finished = await answer(
            handle,
            GenerateRequest(
                messages=[ChatMessage(role="user", content="q", images=images)],
                options=Options(temperature=0, num_predict=200),
                shift=True,
            ),
        )

    assert finished.shifted_tokens == 0
    assert finished.prompt_tokens + finished.answer_tokens <= 65


async def test_idle_work_over_an_image_goes_on_after_a_person_had_its_slot(endless_gguf: Path, tmp_path: Path) -> None:
    title = replace(shown(1, num_predict=2000), priority="idle")
    projector = build_projector(tmp_path / "mmproj.gguf", text_width=256)
    async with runner(endless_gguf, projector=projector, n_slots=1, n_ctx=4096) as handle:
        undisturbed, _ = await answer(handle, title)
        text, persons_at = "", 0
        async with aclosing(handle.generate(title)) as events:
            async for event in events:
                text += event.content if isinstance(event, TextDelta) else ""
                if text and not persons_at:
                    await answer(handle, question("count", num_predict=3))
                    persons_at = len(text)

    assert text == undisturbed
    assert 0 < persons_at < len(text) / 2
