from __future__ import annotations

import pytest

from inference.server.hosts import HostCheck, OriginCheck


@pytest.mark.parametrize(
    "header",
    [
        "localhost", "localhost:11434", "LOCALHOST", "localhost.", "127.0.0.1:11434", "127.8.8.8", "[::1]:11434",
        "app.localhost", "host.docker.internal:11434", "", None,
    ],
)  # fmt: skip
def test_names_of_this_machine_pass(header: str | None) -> None:
    assert HostCheck("127.0.0.1").allows(header)


@pytest.mark.parametrize(
    "header",
    [
        "evil.example", "evil.example:11434", "localhost.evil.example", "127.0.0.1.evil.example",
        "evil.example#localhost",
        "127.0.0.1@evil.example", "localhost/evil", "192.0.2.1", "10.0.0.1:11434", "[::ffff:c000:201]", "[", "0x7f.1",
        "2130706433", "evil\\@localhost",
    ],
)  # fmt: skip
def test_other_names_do_not(header: str) -> None:
    assert not HostCheck("127.0.0.1").allows(header)


def test_the_configured_name_passes() -> None:
    assert HostCheck("localhost").allows("localhost:11434")


def test_bound_to_others_any_name_may_be_ours() -> None:
    assert HostCheck("0.0.0.0").allows("models.example.org")  # noqa: S104


@pytest.mark.parametrize(
    "origin",
    ["http://localhost", "http://localhost:3000", "https://127.0.0.1:8443", "http://[::1]:3000", "app://x", "file://"],
)
def test_pages_of_this_machine_may_call(origin: str) -> None:
    assert OriginCheck().allows(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "https://evil.example", "http://localhost.evil.example", "http://localhost:3000.evil.example",
        "http://evil.example:3000", "http://localhost@evil.example", "//localhost", "http://localhost:",
    ],
)  # fmt: skip
def test_other_pages_may_not(origin: str) -> None:
    assert not OriginCheck().allows(origin)


@pytest.mark.parametrize(
    ("configured", "origin", "allowed"),
    [
        ("https://app.example", "https://app.example", True),
        ("https://app.example", "http://app.example", False),
        ("https://app.example", "https://app.example.evil", False),
        ("https://*.app.example", "https://a.app.example", True),
        ("https://*.app.example", "https://app.example", False),
        ("app.example", "https://app.example", True),
        ("*", "https://anything.example", True),
        ("https://app.example/", "https://app.example", True),
    ],
)
def test_configured_origins_may_hold_stars(configured: str, origin: str, allowed: bool) -> None:
    assert OriginCheck([configured]).allows(origin) is allowed
