from __future__ import annotations

import pytest

from inference.dialects.values import MAX_DETAIL_LENGTH, error_detail, moment


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": "no such model"}',
        b'{"error": {"message": "no such model", "type": "x"}}',
        b'{"detail": "no such model"}',
        b'{"message": "no such model"}',
        b'{"error": " no\\u0000such\\r\\n\\u202e model\\u001b"}',
    ],
)
def test_an_error_body_says_one_plain_line(body: bytes) -> None:
    assert error_detail(body) == "no such model"


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad gateway</html>", b"[1]", b'{"error": 7}', b'{"detail": [{}]}', b"\xff"]
)
def test_noise_says_nothing(body: bytes) -> None:
    assert error_detail(body) == ""


def test_an_error_cannot_fill_the_page() -> None:
    assert len(error_detail(b'{"error": "%s"}' % (b"x" * 100_000))) == MAX_DETAIL_LENGTH


def test_a_moment_with_nanoseconds_is_read() -> None:
    found = moment("2026-01-02T03:04:05.123456789+01:00")

    assert found is not None
    assert found.isoformat() == "2026-01-02T03:04:05.123456+01:00"


@pytest.mark.parametrize("value", ["", "yesterday", None, 7, "9999-99-99"])
def test_what_is_no_moment_is_missing(value: object) -> None:
    assert moment(value) is None
