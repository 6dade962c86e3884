from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from inference.library.gguf import read_header
from inference.runner.handle import GenerateRequest, RunnerHandle, RunnerSpec
from inference.runner.types import KvType, RunnerFinished
from inference.server.forecast import forecast
from tests.doubles import gguf_files
from tests.doubles.gguf_files import Shape
from tests.inference.server.fakes import GIGABYTE, make_header, make_model

MOST_ERROR = 0.10


def test_the_cache_grows_with_window_and_slots() -> None:
    one = forecast(make_model(), n_ctx=1024, n_slots=1)
    many = forecast(make_model(), n_ctx=4096, n_slots=4)

    assert one.cache == 32 * 1024 * 1024
    assert many.cache == 16 * one.cache
    assert one.weights == many.weights == GIGABYTE
    assert one.total > one.weights + one.cache


def test_the_header_s_own_head_sizes_count() -> None:
    header = make_header()
    sizes = {"qwen2.attention.key_length": 128, "qwen2.attention.value_length": 128}
    wide = replace(make_model(), header=replace(header, metadata=sizes))

    assert forecast(wide, n_ctx=1024, n_slots=1).cache == 2 * forecast(make_model(), n_ctx=1024, n_slots=1).cache


@pytest.mark.parametrize("heads", [(), (0,), (0,) * 32])
def test_a_header_with_odd_head_counts_breaks_nothing(heads: tuple[int, ...]) -> None:
    odd = replace(make_model(), header=replace(make_header(), head_counts=heads, head_counts_kv=heads))

    assert forecast(odd, n_ctx=1024, n_slots=1).cache == 0


def test_an_embedding_model_has_no_cache() -> None:
    assert forecast(make_model(capabilities=frozenset({"embedding"})), n_ctx=1024, n_slots=4).cache == 0


def test_a_smaller_type_of_the_cache_takes_less() -> None:
    sizes = [forecast(make_model(), n_ctx=4096, n_slots=1, kv_type=kind).cache for kind in ("f16", "q8_0", "q4_0")]

    assert [size * 32 // sizes[0] for size in sizes] == [32, 17, 9]


def test_recurrent_layers_keep_one_state_for_each_slot() -> None:
    header = make_header()
    sizes = {"qwen2.ssm.inner_size": 2048, "qwen2.ssm.state_size": 16, "qwen2.ssm.conv_kernel": 4}
    recurrent = replace(make_model(), header=replace(header, metadata=sizes, head_counts=(0,), head_counts_kv=(0,)))

    assert forecast(recurrent, n_ctx=4096, n_slots=2).cache == 2 * 32 * 4 * (3 * 2048 + 2048 * 16)


def test_of_a_mixture_the_experts_count_that_one_row_uses() -> None:
    sizes = {"qwen2.expert_feed_forward_length": 512, "qwen2.expert_used_count": 8}
    mixture = replace(make_model(), header=replace(make_header(), metadata=sizes))
    dense = replace(make_model(), header=replace(make_header(), metadata={"qwen2.feed_forward_length": 8 * 512}))

    assert forecast(mixture, n_ctx=1024, n_slots=1) == forecast(dense, n_ctx=1024, n_slots=1)


@pytest.mark.model
@pytest.mark.parametrize(
    ("shape", "is_quantised", "n_pieces"),
    [
        (Shape(layers=10, hidden=512, heads=8, heads_kv=2, feed_forward=1536, context=16384), False, 0),
        (Shape(layers=12, hidden=768, heads=12, heads_kv=12, feed_forward=2048, context=16384), True, 0),
        (Shape(layers=4, hidden=256, heads=4, heads_kv=1, feed_forward=1024, context=16384), True, 60_000),
    ],
    ids=["floats", "quantised", "many tokens"],
)
async def test_the_forecast_is_what_a_runner_takes(
    tmp_path: Path, shape: Shape, is_quantised: bool, n_pieces: int
) -> None:
    script = (f"w{number}" for number in range(n_pieces))
    path = gguf_files.build_noise(tmp_path / "noise.gguf", shape, script=script)
    if is_quantised:
        path = gguf_files.quantised(path)
    model = replace(make_model(), header=read_header(path), size_bytes=path.stat().st_size)
    sizes = [(512, 1), (1024, 4), (2048, 2)]

    taken = await asyncio.gather(*(bytes_taken(path, n_ctx, n_slots) for n_ctx, n_slots in sizes))

    for (n_ctx, n_slots), n_bytes in zip(sizes, taken, strict=True):
        said = forecast(model, n_ctx=n_ctx, n_slots=n_slots).total
        assert abs(said / n_bytes - 1) < MOST_ERROR, (n_ctx, n_slots, said, n_bytes)


async def bytes_taken(path: Path, n_ctx: int, n_slots: int) -> int:
    """Return the memory of a runner whose window was full once."""
    spec = RunnerSpec(kind="llama", model="noise", path=path, n_ctx=n_ctx, n_slots=n_slots, n_threads=2)
    runner = await RunnerHandle.start(spec, timeout_s=120)
    try:
        request = GenerateRequest(prompt="x", context=[5] * (n_ctx - 40), options={"num_predict": 1})
        *_, finished = [event async for event in runner.generate(request)]
        assert isinstance(finished, RunnerFinished)
        assert finished.prompt_tokens > n_ctx - 40
        return runner.rss_bytes
    finally:
        await runner.stop()


ALLOCATED = """
import ctypes, re, sys
from pathlib import Path
from inference.runner.native import Context, ContextShape, Model, NativeLog
from llama_cpp import llama_cpp

log, lines = NativeLog(), []
callback = llama_cpp.llama_log_callback(lambda level, text, data: lines.append(text.decode("utf-8", "replace")))
llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
shape = ContextShape(n_ctx=8192, n_sequences=4, n_batch=512, n_threads=1, kv_type=sys.argv[2])
Context(Model("noise", Path(sys.argv[1]), log), shape, log)
print(sum(float(size) for size in re.findall(r"KV buffer size = *([0-9.]+) MiB", "".join(lines))))
"""


@pytest.mark.model
@pytest.mark.parametrize("kv_type", ["f16", "q8_0", "q4_0"])
def test_the_cache_is_what_llama_cpp_allocates_for_it(tmp_path: Path, kv_type: KvType) -> None:
    shape = Shape(layers=3, hidden=256, heads=4, heads_kv=2, feed_forward=64)
    path = gguf_files.build_noise(tmp_path / "noise.gguf", shape)
    model = replace(make_model(), header=read_header(path), size_bytes=path.stat().st_size)

    command = [sys.executable, "-c", ALLOCATED, str(path), kv_type]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own code

    assert forecast(model, n_ctx=2048, n_slots=4, kv_type=kv_type).cache / 2**20 == pytest.approx(float(said), abs=0.01)
