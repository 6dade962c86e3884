"""Blobs over real sockets: larger than any other body may be, and never in the server's memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import ollama
import psutil
import pytest

from inference.server.bodies import LARGE_BODY
from tests.doubles.gguf_lora import build_lora
from tests.doubles.model_server import ModelServer, seconds_until
from tests.inference.library.stores import digest_of

pytestmark = pytest.mark.model

HI = [{"role": "user", "content": "Hi"}]
ANSWER = "Hello! I am a scripted test model; my answer is always this one."
MB = 1024 * 1024
LARGE = LARGE_BODY + 16 * MB


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    with ModelServer(tmp_path_factory.mktemp("blobs"), OLLAMA_CONTEXT_LENGTH="1024", OLLAMA_NUM_PARALLEL="1") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ModelServer) -> Iterator[ollama.Client]:
    with ollama.Client(host=server.url, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def plain(client: ollama.Client, scripted_gguf: Path) -> str:
    client.create("plain", files={"a.gguf": client.create_blob(scripted_gguf)})
    return "plain"


def blobs_of(server: ModelServer) -> Path:
    return server.models / "store" / "blobs"


def blob(server: ModelServer, digest: str) -> Path:
    return blobs_of(server) / digest.replace(":", "-")


def unfinished(server: ModelServer) -> list[Path]:
    return list(blobs_of(server).glob("unfinished-*"))


def pieces(n_bytes: int) -> Iterator[bytes]:
    for number in range(n_bytes // MB):
        yield number.to_bytes(8, "little") * (MB // 8)


def digest_of_pieces(n_bytes: int) -> str:
    found = hashlib.sha256()
    for piece in pieces(n_bytes):
        found.update(piece)
    return f"sha256:{found.hexdigest()}"


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_blob_may_be_larger_than_any_other_body(server: ModelServer, tells_length: bool) -> None:
    size = LARGE + (0 if tells_length else MB)
    digest = digest_of_pieces(size)
    before = psutil.Process(server.process.pid).memory_info().rss

    response = server.http.post(
        f"/api/blobs/{digest}", content=pieces(size), headers={"Content-Length": str(size)} if tells_length else {}
    )
    grown = psutil.Process(server.process.pid).memory_info().rss - before

    assert response.status_code == 201
    assert server.http.head(f"/api/blobs/{digest}").status_code == 200
    assert blob(server, digest).stat().st_size == size
    assert grown < 24 * MB
    assert unfinished(server) == []
    blob(server, digest).unlink()


def test_another_content_than_announced_is_refused_and_not_kept(server: ModelServer) -> None:
    wanted, got = digest_of(b"wanted"), digest_of(b"something else")

    response = server.http.post(f"/api/blobs/{wanted}", content=b"something else")

    assert response.status_code == 400
    assert response.json()["error"] == f'digest mismatch, expected "{wanted}", got "{got}"'
    assert not blob(server, wanted).exists()
    seconds_until(lambda: unfinished(server) == [])


def test_a_blob_that_is_here_is_not_written_again(server: ModelServer) -> None:
    digest = digest_of(b"twice")
    first = server.http.post(f"/api/blobs/{digest}", content=b"twice")
    written = blob(server, digest).stat().st_mtime_ns

    second = server.http.post(f"/api/blobs/{digest}", content=b"twice")

    assert (first.status_code, second.status_code) == (201, 200)
    assert blob(server, digest).stat().st_mtime_ns == written


def test_an_empty_blob_is_taken(server: ModelServer) -> None:
    assert server.http.post(f"/api/blobs/{digest_of(b'')}").status_code == 201


def opened(server: ModelServer, path: str, length: int, *headers: str) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    given = [f"Content-Length: {length}", *(headers or (f"Host: {host}:{port}",))]
    connection = socket.create_connection((host, int(port)), timeout=20)
    connection.sendall("\r\n".join([f"POST {path} HTTP/1.1", *given, "", ""]).encode())
    return connection


@pytest.mark.parametrize(
    ("path", "headers", "status", "words"),
    [
        ("/api/blobs/sha256:..%2f..%2fetc%2fpasswd", (), 400, b"invalid digest format"),
        ("/api/blobs/../../etc/passwd", (), 400, b"invalid digest format"),
        ("/api/blobs/", (), 400, b"invalid digest format"),
        (f"/api/blobs/{digest_of(b'x')}", ("Host: evil.example",), 403, b"this Host is not served"),
        (
            f"/api/blobs/{digest_of(b'x')}",
            ("Host: localhost", "Origin: https://evil.example"),
            403,
            b"this Origin is not allowed",
        ),
        (f"/api/blobs/{digest_of(b'x')}", ("Host: localhost",), 507, b"not enough disk space"),
    ],
)
def test_what_cannot_be_taken_is_refused_before_it_is_sent(
    server: ModelServer, path: str, headers: tuple[str, ...], status: int, words: bytes
) -> None:
    began = time.monotonic()
    with opened(server, path, 10**15, *headers) as connection:
        connection.sendall(bytes(MB))  # Whoever is in the middle of sending must still be able to read the answer.
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert words in answer
    assert time.monotonic() - began < 4
    assert unfinished(server) == []


def test_without_a_key_nothing_is_kept_where_keys_are_needed(tmp_path: Path) -> None:
    digest = digest_of(b"x")
    with ModelServer(tmp_path, HEARTH_API_KEY="k" * 32) as server:
        with opened(server, f"/api/blobs/{digest}", 10 * MB, "Host: localhost") as connection:
            connection.sendall(bytes(MB))
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        keyed = server.http.post(f"/api/blobs/{digest}", content=b"x", headers={"authorization": f"Bearer {'k' * 32}"})

        assert answer.startswith(b"HTTP/1.1 401 ")
        assert keyed.status_code == 201


def test_who_leaves_in_the_middle_leaves_nothing(server: ModelServer) -> None:
    digest = digest_of(b"never whole")
    with opened(server, f"/api/blobs/{digest}", 50 * MB) as connection:
        connection.sendall(bytes(5 * MB))
        seconds_until(lambda: any(path.stat().st_size for path in unfinished(server)))

    seconds_until(lambda: unfinished(server) == [])
    assert not blob(server, digest).exists()


def test_a_killed_server_leaves_every_model_whole_and_cleans_up(tmp_path: Path, scripted_gguf: Path) -> None:
    with ModelServer(tmp_path) as server:
        with ollama.Client(host=server.url, trust_env=False) as client:
            client.create_blob(scripted_gguf)
        made = {"model": "kept", "files": {"a.gguf": digest_of(scripted_gguf.read_bytes())}, "stream": False}
        assert server.http.post("/api/create", json=made).json() == {"status": "success"}
        with opened(server, f"/api/blobs/{digest_of(b'never whole')}", 50 * MB) as connection:
            connection.sendall(bytes(5 * MB))
            seconds_until(lambda: any(path.stat().st_size for path in unfinished(server)))
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait(10)
    assert unfinished(server) != []

    with ModelServer(tmp_path) as server:
        assert unfinished(server) == []
        assert [model["name"] for model in server.http.get("/api/tags").json()["models"] if "kept" in model["name"]]
        assert "kept" not in str(server.status()["broken"])


def test_ollama_s_own_client_makes_copies_and_deletes_models(
    server: ModelServer, client: ollama.Client, scripted_gguf: Path
) -> None:
    digest = client.create_blob(scripted_gguf)
    assert digest == digest_of(scripted_gguf.read_bytes())
    made = client.create("base", files={"scripted.gguf": digest}, license="MIT")
    steps = list(
        client.create(
            "mario",
            from_="base",
            system="You are Mario from Super Mario Bros.",
            parameters={"temperature": 1, "num_predict": 50, "stop": ["<|im_end|>"]},
            messages=[{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "It's me!"}],
            license=["Apache"],
            stream=True,
        )
    )
    shown = client.show("mario")
    answer = client.chat("mario", messages=HI)
    copied, deleted = client.copy("mario", "luigi"), client.delete("mario")

    assert made.status == "success"
    assert [step.status for step in steps][-2:] == ["writing manifest", "success"]
    assert (shown.license, shown.details and shown.details.parent_model) == ("MIT\nApache", "base:latest")
    assert "SYSTEM You are Mario from Super Mario Bros." in (shown.modelfile or "")
    assert "PARAMETER stop <|im_end|>" in (shown.modelfile or "")
    assert shown.modelinfo
    assert answer.message.content == ANSWER
    assert (copied.status, deleted.status) == ("success", "success")
    assert client.chat("luigi", messages=HI).message.content == ANSWER
    with pytest.raises(ollama.ResponseError, match="model 'mario' not found"):
        client.show("mario")
    with pytest.raises(ollama.ResponseError, match="not found"):
        client.create("x", files={"a.gguf": digest_of(b"never sent")})
    with pytest.raises(ollama.ResponseError, match="llama-quantize") as caught:
        client.create("x", from_="base", quantize="q4_K_M")
    assert caught.value.status_code == 501


def test_what_is_baked_is_in_the_prompt_to_the_last_token(client: ollama.Client, plain: str) -> None:
    system, said = "You are Mario from super mario bros.", "It's me, Mario!"
    client.create("baked", from_=plain, system=system, messages=[{"role": "assistant", "content": said}])

    bare, baked = (client.chat(model, messages=HI).prompt_eval_count for model in (plain, "baked"))

    # Each byte is one token in that vocabulary, and so is each of the two marks around a message.
    turns = (("system", system), ("assistant", said))
    expected = sum(len(f"{role}\n{content}\n".encode()) + 2 for role, content in turns)
    assert bare is not None
    assert baked == bare + expected


def test_an_adapter_changes_what_a_model_says(client: ollama.Client, tiny_gguf: Path, tmp_path: Path) -> None:
    adapter = client.create_blob(build_lora(tmp_path / "lora.gguf"))
    client.create("noise", files={"a.gguf": client.create_blob(tiny_gguf)}, parameters={"num_predict": 8, "top_k": 1})
    client.create("shaken", from_="noise", adapters={"lora.gguf": adapter})

    before, after = (client.chat(model, messages=HI).message.content for model in ("noise", "shaken"))

    assert before != after


def test_a_created_model_stops_where_it_was_told_to(client: ollama.Client, plain: str) -> None:
    client.create("short", from_=plain, parameters={"stop": ["scripted"]})

    assert client.chat("short", messages=HI).message.content == ANSWER.partition("scripted")[0]


def test_many_make_and_delete_at_the_same_time(server: ModelServer, client: ollama.Client, plain: str) -> None:
    async def work() -> list[int]:
        async with httpx.AsyncClient(base_url=server.url, timeout=60, trust_env=False) as http:

            async def turn(number: int) -> int:
                body = {"model": f"many:{number % 2}", "from": plain, "system": "shared", "stream": False}
                created = await http.post("/api/create", json=body)
                gone = await http.request("DELETE", "/api/delete", json={"model": body["model"]})
                return max(created.status_code, 200 if gone.status_code == 404 else gone.status_code)

            return list(await asyncio.gather(*map(turn, range(12))))

    assert set(asyncio.run(work())) == {200}, server.log
    assert "many" not in str(server.status()["broken"])
    assert client.chat(plain, messages=HI).message.content == ANSWER
