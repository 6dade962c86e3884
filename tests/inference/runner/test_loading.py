"""What of a `RunnerSpec` reaches native code: adapters, the type of the cache, flash attention."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from inference.errors import ModelLoadFailed
from inference.runner.handle import RunnerHandle
from tests.doubles.gguf_lora import build_lora
from tests.inference.runner.asking import answer, question, started

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

MEBIBYTE = 1024 * 1024


@asynccontextmanager
async def runner(path: Path, **spec: Any) -> AsyncIterator[RunnerHandle]:
    handle = await started(path, **spec)
    try:
        yield handle
    finally:
        await handle.stop()


async def answer_of(path: Path, **spec: Any) -> str:
    async with runner(path, **spec) as handle:
        return (await answer(handle, question()))[0]


async def test_an_adapter_changes_the_answer(tiny_gguf: Path, tmp_path: Path) -> None:
    one, other = build_lora(tmp_path / "one.gguf"), build_lora(tmp_path / "other.gguf", seed=6)

    plain = await answer_of(tiny_gguf)
    answers = [await answer_of(tiny_gguf, adapters=adapters) for adapters in ([one], [one], [other], [one, other])]

    assert answers[0] == answers[1]
    assert len({plain, *answers}) == 4


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"b_rank": 5}, "does not fit the shape"),
        ({"invocation": (1, 2)}, "aLoRA"),
    ],
)
async def test_a_wrong_adapter_is_told_in_a_sentence(
    tiny_gguf: Path, tmp_path: Path, wrong: dict[str, Any], problem: str
) -> None:
    adapter = build_lora(tmp_path / "wrong.gguf", **wrong)

    with pytest.raises(ModelLoadFailed, match=problem):
        await started(tiny_gguf, adapters=[adapter])


async def test_a_smaller_type_of_cache_takes_less_memory(endless_gguf: Path) -> None:
    # 256 bytes a token with 16 bits a value.
    sizes = []
    for kv_type in ("f16", "q8_0", "q4_0"):
        async with runner(endless_gguf, kv_type=kv_type, n_ctx=131072, n_slots=2) as handle:
            text, _ = await answer(handle, question(num_predict=5))
            assert text.startswith("1 2 3 4 5")
            sizes.append(handle.rss_bytes)

    assert sizes[0] - sizes[1] > 20 * MEBIBYTE
    assert sizes[1] - sizes[2] > 10 * MEBIBYTE


async def test_processors_attend_the_plain_way_in_little_room(endless_gguf: Path) -> None:
    # Scores: 4 heads x 32 rows x 131072 tokens x 4 bytes, and a mask of one more; flash attention: a mask of 512 rows x
    # 131072 tokens x 2 bytes. With as many rows as that the scores would take 1 GiB.
    sizes = {}
    for flash_attention in (True, False, None):
        async with runner(endless_gguf, flash_attention=flash_attention, n_ctx=131072, n_slots=1) as handle:
            text, _ = await answer(handle, question(num_predict=5))
            assert text.startswith("1 2 3 4 5")
            sizes[flash_attention] = psutil.Process(handle.pid).memory_info().vms

    assert 30 * MEBIBYTE < sizes[True] - sizes[False] < 70 * MEBIBYTE
    assert abs(sizes[None] - sizes[False]) < 5 * MEBIBYTE


async def test_a_small_cache_without_flash_attention_is_refused(endless_gguf: Path) -> None:
    with pytest.raises(ModelLoadFailed, match="needs flash attention, which is switched off"):
        await started(endless_gguf, kv_type="q8_0", flash_attention=False)


async def test_a_cache_type_that_does_not_divide_the_heads_is_refused(tiny_gguf: Path) -> None:
    with pytest.raises(ModelLoadFailed, match="q8_0 with block size 32 does not divide"):
        await started(tiny_gguf, kv_type="q8_0")


@pytest.mark.parametrize("n_gpu_layers", [0, 99])
async def test_layers_for_a_graphics_card_are_no_trouble_where_there_is_none(
    tiny_gguf: Path, n_gpu_layers: int
) -> None:
    assert await answer_of(tiny_gguf, n_gpu_layers=n_gpu_layers)


async def test_the_number_of_threads_and_the_map_of_the_file_are_as_asked(tiny_gguf: Path) -> None:
    async with runner(tiny_gguf, n_threads=3, maps_file=True) as mapped, runner(tiny_gguf, maps_file=False) as read:
        assert (await answer(mapped, question()))[0] == (await answer(read, question()))[0]
        threads = [psutil.Process(handle.pid).num_threads() for handle in (mapped, read)]
        maps = [{Path(entry.path) for entry in psutil.Process(handle.pid).memory_maps()} for handle in (mapped, read)]

    assert threads[0] - threads[1] == 2
    assert [tiny_gguf in paths for paths in maps] == [True, False]


async def test_smaller_steps_and_a_card_that_is_not_there_do_not_change_the_answer(tiny_gguf: Path) -> None:
    long = question("Why? " * 60)
    async with runner(tiny_gguf) as usual, runner(tiny_gguf, n_batch=16, main_gpu=60) as other:
        answers = [(await answer(handle, long))[0] for handle in (usual, other)]

    assert answers[0][:8] == answers[1][:8]
