from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inference.runner.types import RunnerSpec
from inference.server.loading import Loading
from tests.inference.server.conftest import Server

HI = [{"role": "user", "content": "Hi"}]
SPEC = RunnerSpec(kind="llama", model="tiny", path=Path("tiny.gguf"))


def test_what_is_not_asked_for_stays_as_it_is() -> None:
    assert Loading.of({}).applied_to(SPEC) is not None
    assert Loading.of({"num_gpu": -1, "num_thread": 0}).is_met_by(SPEC)


def test_options_of_loading_reach_the_runner() -> None:
    loading = Loading.of({"num_gpu": 0, "main_gpu": 1, "num_thread": 3, "num_batch": 64, "use_mmap": False})

    spec = loading.applied_to(SPEC)

    assert (spec.n_gpu_layers, spec.main_gpu, spec.n_threads, spec.n_batch) == (0, 1, 3, 64)
    assert not spec.maps_file
    assert loading.is_met_by(spec)
    assert not loading.is_met_by(SPEC)


def test_a_batch_is_no_larger_than_the_memory_forecast_takes_it_to_be() -> None:
    assert Loading.of({"num_batch": 100_000}).n_batch == 512


def test_the_embedder_has_no_such_options() -> None:
    spec = RunnerSpec(kind="onnx", model="all-minilm", path=Path("folder"))

    assert Loading.of({"num_gpu": 0}).is_met_by(spec)


@pytest.mark.parametrize("options", [{"num_thread": 1}, {"num_gpu": 0}, {"num_batch": 32}, {"use_mmap": False}])
async def test_a_model_that_is_to_be_loaded_otherwise_is_loaded_anew(server: Server, options: dict[str, Any]) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI)

    await server.lines("/api/chat", model="tiny", messages=HI, options=options)
    await server.lines("/api/chat", model="tiny", messages=HI, options=options)
    await server.lines("/api/chat", model="tiny", messages=HI)

    assert server.starter.n_starts == 2
    assert Loading.of(options).is_met_by(server.state.scheduler.seats()[0].spec)  # type: ignore[arg-type]
