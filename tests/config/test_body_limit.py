"""Requests that bring too much: refused by what they announce, and by what they bring."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from pytest_django import Settings

from webui.config.asgi import application
from webui.config.body_limit import NOT_STORED_HEADER, BodyLimit

UPLOAD = "/documents/upload/"
MEGABYTE = 1024 * 1024


async def post(
    app: Any, path: str, *pieces: bytes, announced: int | None = None, accept: str = "text/html"
) -> tuple[int, dict[bytes, bytes], bytes]:
    headers = [(b"host", b"localhost"), (b"accept", accept.encode())]
    if announced is not None:
        headers.append((b"content-length", str(announced).encode()))
    communicator = ApplicationCommunicator(
        app, {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    )
    for number, piece in enumerate(pieces, start=1):
        await communicator.send_input({"type": "http.request", "body": piece, "more_body": number < len(pieces)})
    start = await communicator.receive_output(timeout=10)
    body = await communicator.receive_output(timeout=10)
    await communicator.wait(timeout=10)
    return start["status"], dict(start["headers"]), body["body"]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was sent; as Django does, it answers nothing to those who leave."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def read_nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("the application was reached")


@pytest.fixture(autouse=True)
def _small_limits(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    settings.HEARTH_MAX_UPLOAD_MB = 1


async def test_what_announces_too_much_is_refused_without_being_read() -> None:
    status, headers, body = await post(BodyLimit(read_nothing), "/", announced=11)

    assert status == 413
    assert b"too large" in body
    assert b"default-src 'none'" in headers[b"content-security-policy"]


async def test_a_script_is_told_the_limit_in_words() -> None:
    _, _, body = await post(BodyLimit(read_nothing), UPLOAD, announced=9 * MEGABYTE, accept="application/json")

    assert json.loads(body) == {
        "error": "That was too large. At most 1 MB can be sent here at once.",
        "code": "too_large",
    }


async def test_what_comes_unannounced_is_counted() -> None:
    status, _, _ = await post(BodyLimit(echo), "/", b"123456", b"123456")

    assert status == 413


async def test_what_lies_is_counted() -> None:
    status, _, _ = await post(BodyLimit(echo), "/", b"123456", b"123456", announced=5)

    assert status == 413


async def test_the_limit_itself_is_let_through() -> None:
    assert await post(BodyLimit(echo), "/", b"12345", b"67890", announced=10) == (200, {}, b"1234567890")


async def test_only_uploads_may_be_large() -> None:
    large = b"x" * MEGABYTE

    assert (await post(BodyLimit(echo), UPLOAD, large))[0] == 200
    assert (await post(BodyLimit(echo), "/documents/", large))[0] == 413


@pytest.mark.parametrize("announced", ["9" * 5000, "-1", "many"])
async def test_nonsense_for_a_length_breaks_nothing(announced: Any) -> None:
    status, _, _ = await post(BodyLimit(echo), "/", b"12345678901", announced=announced)

    assert status == 413


@pytest.mark.django_db
async def test_django_answers_only_once_when_it_is_told_to_stop() -> None:
    status, _, _ = await post(application, "/accounts/login/", b"123456", b"123456")

    assert status == 413


async def test_a_body_that_could_not_be_kept_is_told_and_not_handed_on() -> None:
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "path": "/accounts/login/",
        "headers": [(b"accept", b"text/html"), (NOT_STORED_HEADER, b"1")],
    }

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await BodyLimit(read_nothing)(scope, None, send)

    assert sent[0]["status"] == 507
    assert b"its disk may be full" in sent[1]["body"]
