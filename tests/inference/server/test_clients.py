"""Clients that misbehave on real sockets, beside others who must not notice."""

from __future__ import annotations

import contextlib
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import psutil
import pytest

from tests.doubles import gguf_files
from tests.doubles.model_server import ModelServer, seconds_until

pytestmark = pytest.mark.model

HI = [{"role": "user", "content": "Hi"}]
N_SILENT = 1000
PIECE_BYTES = 50_000
IDLE_S = 3.0
STALL_S = 1.5
N_PIECES = 200
HURRY = (
    "from inference.server import patience; "
    f"patience.IDLE_S = {IDLE_S}; patience.STALL_S = {STALL_S}; "
    "patience.MAX_CONNECTIONS = {max_connections}; "
    "from inference.server.process import main; main()"
)


def hurried(data: Path, path: Path, *, max_connections: int) -> ModelServer:
    """Return a server with little patience that offers one model."""
    (data / "models").mkdir()
    shutil.copy(path, data / "models" / "model.gguf")
    command = ("-c", HURRY.format(max_connections=max_connections))
    return ModelServer(data, command=command, OLLAMA_CONTEXT_LENGTH="4096", OLLAMA_NUM_PARALLEL="1")


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """A server whose model fills every buffer in a few steps: its tokens are long."""
    folder = tmp_path_factory.mktemp("impatient")
    pieces = [bytes([letter]) * PIECE_BYTES for letter in range(ord("A"), ord("Z"))]
    model = gguf_files.build_scripted(folder / "long.gguf", pieces=pieces, endless=True)
    with hurried(folder, model, max_connections=4096) as server:
        yield server


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open as many sockets as the test needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, N_SILENT + 200), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def address(server: ModelServer) -> tuple[str, int]:
    return "127.0.0.1", int(server.url.rpartition(":")[2])


def chat(server: ModelServer, n_tokens: int) -> float:
    """Ask for so many tokens and return the seconds until the answer was whole."""
    began = time.monotonic()
    body = {"model": "model", "messages": HI, "stream": False, "options": {"num_predict": n_tokens}}
    answer = server.http.post("/api/chat", json=body)
    assert answer.json()["eval_count"] == n_tokens
    return time.monotonic() - began


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_a_thousand_silent_connections_disturb_nobody_and_are_closed(impatient: ModelServer, many_files: None) -> None:
    chat(impatient, 1)
    alone_s = chat(impatient, 20)
    rss = psutil.Process(impatient.process.pid).memory_info().rss
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(address(impatient))) for _ in range(N_SILENT)]
        silent[0].sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n")
        silent[1].sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
        for connection in silent:
            connection.setblocking(False)

        beside_s = chat(impatient, 20)
        grown = psutil.Process(impatient.process.pid).memory_info().rss - rss
        closed_s = seconds_until(lambda: all(map(is_closed, silent)), timeout_s=IDLE_S + 10)

    assert beside_s < 3 * alone_s + 1
    assert grown < 100 * 10**6
    assert closed_s < IDLE_S + 5


def test_a_client_that_does_not_read_costs_little_disturbs_nobody_and_is_given_up(impatient: ModelServer) -> None:
    """The model has one slot, and the answer that nobody reads would have a hundred megabytes."""
    chat(impatient, 1)
    alone_s = chat(impatient, 20)
    family = [psutil.Process(impatient.process.pid), *psutil.Process(impatient.process.pid).children(recursive=True)]
    body = orjson.dumps({"model": "model", "messages": HI, "options": {"num_predict": 10 * N_PIECES}})
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(address(impatient))
        before = sum(process.memory_info().rss for process in family)
        deaf.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        seconds_until(lambda: n_active(impatient) == 1)
        beside_s = chat(impatient, 20)
        assert n_active(impatient) == 1

        cpu_s = sum(sum(process.cpu_times()[:2]) for process in family)
        resting_s = seconds_until(lambda: n_active(impatient) == 0, timeout_s=STALL_S + 30)
        cpu_s = sum(sum(process.cpu_times()[:2]) for process in family) - cpu_s
        grown = sum(process.memory_info().rss for process in family) - before

    assert beside_s < 3 * alone_s + 1
    assert grown < 0.6 * N_PIECES * PIECE_BYTES
    assert cpu_s < 0.7 * resting_s
    assert chat(impatient, 5) < 10
    assert any("reads nothing of its answer" in line for line in impatient.log)


def test_a_client_that_reads_slowly_gets_all_of_its_answer(impatient: ModelServer) -> None:
    """Longer than the patience with one that reads nothing at all."""
    body = {"model": "model", "messages": HI, "options": {"num_predict": N_PIECES}}
    began = time.monotonic()
    received = bytearray()
    with httpx.stream("POST", f"{impatient.url}/api/chat", json=body, timeout=60, trust_env=False) as response:
        for piece in response.iter_raw(64 * 1024):
            received += piece
            if time.monotonic() - began < 2 * STALL_S:
                time.sleep(0.2)

    assert orjson.loads(received.splitlines()[-1])["eval_count"] == N_PIECES


def test_more_connections_than_there_may_be_push_out_the_oldest_idle_ones(tmp_path: Path, slow_gguf: Path) -> None:
    with hurried(tmp_path, slow_gguf, max_connections=20) as server, contextlib.ExitStack() as stack:
        body = {"model": "model", "messages": HI, "options": {"num_predict": 20}}
        answer = stack.enter_context(
            httpx.stream("POST", f"{server.url}/api/chat", json=body, timeout=60, trust_env=False)
        )
        silent = [stack.enter_context(socket.create_connection(address(server))) for _ in range(30)]
        for connection in silent:
            connection.setblocking(False)

        seconds_until(lambda: sum(map(is_closed, silent)) >= 10)
        assert httpx.get(server.url, trust_env=False).text == "Ollama is running"
        assert is_closed(silent[0])
        assert orjson.loads(list(answer.iter_lines())[-1])["eval_count"] == 20


def test_single_quotes_are_a_readable_400(impatient: ModelServer) -> None:
    answer = impatient.http.post("/api/chat", content=b"{'model': 'model', 'messages': []}")

    assert answer.status_code == 400
    assert "double quotes" in answer.json()["error"]


def n_active(server: ModelServer) -> int:
    runner = server.runner("model:latest")
    return runner["n_active"] if runner is not None else 0
