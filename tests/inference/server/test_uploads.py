"""Uploads over the server's routes, and through the client that the web process uses; also across a kill -9."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from inference import client
from inference.errors import UpstreamRefused
from inference.types import UPLOAD_CHUNK_BYTES
from tests.doubles import gguf_files
from tests.doubles.model_server import ModelServer
from tests.inference.server.conftest import Server


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def chunks_of(data: bytes) -> list[bytes]:
    return [data[start : start + UPLOAD_CHUNK_BYTES] for start in range(0, len(data), UPLOAD_CHUNK_BYTES)]


def root_of(data: bytes) -> bytes:
    return sha256(b"".join(map(sha256, chunks_of(data))))


async def put(server: Server, path: str, data: bytes, digest: bytes | None = None) -> httpx.Response:
    header = {} if digest is None else {"Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:"}
    return await server.http.put(path, content=data, headers=header)


async def test_a_file_is_uploaded_and_becomes_a_model(server: Server, scripted_gguf: Path) -> None:
    data = scripted_gguf.read_bytes()
    begun = await server.post("/hearth/uploads", name="Scripted.gguf", size_bytes=len(data), modified_ms=5)
    route = f"/hearth/uploads/{begun.json()['id']}"
    assert begun.json()["digests"] == [""] * len(chunks_of(data))

    for index, chunk in enumerate(chunks_of(data)):
        assert (await put(server, f"{route}/chunks/{index}", chunk, sha256(chunk))).status_code == 200
    listed = (await server.http.get("/hearth/uploads")).json()["uploads"]
    finished = await server.post(f"{route}/finish", digest=root_of(data).hex())

    assert [(upload["name"], upload["received_bytes"]) for upload in listed] == [("Scripted.gguf", len(data))]
    assert finished.json()["is_finished"]
    assert finished.json()["sha256"] == hashlib.sha256(data).hexdigest()
    assert [model["name"] for model in finished.json()["models"]] == ["scripted:latest"]
    assert "scripted:latest" in [model["name"] for model in (await server.http.get("/api/tags")).json()["models"]]


async def test_chunks_without_a_usable_digest_are_refused(server: Server) -> None:
    begun = await server.post("/hearth/uploads", name="x.gguf", size_bytes=4, modified_ms=0)
    route = f"/hearth/uploads/{begun.json()['id']}/chunks/0"

    without = await put(server, route, b"GGUF")
    damaged = await put(server, route, b"GGUF", sha256(b"GGUX"))
    large = await put(server, route, bytes(UPLOAD_CHUNK_BYTES + 1), sha256(b""))

    assert (without.status_code, damaged.status_code, large.status_code) == (400, 422, 413)
    assert damaged.json()["error"] == "chunk 0 arrived damaged; send it again"


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "x.gguf"}, {"name": "x.gguf", "size_bytes": "9", "modified_ms": 0}, {"name": 7, "size_bytes": 9}],
    ids=str,
)
async def test_a_beginning_without_its_facts_is_refused(server: Server, body: dict[str, object]) -> None:
    assert (await server.post("/hearth/uploads", **body)).status_code == 400


async def test_an_upload_that_nobody_began_does_not_exist(server: Server) -> None:
    route = "/hearth/uploads/00000000-0000-0000-0000-000000000007"

    assert (await put(server, f"{route}/chunks/0", b"GGUF", sha256(b"GGUF"))).status_code == 404
    assert (await server.post(f"{route}/finish", digest="00")).status_code == 404
    assert (await server.http.delete(route)).status_code == 404
    assert (await server.post(f"{route}/finish", digest="no hex")).status_code == 400


async def test_an_upload_survives_a_kill_of_the_server(tmp_path: Path, settings: Settings) -> None:
    """Through the client that the web process uses; the second server goes on with what the first one had."""
    path = gguf_files.build_tiny(tmp_path / "large.gguf")
    data = path.read_bytes()
    assert len(data) < UPLOAD_CHUNK_BYTES
    # Bytes after the last tensor are no fault, and make it a file of several chunks.
    data += bytes(2 * UPLOAD_CHUNK_BYTES)
    chunks = chunks_of(data)
    facts = ("large.gguf", len(data), 1_700_000_000_000)
    try:
        with ModelServer(tmp_path / "data") as first:
            settings.HEARTH_INFERENCE_URL = first.url
            upload = await client.begin_upload(*facts)
            await client.send_chunk(upload.id, 1, chunks[1], sha256(chunks[1]))
            os.kill(first.process.pid, signal.SIGKILL)
            first.process.wait()

        with ModelServer(tmp_path / "data") as second:
            settings.HEARTH_INFERENCE_URL = second.url
            again = await client.begin_upload(*facts)
            assert (again.id, again.received_bytes) == (upload.id, UPLOAD_CHUNK_BYTES)
            assert again.digests == ("", sha256(chunks[1]).hex(), "")
            with pytest.raises(UpstreamRefused, match="2 chunks are missing"):
                await client.finish_upload(upload.id, root_of(data))
            for index in (0, 2):
                await client.send_chunk(upload.id, index, chunks[index], sha256(chunks[index]))
            while not (check := await client.finish_upload(upload.id, root_of(data))).is_finished:
                pass
            assert check.models == ("large:latest",)
            assert await client.uploads() == ()
    finally:
        await client.aclose()
