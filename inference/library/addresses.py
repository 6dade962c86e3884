"""Which networks a download may reach, decided at the address that is really connected to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Literal
from urllib.request import getproxies

import httpcore
import httpx

from inference.library.errors import PrivateAddress, RegistryFailed

Zone = Literal["public", "private", "here", "none"]
"""Which network an address is in: the world's, this house's, this machine; `none` is for addresses no host has."""


def is_loopback(host: str) -> bool:
    """Return whether a URL's host is this machine. Names other than `localhost` are not looked up."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def zone_of(address: str) -> Zone:
    """Return the network of an IP address; an IPv4 address written inside an IPv6 one counts as what it is."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = _ipv4_inside(ip) or ip
    if ip.is_loopback:
        return "here"
    if ip.is_global and not ip.is_multicast and not getattr(ip, "is_site_local", False):
        return "public"
    return "none" if ip.is_link_local or ip.is_multicast or ip.is_unspecified else "private"


# Source: RFC 4291, 2.5.5.1 (IPv4-compatible); RFC 6052 and RFC 8215 (translated by a NAT64).
_COMPATIBLE = IPv6Network("::/96")
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_IPV4_BITS = 0xFFFFFFFF


def _ipv4_inside(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for, if it does."""
    if ip.is_loopback or ip.is_unspecified:
        return None
    if ip in _COMPATIBLE or any(ip in network for network in _TRANSLATED):
        return IPv4Address(int(ip) & _IPV4_BITS)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


class AddressGuard(httpcore.AsyncNetworkBackend):
    """Looks names up itself, and connects to no address that a redirect must not reach.

    The first host may be anywhere: a person named it. A host of the world may send us on to the world only, one of
    this house also to this house. Behind a proxy the proxy looks names up, and it is the proxy that must refuse.
    """

    def __init__(self, first: str) -> None:
        self._first = first.lower()
        self._zone: Zone = "public"
        self._network = httpcore.AnyIOBackend()
        with contextlib.suppress(ValueError):
            self._zone = zone_of(self._first)

    def check_literal(self, host: str) -> None:
        """Refuse a host that is an address already, before a proxy sees it."""
        with contextlib.suppress(ValueError):
            self._check(host, [zone_of(host)])

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self.addresses(host, port)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = failure or exc
        raise failure or RegistryFailed(host, "no machine has that name")

    async def addresses(self, host: str, port: int) -> list[str]:
        """Look a host up.

        Raises:
            PrivateAddress: One of its addresses must not be reached.
            RegistryFailed: It has none.
        """
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            raise RegistryFailed(host, "no machine has that name") from exc
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        zones = [zone_of(address) for address in addresses]
        if host.lower() == self._first:
            self._zone = zones[0] if len(set(zones)) == 1 else "public"
        else:
            self._check(host, zones)
        return addresses

    def _check(self, host: str, zones: Iterable[Zone]) -> None:
        allowed = {"public", self._zone} - {"none"}
        if host.lower() != self._first and not allowed.issuperset(zones):
            raise PrivateAddress(host)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport with another way to connect, for which it has no argument."""

    def __init__(self, guard: httpcore.AsyncNetworkBackend, trusted: ssl.SSLContext) -> None:
        super().__init__(verify=trusted)
        self._pool = httpcore.AsyncConnectionPool(ssl_context=trusted, max_connections=None, network_backend=guard)


def proxies_of_environment(trusted: ssl.SSLContext) -> dict[str, httpx.AsyncBaseTransport | None]:
    """Return httpx's `mounts` for HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""
    proxies = getproxies()
    mounts: dict[str, httpx.AsyncBaseTransport | None] = {
        f"{scheme}://": httpx.AsyncHTTPTransport(verify=trusted, proxy=proxies[scheme])
        for scheme in ("http", "https", "all")
        if proxies.get(scheme)
    }
    for name in filter(None, map(str.strip, proxies.get("no", "").split(","))):
        if name == "*":
            return {}
        mounts[f"all://*{name}" if name.startswith(".") else f"all://{name}"] = None
        if not name.startswith("."):
            mounts[f"all://*.{name}"] = None
    return mounts
