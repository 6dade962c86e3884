"""The real server with real llama.cpp runners: what only processes and sockets can show."""

from __future__ import annotations

import concurrent.futures
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import orjson
import psutil
import pytest

from inference.server.bodies import LARGE_BODY
from tests.doubles.model_server import ROOT, ModelServer, child_environ, seconds_until

pytestmark = pytest.mark.model

HI = [{"role": "user", "content": "Hi"}]
ANSWER = "Hello! I am a scripted test model; my answer is always this one."
SMALL = {"num_ctx": 512}
LEFT_S = 1.0
"""Until the slot of somebody who left is free again; 3 to 30 ms were measured on a busy machine."""
STOP_S = 1.0
"""What each core may still compute for somebody who has left; 0.05 s is usual, waiting threads included."""


def chat(server: ModelServer, model: str = "scripted", **body: Any) -> list[dict[str, Any]]:
    response = server.http.post("/api/chat", json={"model": model, "messages": HI, **body})
    return [json.loads(line) for line in response.text.splitlines()]


def text_of(lines: list[dict[str, Any]]) -> str:
    return "".join(line["message"]["content"] for line in lines)


def n_active(server: ModelServer, model: str) -> int:
    runner = server.runner(model)
    return runner["n_active"] if runner is not None else 0


def test_a_real_model_answers(model_server: ModelServer) -> None:
    lines = chat(model_server)

    assert text_of(lines) == ANSWER
    assert lines[-1]["done_reason"] == "stop"
    assert lines[-1]["eval_count"] > 5
    assert lines[-1]["eval_duration"] > 0


def test_ollama_s_own_client_is_served(model_server: ModelServer) -> None:
    with ollama.Client(host=model_server.url, trust_env=False) as client:
        check_client(client)


def check_client(client: ollama.Client) -> None:
    assert "scripted:latest" in [model.model for model in client.list().models]
    assert client.show("scripted").capabilities == ["completion"]
    assert "".join(part.message.content or "" for part in client.chat("scripted", messages=HI, stream=True)) == ANSWER
    assert client.generate("scripted", "Hi").response == ANSWER
    assert len(client.embed("embedding", ["a", "b"]).embeddings) == 2
    assert {model.name for model in client.ps().models} >= {"scripted:latest", "embedding:latest"}
    with pytest.raises(ollama.ResponseError, match="model 'nobody' not found"):
        client.chat("nobody", messages=HI)


def cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_in_the_middle_of_an_answer_stops_the_decode_at_once(model_server: ModelServer, stream: bool) -> None:
    chat(model_server, "slow", options={"num_predict": 1})
    runner = model_server.runner("slow:latest")
    assert runner is not None
    body = orjson.dumps({"model": "slow", "messages": HI, "stream": stream, "options": {"num_predict": 1500}})
    with socket.create_connection(("127.0.0.1", int(model_server.url.rpartition(":")[2]))) as client:
        client.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        before = cpu_s(runner["pid"])
        seconds_until(lambda: cpu_s(runner["pid"]) > before + 0.2)
        assert n_active(model_server, "slow:latest") == 1

    left = cpu_s(runner["pid"])
    took_s = seconds_until(lambda: n_active(model_server, "slow:latest") == 0)
    # The next request follows the cancel through one pipe: once it is answered, nothing is computed for nobody.
    chat(model_server, "slow", options={"num_predict": 1})
    computed_s = cpu_s(runner["pid"]) - left

    assert took_s < LEFT_S
    assert computed_s < STOP_S * len(os.sched_getaffinity(0))


def test_unloading_ends_the_process(model_server: ModelServer) -> None:
    chat(model_server)
    runner = model_server.runner("scripted:latest")
    assert runner is not None

    answer = model_server.http.post("/api/generate", json={"model": "scripted", "keep_alive": 0}).json()

    assert answer["done_reason"] == "unload"
    assert not psutil.pid_exists(runner["pid"])
    assert model_server.runner("scripted:latest") is None


def test_a_killed_runner_fails_its_answer_readably_and_the_next_one_works(model_server: ModelServer) -> None:
    body = {"model": "slow", "messages": HI, "options": {"num_predict": 1500}}
    with httpx.stream("POST", f"{model_server.url}/api/chat", json=body, timeout=60, trust_env=False) as response:
        lines = response.iter_lines()
        next(lines)
        runner = model_server.runner("slow:latest")
        assert runner is not None
        os.kill(runner["pid"], signal.SIGKILL)
        last = json.loads(list(lines)[-1])

    assert last["code"] == "runner_died"
    assert "model runner has unexpectedly stopped" in last["error"]
    again = chat(model_server, "slow", options={"num_predict": 3})
    assert again[-1]["eval_count"] == 3


def test_two_answers_of_one_model_run_at_the_same_time(model_server: ModelServer) -> None:
    chat(model_server, "slow", options={"num_predict": 1})
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = [pool.submit(chat, model_server, "slow", options={"num_predict": 100}) for _ in range(2)]
        seconds_until(lambda: n_active(model_server, "slow:latest") == 2)

        assert {answer.result()[-1]["eval_count"] for answer in answers} == {100}
    assert len([model for model in model_server.status()["models"] if model["name"] == "slow:latest"]) == 1


def test_a_body_that_grows_too_large_is_cut_off_while_it_arrives(model_server: ModelServer) -> None:
    host, port = model_server.url.removeprefix("http://").split(":")
    head = f"POST /api/chat HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {LARGE_BODY + 1}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(1000)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"request body too large" in answer


def test_a_rebound_name_is_refused(model_server: ModelServer) -> None:
    assert model_server.http.get("/api/tags", headers={"Host": "evil.example"}).status_code == 403


def test_no_prompt_reaches_the_log(model_server: ModelServer) -> None:
    chat(model_server, messages=[{"role": "user", "content": "a-very-secret-word"}])

    seconds_until(lambda: any("POST /api/chat 200" in line for line in model_server.log))
    assert not any("a-very-secret-word" in line for line in model_server.log)


def test_ending_it_in_the_middle_of_an_answer_leaves_no_process(tmp_path: Path, slow_gguf: Path) -> None:
    (tmp_path / "models").mkdir()
    shutil.copy(slow_gguf, tmp_path / "models" / "slow.gguf")
    with ModelServer(tmp_path) as server:
        body = {"model": "slow", "messages": HI, "options": {**SMALL, "num_predict": 400}}
        with httpx.stream("POST", f"{server.url}/api/chat", json=body, timeout=60, trust_env=False) as response:
            lines = response.iter_lines()
            next(lines)
            children = server.children()
            assert children

            assert server.stop() == 0
        assert psutil.wait_procs(children, timeout=2)[1] == []


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def run_serve(data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inference.server"],
        cwd=ROOT,
        env=child_environ(data, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_port_in_use_is_one_sentence(tmp_path: Path, taken_port: int) -> None:
    ended = run_serve(tmp_path, OLLAMA_HOST=f"127.0.0.1:{taken_port}")

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Port {taken_port} is already in use on 127.0.0.1")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "variables",
    [
        {"OLLAMA_KEEP_ALIVE": "soon"},
        {"OLLAMA_HOST": "192.0.2.1:0"},
        {"HEARTH_DATA": "/proc/nowhere"},
        {"OLLAMA_HOST": "0.0.0.0:0"},
    ],
)
def test_a_start_that_cannot_be_is_one_sentence(tmp_path: Path, variables: dict[str, str]) -> None:
    ended = run_serve(tmp_path, **variables)

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "Traceback" not in ended.stderr
