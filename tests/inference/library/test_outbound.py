from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from inference.library.addresses import AddressGuard, proxies_of_environment, zone_of
from inference.library.errors import InsecureRegistry, PrivateAddress, RegistryFailed
from inference.library.outbound import Outbound
from tests.doubles.blob_server import BlobServer
from tests.doubles.registry import Registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as registry:
        yield registry


@pytest.fixture
async def outbound(registry: Registry) -> AsyncIterator[Outbound]:
    base = httpx.URL(f"http://{registry.host}")
    async with Outbound(base, allows_http=True, authorization="Bearer secret", stall_s=0.3) as outbound:
        yield outbound


async def fetch(outbound: Outbound, path: str = "/v2/a/b/blobs/c") -> int:
    async with outbound.open(outbound.base.copy_with(path=path)) as answered:
        return answered.last.status_code


@pytest.mark.parametrize(
    ("address", "zone"),
    [
        ("8.8.8.8", "public"),
        ("2606:4700::1111", "public"),
        ("127.0.0.1", "here"),
        ("127.1.2.3", "here"),
        ("::1", "here"),
        ("::ffff:127.0.0.1", "here"),
        ("10.1.2.3", "private"),
        ("192.168.0.1", "private"),
        ("172.16.0.9", "private"),
        ("100.64.0.1", "private"),
        ("fd00::1", "private"),
        ("::ffff:10.0.0.1", "private"),
        ("169.254.169.254", "none"),
        ("::ffff:169.254.169.254", "none"),
        ("fe80::1%eth0", "none"),
        ("0.0.0.0", "none"),  # noqa: S104
        ("224.0.0.1", "none"),
    ],
)
def test_an_address_is_in_one_network(address: str, zone: str) -> None:
    assert zone_of(address) == zone


@pytest.mark.parametrize(
    "target",
    ["https://10.0.0.1/x", "https://192.168.1.1/x", "https://169.254.169.254/latest/meta-data", "https://[fd00::1]/x"],
)
async def test_a_redirect_into_another_network_is_refused(outbound: Outbound, registry: Registry, target: str) -> None:
    registry.redirect_to = target

    with pytest.raises(PrivateAddress):
        await fetch(outbound)


@pytest.mark.parametrize("name", ["localhost", "127.1", "2130706433", "0x7f000001"])
async def test_a_host_of_the_world_cannot_send_us_to_this_machine(name: str) -> None:
    guard = AddressGuard("registry.example")

    with pytest.raises(PrivateAddress):
        await guard.connect_tcp(name, 80)


async def test_the_host_that_was_named_may_be_this_machine(registry: Registry) -> None:
    base = httpx.URL(f"http://localhost:{registry.host.rpartition(':')[2]}")
    registry.blobs["c"] = b"data"

    async with Outbound(base, allows_http=True) as outbound:
        assert await fetch(outbound) == 200


async def test_credentials_stay_with_the_host_they_are_for(outbound: Outbound, registry: Registry) -> None:
    with BlobServer(blobs={"c": b"data"}) as cdn:
        registry.cdn = cdn

        assert await fetch(outbound) == 200

    assert registry.requests[0][1]["authorization"] == "Bearer secret"
    assert "authorization" not in cdn.requests[0][1]
    assert "cookie" not in cdn.requests[0][1]


async def test_a_redirect_back_to_the_same_name_on_another_port_is_another_host(
    outbound: Outbound, registry: Registry
) -> None:
    with Registry(blobs={"c": b"data"}) as other:
        registry.redirect_to = f"http://{other.host}"

        await fetch(outbound)

    assert "authorization" not in other.requests[0][1]


@pytest.mark.parametrize("target", ["http://192.0.2.1", "ftp://127.0.0.1", "file://", "gopher://127.0.0.1", "unix:/x"])
async def test_a_redirect_to_anything_but_https_is_refused(outbound: Outbound, registry: Registry, target: str) -> None:
    registry.redirect_to = target

    with pytest.raises(InsecureRegistry):
        await fetch(outbound)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1", "no connection"),
        ("http://nobody.invalid", "no machine has that name"),
    ],
)
async def test_why_nothing_answers_is_told(url: str, reason: str) -> None:
    async with Outbound(httpx.URL(url), allows_http=True) as outbound:
        with pytest.raises(RegistryFailed, match=reason):
            await fetch(outbound)


async def test_proxies_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "house.example, .lan")

    mounts = proxies_of_environment(httpx.create_ssl_context())

    assert {pattern for pattern, transport in mounts.items() if transport is not None} == {"https://"}
    assert {pattern for pattern, transport in mounts.items() if transport is None} == {
        "all://house.example", "all://*.house.example", "all://*.lan",
    }  # fmt: skip


async def test_a_download_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch, registry: Registry) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", f"http://{registry.host}")

    async with Outbound(httpx.URL("http://registry.example"), allows_http=True) as outbound:
        assert await fetch(outbound) == 404

    assert registry.paths() == ["http://registry.example/v2/a/b/blobs/c"]
