from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference.server.conf import ServerConfig
from inference.server.devices import no_gpu_reason
from inference.server.state import set_state
from inference.server.variables import VARIABLES, in_effect, without_effect
from tests.doubles.model_server import ModelServer
from tests.inference.server.conftest import Server

HI = [{"role": "user", "content": "a-very-secret-word"}]


def test_no_variable_is_told_twice() -> None:
    names = [variable.name for variable in VARIABLES]

    assert len(names) == len(set(names))


def test_what_was_given_is_told_and_secrets_are_not() -> None:
    environ = {"OLLAMA_KEEP_ALIVE": " 1h ", "HEARTH_API_KEY": "a-key-of-the-site"}

    told = {entry["name"]: entry for entry in in_effect(environ)}

    assert told["OLLAMA_KEEP_ALIVE"]["value"] == "1h"
    assert told["OLLAMA_MAX_QUEUE"]["value"] == ""
    assert told["OLLAMA_MAX_QUEUE"]["default"] == "512"
    assert told["HEARTH_API_KEY"]["value"] == "given"
    assert "a-key" not in str(told)


def test_a_variable_without_effect_is_named_with_the_reason_when_it_is_given() -> None:
    environ = {"OLLAMA_GPU_OVERHEAD": "1000000", "OLLAMA_VULKAN": "", "OLLAMA_KEEP_ALIVE": "5m"}

    (sentence,) = without_effect(environ)

    assert sentence.startswith("OLLAMA_GPU_OVERHEAD does nothing here: ")
    assert sentence in ServerConfig.from_environ(environ).notes


def test_a_variable_that_nobody_knows_is_told_but_not_what_it_holds() -> None:
    environ = {"OLLAMA_KEEP_ALIV": "a-secret", "OLLAMA_BASE_URLS": "http://x", "OLLAMA_API_KEY": "k", "PATH": "/bin"}

    told = {entry["name"]: entry for entry in in_effect(environ)}

    assert (told["OLLAMA_KEEP_ALIV"]["value"], told["OLLAMA_KEEP_ALIV"]["support"]) == ("given", "not supported")
    assert not {"OLLAMA_BASE_URLS", "OLLAMA_API_KEY", "PATH"} & set(told)
    (sentence,) = without_effect(environ)
    assert sentence == "OLLAMA_KEEP_ALIV does nothing here: This server knows no such variable."


# Source: ollama's envconfig/config.go, `AsMap`, and what features M054 to M064 name.
OLLAMAS = """
    DEBUG FLASH_ATTENTION KV_CACHE_TYPE GPU_OVERHEAD HOST KEEP_ALIVE LLM_LIBRARY LOAD_TIMEOUT MAX_LOADED_MODELS
    MAX_QUEUE MODELS NO_CLOUD NOHISTORY NOPRUNE NUM_PARALLEL ORIGINS SCHED_SPREAD MULTIUSER_CACHE CONTEXT_LENGTH
    EDITOR NEW_ENGINE REMOTES VULKAN PORT MAX_TRANSFER_STREAMS GO_TEMPLATE IGPU_ENABLE DEBUG_LOG_REQUESTS
"""


@pytest.mark.parametrize("name", OLLAMAS.split())
def test_each_variable_of_ollama_s_is_listed(name: str) -> None:
    assert f"OLLAMA_{name}" in {variable.name for variable in VARIABLES}


@pytest.mark.parametrize(
    ("environ", "can_offload", "has_driver", "words"),
    [
        ({}, False, True, "built without"),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, True, True, "CUDA_VISIBLE_DEVICES hides"),
        ({"CUDA_VISIBLE_DEVICES": ""}, True, True, "CUDA_VISIBLE_DEVICES hides"),
        ({"HIP_VISIBLE_DEVICES": "-1"}, True, True, "HIP_VISIBLE_DEVICES hides"),
        ({"CUDA_VISIBLE_DEVICES": "0"}, True, False, "no driver"),
        ({"CUDA_VISIBLE_DEVICES": "0"}, True, True, "finds no graphics card"),
    ],
)
def test_why_no_graphics_card_is_used(
    environ: dict[str, str], can_offload: bool, has_driver: bool, words: str, tmp_path: Path
) -> None:
    driver = tmp_path / "version"
    if has_driver:
        driver.touch()

    assert words in no_gpu_reason(environ, can_offload=can_offload, drivers=(driver,))


@pytest.mark.model
def test_the_server_tells_its_settings_and_devices(model_server: ModelServer) -> None:
    body = model_server.http.get("/hearth/settings").json()

    settings = {entry["name"]: entry for entry in body["settings"]}
    assert settings["OLLAMA_CONTEXT_LENGTH"]["value"] == "2048"
    assert settings["OLLAMA_GPU_OVERHEAD"]["support"] == "not supported"
    assert [device["type"] for device in body["devices"]] == ["cpu"]
    assert body["devices"][0]["memory_bytes"] > 10**8
    assert "built without" in body["no_gpu_reason"]


async def test_a_debug_log_tells_the_options_but_not_what_was_asked(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    lines = await logged(server, caplog, is_debug=True)

    assert "tiny:latest is asked with the options {'temperature': 0.5, 'stop': 1}" in lines
    assert "very-secret" not in lines


async def test_what_was_asked_is_logged_when_both_switches_are_on(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    assert "a-very-secret-word" in await logged(server, caplog, is_debug=True, logs_requests=True)


async def test_what_was_asked_is_not_logged_with_the_second_switch_alone(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    assert "very-secret" not in await logged(server, caplog, logs_requests=True)


async def logged(server: Server, caplog: pytest.LogCaptureFixture, **switches: Any) -> str:
    set_state(replace(server.state, config=replace(server.state.config, **switches)))
    with caplog.at_level(logging.DEBUG, logger="inference"):
        options = {"temperature": 0.5, "stop": ["very-secret-stop"]}
        await server.lines("/api/chat", model="tiny", messages=HI, options=options)
    return caplog.text


async def test_cache_type_and_flash_attention_reach_the_runner(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    sizing = replace(server.state.scheduler.sizing, kv_type="q8_0", flash_attention=True)
    monkeypatch.setattr(server.state.scheduler, "sizing", sizing)

    await server.lines("/api/chat", model="tiny", messages=HI)

    spec = server.starter.of("tiny").spec
    assert (spec.kv_type, spec.flash_attention) == ("q8_0", True)


@pytest.mark.model
def test_a_real_model_answers_with_a_small_cache(tmp_path: Path, scripted_gguf: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny.gguf").write_bytes(scripted_gguf.read_bytes())
    variables = {"OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_FLASH_ATTENTION": "1", "OLLAMA_CONTEXT_LENGTH": "512"}
    with ModelServer(tmp_path, **variables) as server:
        body = server.http.post("/api/chat", json={"model": "tiny", "messages": HI, "stream": False}).json()

    assert body["message"]["content"].startswith("Hello!")
