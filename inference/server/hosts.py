"""Who may talk to the model server from a browser: Host against DNS rebinding, Origin against foreign pages."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

# Source: Ollama's envconfig/config.go, `AllowedOrigins`.
_LOCAL_NAMES = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]")  # noqa: S104 (compared, not bound)
_LOCAL_SCHEMES = ("app", "file", "tauri", "vscode-webview", "vscode-file")

# Docker Desktop forwards this name to the loopback address; no public name server answers for it.
_ALWAYS_ALLOWED = frozenset({"localhost", "host.docker.internal"})


class HostCheck:
    """Tells whether a Host header names this server.

    A page on the internet can point its own name at 127.0.0.1, so on a loopback address only names that mean this
    machine pass (CVE-2024-28224). Bound to another address we cannot know our names; there the Origin check remains.
    """

    def __init__(self, bound_to: str) -> None:
        self._names = {*_ALWAYS_ALLOWED, bound_to.lower(), socket.gethostname().lower()}
        self._checks = _is_loopback_name(bound_to)

    def allows(self, header: str | None) -> bool:
        if not self._checks or not header:
            return True
        name = _name_of(header)
        return name is not None and (
            name in self._names or name.endswith(".localhost") or _is_loopback_name(name) or name == "0.0.0.0"  # noqa: S104
        )


class OriginCheck:
    """Tells whether a page of that origin may call us. `*` in a configured origin stands for anything."""

    def __init__(self, configured: Iterable[str] = ()) -> None:
        self._patterns = [_pattern(origin) for origin in configured]

    def allows(self, origin: str) -> bool:
        return _is_local_origin(origin) or any(pattern.fullmatch(origin) for pattern in self._patterns)


def is_loopback_address(host: str) -> bool:
    """Return whether a server bound to `host` can be reached from this machine only."""
    return _is_loopback_name(host)


def _is_loopback_name(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _name_of(header: str) -> str | None:
    if "@" in header or "/" in header or "\\" in header:
        return None
    try:
        hostname = urlsplit(f"//{header}").hostname
    except ValueError:
        return None
    return hostname.rstrip(".").lower() if hostname else None


def _is_local_origin(origin: str) -> bool:
    scheme, separator, rest = origin.partition("://")
    if not separator:
        return False
    if scheme in _LOCAL_SCHEMES:
        return True
    if scheme not in ("http", "https"):
        return False
    name, _, port = rest.rpartition(":") if re.search(r":\d+$", rest) else (rest, "", "0")
    return name in _LOCAL_NAMES and port.isdecimal()


def _pattern(origin: str) -> re.Pattern[str]:
    text = origin if "://" in origin or origin == "*" else f"*://{origin}"
    return re.compile(".*".join(map(re.escape, text.rstrip("/").split("*"))))
