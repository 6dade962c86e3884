"""How a model is loaded when a request does not say, and loading it in a certain way now."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference.errors import InvalidRequest
from inference.library.models import Baked
from inference.library.names import ModelName
from inference.runner.types import RunnerSpec
from inference.server.kept import KeptSettings, baked_settings, parse_settings, settings_body
from inference.server.sizing import Sizing, Window
from inference.server.state import set_state
from inference.types import LoadSettings
from tests.doubles.gguf_files import build_tiny
from tests.doubles.model_server import ModelServer
from tests.inference.server.conftest import Server, until
from tests.inference.server.fakes import GIGABYTE, make_model

HI = [{"role": "user", "content": "Hi"}]
LONG = [{"role": "user", "content": "word " * 4000}]
TINY = ModelName.parse("tiny")
SETTINGS = {"num_ctx": 2048, "num_parallel": 3, "kv_cache_type": "q8_0", "num_thread": 1, "num_gpu": 0}


@pytest.fixture(autouse=True)
def _wide_heads(request: pytest.FixtureRequest, scripted_gguf: Path) -> None:
    """Let `tiny` be a model whose cache may be of any type."""
    if "server" in request.fixturenames:
        server: Server = request.getfixturevalue("server")
        shutil.copy(scripted_gguf, server.models / "tiny.gguf")
        server.state.catalog.snapshot(fresh=True)


def spec_of(server: Server) -> RunnerSpec:
    (seat,) = server.state.scheduler.seats()
    return seat.spec


def shape(spec: RunnerSpec) -> tuple[object, ...]:
    return spec.n_ctx, spec.n_slots, spec.kv_type, spec.n_threads, spec.n_gpu_layers


async def test_a_model_is_loaded_with_these_settings(server: Server) -> None:
    response = await server.post("/hearth/load", model="tiny", settings=SETTINGS)

    assert response.json() == {"context_length": 2048, "n_slots": 3, "kv_cache_type": "q8_0"}
    assert shape(spec_of(server)) == (2048, 3, "q8_0", 1, 0)


async def test_what_was_loaded_so_answers_questions_that_do_not_say(server: Server) -> None:
    await server.post("/hearth/load", model="tiny", settings=SETTINGS)

    await server.lines("/api/chat", model="tiny", messages=HI)

    assert server.starter.n_starts == 1


async def test_the_same_settings_again_change_nothing(server: Server) -> None:
    for _ in range(2):
        await server.post("/hearth/load", model="tiny", settings=SETTINGS)

    assert server.starter.n_starts == 1


@pytest.mark.parametrize(
    "other", [{"num_ctx": 1024}, {"num_parallel": 1}, {"kv_cache_type": None}, {"num_thread": None}]
)
async def test_other_settings_load_it_anew_smaller_ones_too(server: Server, other: dict[str, Any]) -> None:
    await server.post("/hearth/load", model="tiny", settings=SETTINGS)

    await server.post("/hearth/load", model="tiny", settings=SETTINGS | other)

    assert server.starter.n_starts == 2
    assert shape(spec_of(server)) != (2048, 3, "q8_0", 1, 0)


async def test_a_request_with_a_window_of_its_own_still_wins(server: Server) -> None:
    await server.post("/hearth/kept", model="tiny", settings={"num_ctx": 1024})
    await server.lines("/api/chat", model="tiny", messages=HI)
    assert spec_of(server).n_ctx == 1024

    await server.lines("/api/chat", model="tiny", messages=HI, options={"num_ctx": 2048})

    assert spec_of(server).n_ctx == 2048


async def test_kept_settings_are_those_of_every_later_load(server: Server) -> None:
    await server.post("/hearth/kept", model="tiny", settings=SETTINGS)

    await server.lines("/api/generate", model="tiny", prompt="Hi")

    assert shape(spec_of(server)) == (2048, 3, "q8_0", 1, 0)
    contents = (await server.post("/hearth/contents", model="tiny")).json()
    assert contents["kept"] == SETTINGS


async def test_a_load_now_is_not_undone_by_what_is_kept(server: Server) -> None:
    await server.post("/hearth/kept", model="tiny", settings=SETTINGS)
    await server.post("/hearth/load", model="tiny", settings={"num_ctx": 1024, "num_parallel": 1})

    await server.lines("/api/chat", model="tiny", messages=HI)

    assert shape(spec_of(server)) == (1024, 1, "f16", None, None)


async def test_a_long_question_gets_the_window_that_is_kept(server: Server) -> None:
    await server.post("/hearth/kept", model="tiny", settings={"num_ctx": 4096})
    await server.post("/hearth/load", model="tiny", settings={"num_ctx": 1024})

    await server.lines("/api/chat", model="tiny", messages=LONG)

    assert spec_of(server).n_ctx == 4096


async def test_kept_settings_come_before_the_model_s_own_parameters(server: Server) -> None:
    parameters = {"num_ctx": 1024, "num_thread": 2}
    await server.lines("/api/create", model="small", **{"from": "tiny"}, parameters=parameters)
    await server.lines("/api/chat", model="small", messages=HI)
    assert (spec_of(server).n_ctx, spec_of(server).n_threads) == (1024, 2)

    await server.post("/hearth/kept", model="small", settings={"num_ctx": 512, "num_thread": 1})
    await server.lines("/api/chat", model="small", messages=HI, keep_alive=0)
    await until(lambda: not server.state.scheduler.seats())
    await server.lines("/api/chat", model="small", messages=HI)

    assert (spec_of(server).n_ctx, spec_of(server).n_threads) == (512, 1)


async def test_the_verdict_is_about_the_settings_that_are_kept(server: Server) -> None:
    await server.post("/hearth/kept", model="tiny", settings={"num_ctx": 1024, "num_parallel": 7})

    library = (await server.http.get("/hearth/library")).json()

    planned = next(model["fit"]["planned"] for model in library["models"] if model["name"] == "tiny:latest")
    assert (planned["context_length"], planned["n_slots"]) == (1024, 7)


async def test_the_forecast_follows_the_settings(server: Server) -> None:
    async def cache(**settings: Any) -> tuple[int, bool]:
        fit = (await server.post("/hearth/forecast", model="tiny", settings=settings)).json()
        return fit["planned"]["cache_bytes"], fit["best"] is None

    whole, fits = await cache(num_ctx=4096, num_parallel=2, kv_cache_type="f16")
    half, _ = await cache(num_ctx=2048, num_parallel=2, kv_cache_type="f16")
    small, _ = await cache(num_ctx=4096, num_parallel=2, kv_cache_type="q8_0")

    assert fits
    assert whole == 2 * half
    assert small == whole * 17 // 32


async def test_settings_that_do_not_fit_tell_which_would(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = (await server.post("/hearth/forecast", model="tiny", settings={"num_ctx": 4096})).json()["planned"]
    least = sum(planned[part] for part in ("weights_bytes", "cache_bytes", "work_bytes"))
    monkeypatch.setattr(server.state.scheduler, "_available_bytes", lambda pids: least)

    fit = (await server.post("/hearth/forecast", model="tiny", settings={"num_ctx": 4096, "num_parallel": 64})).json()
    response = await server.post("/hearth/load", model="tiny", settings={"num_ctx": 4096, "num_parallel": 64})

    assert fit["best"]["n_slots"] == 1
    assert response.status_code == 500
    assert "model requires more system memory" in response.json()["error"]
    assert server.state.scheduler.seats() == []


async def test_a_busy_model_is_loaded_anew_after_its_answer(server: Server) -> None:
    await server.lines("/api/chat", model="tiny", messages=HI)
    server.starter.of("tiny").gate.clear()
    answer = asyncio.create_task(server.lines("/api/chat", model="tiny", messages=HI))
    await until(lambda: server.state.scheduler.seats()[0].n_active == 1)

    load = asyncio.create_task(server.post("/hearth/load", model="tiny", settings=SETTINGS))
    await until(lambda: server.state.scheduler.n_waiting() == 1)
    assert server.starter.n_starts == 1
    server.starter.of("tiny").gate.set()

    assert (await answer)[-1]["done"]
    assert (await load).status_code == 200
    assert spec_of(server).n_slots == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_ctx": 0},
        {"num_ctx": 1.5},
        {"num_parallel": 257},
        {"num_thread": True},
        {"num_gpu": -1},
        {"kv_cache_type": "q5_0"},
        {"kv_cache_type": ["f16"]},
        {"temperature": 1},
        "all",
    ],
)
@pytest.mark.parametrize("route", ["forecast", "load", "kept"])
async def test_wrong_settings_are_refused(server: Server, route: str, wrong: object) -> None:
    response = await server.post(f"/hearth/{route}", model="tiny", settings=wrong)

    assert response.status_code == 400
    assert response.json()["error"]
    assert server.starter.n_starts == 0


@pytest.mark.parametrize("route", ["forecast", "load", "kept"])
async def test_a_cache_that_the_model_cannot_have_is_refused(server: Server, route: str) -> None:
    """llama.cpp refuses it too, but only when it loads."""
    build_tiny(server.models / "narrow.gguf")
    server.state.catalog.snapshot(fresh=True)

    response = await server.post(f"/hearth/{route}", model="narrow", settings={"kv_cache_type": "q8_0"})

    assert response.status_code == 400
    assert "heads of a multiple of 32 values, and those of this model have 16" in response.json()["error"]


@pytest.mark.parametrize("route", ["forecast", "load", "kept"])
async def test_a_model_that_is_not_there_is_told(server: Server, route: str) -> None:
    assert (await server.post(f"/hearth/{route}", model="nobody", settings={})).status_code == 404


async def test_an_embedder_takes_its_threads_alone(server: Server) -> None:
    response = await server.post("/hearth/load", model="embedder", settings=SETTINGS)

    assert response.status_code == 200
    assert (spec_of(server).n_threads, spec_of(server).kv_type) == (1, "f16")
    assert spec_of(server).n_slots > 3


async def test_what_is_kept_goes_with_the_model(server: Server) -> None:
    await server.post("/hearth/kept", model="tiny", settings=SETTINGS)

    await server.http.request("DELETE", "/api/delete", json={"model": "tiny"})

    assert server.state.kept.of(TINY) == LoadSettings()


def test_what_is_kept_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "models" / "load-settings.json"
    settings = parse_settings(SETTINGS)

    KeptSettings(path).keep(ModelName.parse("TINY:Latest"), settings)

    assert KeptSettings(path).of(TINY) == settings
    assert json.loads(path.read_text()) == {"tiny:latest": SETTINGS}


def test_settings_that_say_nothing_are_forgotten(tmp_path: Path) -> None:
    kept = KeptSettings(tmp_path / "kept.json")
    kept.keep(TINY, parse_settings(SETTINGS))
    kept.keep(TINY, LoadSettings())

    assert json.loads((tmp_path / "kept.json").read_text()) == {}


async def test_what_cannot_be_written_down_is_told_and_not_used(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = KeptSettings(tmp_path / "file" / "kept.json")
    server.state = replace(server.state, kept=kept)
    set_state(server.state)

    response = await server.post("/hearth/kept", model="tiny", settings=SETTINGS)

    assert response.status_code == 500
    assert response.json()["error"].startswith("the settings cannot be kept: ")
    assert kept.of(TINY) == LoadSettings()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"tiny:latest": 7}', '{"tiny:latest": {"num_ctx": "x"}}'])
def test_a_file_that_cannot_be_read_is_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept.json").write_text(text)

    assert KeptSettings(tmp_path / "kept.json").of(TINY) == LoadSettings()


def test_one_wrong_entry_does_not_cost_the_others(tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text('{"wrong:latest": {"num_ctx": -1}, "tiny:latest": {"num_ctx": 512}}')

    assert KeptSettings(tmp_path / "kept.json").of(TINY) == LoadSettings(num_ctx=512)


def test_wrong_parameters_of_a_stored_model_say_nothing() -> None:
    baked = {"num_ctx": "4096", "num_thread": True, "num_gpu": -1, "num_batch": 8, "stop": ["x"]}

    assert baked_settings(baked) == LoadSettings()
    assert settings_body(baked_settings(baked | {"num_ctx": 4096})) == {"num_ctx": 4096}


def test_a_model_s_own_window_is_planned_with() -> None:
    model = replace(make_model(), baked=Baked(options={"num_ctx": 2048}))

    assert Sizing().plan(model, Window(), 64 * GIGABYTE)[0].n_ctx == 2048
    assert Sizing().plan(model, Window(), 64 * GIGABYTE, LoadSettings(num_ctx=512))[0].n_ctx == 512


def test_names_of_settings_are_checked() -> None:
    with pytest.raises(InvalidRequest, match="known are num_ctx, num_parallel"):
        parse_settings({"n_ctx": 1})


@pytest.mark.model
def test_llama_cpp_is_loaded_as_the_settings_say(model_server: ModelServer) -> None:
    settings = {"num_ctx": 512, "num_parallel": 3, "kv_cache_type": "q8_0", "num_thread": 1}
    model_server.http.post("/hearth/load", json={"model": "scripted", "settings": settings}).raise_for_status()

    answer = model_server.http.post("/api/chat", json={"model": "scripted", "messages": HI, "stream": False}).json()

    (runner,) = [seat for seat in model_server.status()["models"] if seat["name"] == "scripted:latest"]
    assert (runner["context_length"], runner["n_slots"]) == (512, 3)
    assert answer["message"]["content"]
    model_server.http.post("/api/generate", json={"model": "scripted", "keep_alive": 0})


@pytest.mark.model
def test_a_server_that_was_started_again_still_loads_as_kept(tmp_path: Path, scripted_gguf: Path) -> None:
    (tmp_path / "models").mkdir()
    shutil.copy(scripted_gguf, tmp_path / "models" / "tiny.gguf")
    settings = {"num_ctx": 512, "num_parallel": 3, "kv_cache_type": "q8_0", "num_thread": 1}
    with ModelServer(tmp_path) as server:
        server.http.post("/hearth/kept", json={"model": "tiny", "settings": settings}).raise_for_status()

    with ModelServer(tmp_path) as server:
        question = {"model": "tiny", "messages": HI, "max_tokens": 2}
        server.http.post("/v1/chat/completions", json=question).raise_for_status()
        (runner,) = server.status()["models"]

    assert (runner["context_length"], runner["n_slots"]) == (512, 3)
