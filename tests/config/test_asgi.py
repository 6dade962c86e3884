"""The whole application as a server calls it: files, pages, and who may open the socket."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import override_settings
from pytest_django import Settings

from webui.config.asgi import application
from webui.config.static_files import StaticFiles, collect_if_changed

Headers = list[tuple[bytes, bytes]]


async def fetch(
    app: Any, path: str, *, method: str = "GET", headers: Headers | None = None
) -> tuple[int, Headers, bytes]:
    scope = {"type": "http", "method": method, "path": path, "headers": headers or [], "query_string": b""}
    communicator = ApplicationCommunicator(app, scope)
    await communicator.send_input({"type": "http.request", "body": b""})
    start = await communicator.receive_output(timeout=10)
    body = b""
    while True:
        part = await communicator.receive_output(timeout=10)
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    await communicator.wait(timeout=10)
    return start["status"], start["headers"], body


async def nothing_there(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"from the application"})


@contextmanager
def served_from(folder: Path) -> Iterator[None]:
    """Settings as `web` has them: hashed names, from a folder that files were collected into."""
    storages = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "webui.config.storage.HearthStaticFilesStorage"},
    }
    with override_settings(
        STATIC_ROOT=folder, STORAGES=storages, WHITENOISE_AUTOREFRESH=False, WHITENOISE_USE_FINDERS=False
    ):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All static files, collected once: nothing here changes them."""
    folder = tmp_path_factory.mktemp("collected") / "static"
    with served_from(folder):
        assert collect_if_changed()
    return folder


@pytest.fixture
def collected(folder: Path) -> Iterator[StaticFiles]:
    with served_from(folder):
        yield StaticFiles(nothing_there)


async def test_a_hashed_file_may_be_kept_for_ever(collected: StaticFiles) -> None:
    status, headers, body = await fetch(collected, staticfiles_storage.url("css/main.css"))

    assert status == 200
    assert b"immutable" in dict(headers)[b"cache-control"]
    assert dict(headers)[b"x-content-type-options"] == b"nosniff"
    assert b"tokens." in body


async def test_a_file_is_compressed_for_those_who_can_read_it(collected: StaticFiles) -> None:
    path = staticfiles_storage.url("django_htmx/htmx-2.min.js")

    _, _, plain = await fetch(collected, path)
    _, headers, packed = await fetch(collected, path, headers=[(b"accept-encoding", b"gzip")])

    assert dict(headers)[b"content-encoding"] == b"gzip"
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 2


async def test_head_is_answered_without_a_body(collected: StaticFiles) -> None:
    status, headers, body = await fetch(collected, staticfiles_storage.url("css/main.css"), method="HEAD")

    assert (status, body) == (200, b"")
    assert int(dict(headers)[b"content-length"]) > 0


@pytest.mark.parametrize(
    "path",
    ["/static/../secret_key", "/static/%2e%2e/secret_key", "/static//etc/passwd", "/static/../static.collected", "/x"],
)
async def test_everything_else_is_the_applications(collected: StaticFiles, path: str) -> None:
    assert await fetch(collected, path) == (404, [], b"from the application")


def test_collecting_again_is_skipped_until_a_file_changes(tmp_path: Path, settings: Settings) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "one.txt").write_text("one")
    with override_settings(STATIC_ROOT=tmp_path / "collected", STATICFILES_DIRS=[source]):
        assert collect_if_changed()
        assert not collect_if_changed()
        (source / "two.txt").write_text("two")
        assert collect_if_changed()

        assert (tmp_path / "collected" / "two.txt").read_text() == "two"


def test_an_import_of_a_module_that_is_missing_is_told(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "source" / "js").mkdir(parents=True)
    (tmp_path / "source" / "js" / "main.js").write_text('import { x } from "./missing.js";\n')
    storages = {**settings.STORAGES, "staticfiles": {"BACKEND": "webui.config.storage.HearthStaticFilesStorage"}}

    with (
        override_settings(
            STATIC_ROOT=tmp_path / "collected", STATICFILES_DIRS=[tmp_path / "source"], STORAGES=storages
        ),
        pytest.raises(ValueError, match=r"js/missing\.js"),
    ):
        call_command("collectstatic", interactive=False, verbosity=0)


@pytest.mark.parametrize("origin", [b"https://evil.example", b"http://localhost.evil.example", b"null", b""])
async def test_a_foreign_page_cannot_open_the_socket(origin: bytes) -> None:
    communicator = WebsocketCommunicator(application, "/ws/", headers=[(b"origin", origin), (b"host", b"localhost")])

    connected, _ = await communicator.connect()

    assert not connected


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", ""])
async def test_a_foreign_host_name_is_refused_in_words(host: str, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]

    status, headers, body = await fetch(application, "/health", headers=[(b"host", host.encode())])

    assert status == 400
    assert b"This address is not known here" in body
    assert b"content-security-policy" in {name.lower() for name, _ in headers}
