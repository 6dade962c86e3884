"""Embeddings over the socket in the data folder: the server's end and the client's, on real sockets."""

from __future__ import annotations

import asyncio
import shutil
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from inference.connections import nearby
from inference.errors import UpstreamRefused
from inference.nearby import socket_path, socket_path_for
from inference.server.nearby import serve_nearby
from tests.doubles.model_server import ModelServer
from tests.inference.server.conftest import Server, until

EMBEDDER = "embedder"


@pytest.fixture
async def socket(server: Server, tmp_path: Path) -> AsyncIterator[Path]:
    """The socket of a server that offers `embedder`."""
    path = tmp_path / "x.sock"
    serving = asyncio.create_task(serve_nearby(path))
    await until(path.exists)
    yield path
    serving.cancel()
    await asyncio.wait((serving,))
    assert not path.exists()


async def test_a_question_gets_its_vector(socket: Path) -> None:
    vectors = await nearby.embed(socket, EMBEDDER, ["Hi"])

    assert vectors is not None
    assert vectors.tolist() == [[0.5, 0.5, 0.5, 0.5]]


async def test_questions_at_the_same_time_get_their_own_vectors(socket: Path, server: Server) -> None:
    found = await asyncio.gather(*(nearby.embed(socket, EMBEDDER, ["Hi"] * n) for n in (1, 2, 3)))

    assert [len(vectors) for vectors in found if vectors is not None] == [1, 2, 3]


async def test_a_second_question_takes_the_same_connection(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await nearby.embed(socket, EMBEDDER, ["Hi"])

    monkeypatch.delattr(asyncio, "open_unix_connection")

    assert await nearby.embed(socket, EMBEDDER, ["Again"]) is not None


@pytest.mark.parametrize(("model", "status"), [("nobody", 404), ("", 400), ("../../etc/passwd", 400)])
async def test_what_http_refuses_is_refused(socket: Path, model: str, status: int) -> None:
    with pytest.raises(UpstreamRefused) as refused:
        await nearby.embed(socket, model, ["Hi"])

    assert refused.value.status == status
    assert await nearby.embed(socket, EMBEDDER, ["Hi"]) is not None


async def test_only_its_owner_can_open_it(socket: Path) -> None:
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600


async def test_who_leaves_ends_what_was_begun(socket: Path, server: Server) -> None:
    await nearby.embed(socket, EMBEDDER, ["Hi"])
    runner = server.starter.of(EMBEDDER)
    runner.gate.clear()
    asking = asyncio.create_task(nearby.embed(socket, EMBEDDER, ["Never mind"]))
    await until(lambda: runner.n_active == 1)

    asking.cancel()

    await until(lambda: runner.n_active == 0)


async def test_without_a_server_http_is_left(tmp_path: Path) -> None:
    assert await nearby.embed(tmp_path / "nobody.sock", EMBEDDER, ["Hi"]) is None


async def test_what_another_server_has_left_is_no_hindrance(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    path.write_text("left by a server that was killed")
    serving = asyncio.create_task(serve_nearby(path))
    await until(path.is_socket)

    assert await nearby.embed(path, EMBEDDER, ["Hi"]) is not None
    serving.cancel()


async def test_a_path_that_is_too_long_for_a_socket_stops_nothing(server: Server, tmp_path: Path) -> None:
    await serve_nearby(tmp_path / ("long" * 40))


async def test_who_speaks_another_protocol_is_hung_up_on(socket: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(socket)

    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert await reader.read() == b""
    writer.close()


async def test_a_server_answers_there_while_it_runs(tmp_path: Path, embedding_gguf: Path) -> None:
    (tmp_path / "models").mkdir()
    shutil.copy(embedding_gguf, tmp_path / "models" / "embedder.gguf")
    with ModelServer(tmp_path) as running:
        path = socket_path_for(running.url, tmp_path)
        assert path is not None
        over_http = running.http.post("/api/embed", json={"model": EMBEDDER, "input": ["Hi"]}).json()["embeddings"]

        vectors = await nearby.embed(path, EMBEDDER, ["Hi"])

        assert vectors is not None
        assert np.allclose(vectors, over_http, atol=1e-6)
    assert not path.exists()
    assert await nearby.embed(path, EMBEDDER, ["Hi"]) is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:11434", "http://localhost:11434/", "http://[::1]:11434"])
def test_a_server_of_this_machine_has_one(url: str, tmp_path: Path) -> None:
    assert socket_path_for(url, tmp_path) == socket_path(tmp_path, 11434)


@pytest.mark.parametrize(
    "url", ["http://inference:11434", "http://10.0.0.7:11434", "http://localhost", "http://127.0.0.1.example.org:1"]
)
def test_a_server_elsewhere_has_none(url: str, tmp_path: Path) -> None:
    assert socket_path_for(url, tmp_path) is None
