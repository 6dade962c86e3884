"""Model files from a browser, against the real model server."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from inference.types import UPLOAD_CHUNK_BYTES
from tests.doubles import gguf_files
from tests.doubles.model_server import ModelServer
from webui.config.body_limit import ENVELOPE_BYTES, MEGABYTE, body_limit, largest_body_bytes
from webui.gateway.bodies import MAX_BODY_BYTES

UPLOADS = "/administration/models/uploads/"
NOBODY = uuid.UUID(int=7)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    with ModelServer(tmp_path_factory.mktemp("uploads") / "data") as running:
        yield running


@pytest.fixture(autouse=True)
def _built_in(server: ModelServer, settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = server.url


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def begin(browser: Client, name: str, data: bytes) -> HttpResponse:
    return browser.post(f"{UPLOADS}begin/", {"name": name, "size": len(data), "modified": 5})


def send(browser: Client, upload: str, index: int, data: bytes, digest: str | None = None) -> HttpResponse:
    return browser.post(
        f"{UPLOADS}{upload}/chunks/{index}/",
        data,
        content_type="application/octet-stream",
        headers={"Chunk-SHA256": sha256(data) if digest is None else digest},
    )


def test_a_file_is_taken_and_becomes_a_model(root_client: Client, server: ModelServer, tmp_path: Path) -> None:
    data = gguf_files.build_tiny(tmp_path / "x.gguf").read_bytes()
    begun = begin(root_client, "Uploaded.gguf", data).json()

    assert send(root_client, begun["id"], 0, data).json() == {}
    assert "Uploaded.gguf" in root_client.get(UPLOADS).content.decode()
    root = hashlib.sha256(bytes.fromhex(sha256(data))).hexdigest()
    finished = root_client.post(f"{UPLOADS}{begun['id']}/finish/", {"digest": root}).json()

    assert finished == {
        "is_finished": True,
        "checked_bytes": len(data),
        "sha256": sha256(data),
        "models": ["uploaded:latest"],
    }
    assert "uploaded:latest" in root_client.get("/administration/models/list/").content.decode()
    assert (server.models / "Uploaded.gguf").read_bytes() == data


def test_what_the_model_server_refuses_reaches_the_browser_with_its_reason(root_client: Client) -> None:
    data = b"ID3 no model"
    upload = begin(root_client, "song.gguf", data).json()["id"]

    for answer, status, words in (
        (begin(root_client, "song.mp3", data), 409, "Only .gguf files can be uploaded"),
        (send(root_client, upload, 0, data, sha256(b"another")), 422, "Chunk 0 arrived damaged"),
        (send(root_client, upload, 0, data, "no digest"), 400, "without its checksum"),
        (send(root_client, upload, 0, data), 409, "Song.gguf is not a GGUF file"),
        (send(root_client, str(NOBODY), 0, data), 404, "There is no such upload"),
        (root_client.post(f"{UPLOADS}{upload}/finish/", {"digest": "x"}), 400, "checksum"),
        (root_client.post(f"{UPLOADS}begin/", {"name": "x.gguf"}), 400, "name and size are missing"),
    ):
        assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.json()


def test_an_upload_is_removed(root_client: Client) -> None:
    upload = begin(root_client, "removed.gguf", b"x" * 100).json()["id"]

    assert root_client.post(f"{UPLOADS}{upload}/remove/").status_code == 200
    assert root_client.post(f"{UPLOADS}{upload}/remove/").status_code == 404
    assert "removed.gguf" not in root_client.get(UPLOADS).content.decode()


def test_a_model_server_that_is_away_is_worth_another_try(root_client: Client, settings: Settings) -> None:
    settings.HEARTH_INFERENCE_URL = "http://127.0.0.1:9"

    assert begin(root_client, "x.gguf", b"GGUF").status_code == 503
    assert root_client.get(UPLOADS).status_code == 200


def test_only_administrators_upload(alice_client: Client, server: ModelServer) -> None:
    before = server.http.get("/hearth/uploads").json()

    assert begin(alice_client, "alice.gguf", b"GGUF").status_code == 404
    for path in ("chunks/0/", "finish/", "remove/"):
        assert alice_client.post(f"{UPLOADS}{NOBODY}/{path}").status_code == 404
    assert server.http.get("/hearth/uploads").json() == before


@pytest.mark.django_db
def test_a_foreign_page_cannot_upload(root_client: Client) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = root_client.cookies

    assert send(browser, str(NOBODY), 0, b"GGUF").status_code == 403


def test_only_chunks_may_be_as_large_as_chunks(settings: Settings) -> None:
    settings.HEARTH_MAX_UPLOAD_MB = settings.HEARTH_MAX_IMPORT_MB = 1

    assert body_limit(f"{UPLOADS}{NOBODY}/chunks/3/") == UPLOAD_CHUNK_BYTES < largest_body_bytes()
    assert body_limit("/v1/chat/completions") == MAX_BODY_BYTES == largest_body_bytes()
    assert body_limit(f"{UPLOADS}begin/") == settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert body_limit("/documents/upload/") == MEGABYTE + ENVELOPE_BYTES
