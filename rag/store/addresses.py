"""Where a Chroma server may be: on this machine or in a private network, because it asks nobody who they are."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from rag.errors import StoreUnavailable

DEFAULT_PORT = 8000


@dataclass(frozen=True, slots=True)
class ServerAddress:
    host: str
    port: int
    is_encrypted: bool


def server_address(url: str, *, anywhere: bool) -> ServerAddress:
    """Return where a Chroma server is.

    Args:
        anywhere: Whether it may be outside of private networks.

    Raises:
        StoreUnavailable: It may not be there, or nobody knows its name.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORT
    if not anywhere:
        for address in _addresses(host, port):
            if not (address.is_loopback or address.is_private):
                raise StoreUnavailable(
                    f"the Chroma server {host} is not in a private network, and it lets everybody in; "
                    "HEARTH_VECTOR_STORE_ANYWHERE=true allows it all the same"
                )
    return ServerAddress(host=host, port=port, is_encrypted=parts.scheme == "https")


def _addresses(host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise StoreUnavailable(f"no machine is called {host}") from exc
    return [ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_, address in found]
