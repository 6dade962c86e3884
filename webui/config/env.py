"""Reads settings from the environment; a wrong value is told with its name, its problem and an example.

All wrong values are collected, so that one start tells everything there is to correct. A secret may come
from a file: `NAME_FILE` names it, as Docker and systemd hand secrets over.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
# Whatever stands between the scheme of an address and its host, also of one among others.
_PASSWORD = re.compile(r"(?<=://)[^/?#;\s]*@")
HOST_NAME = re.compile(r"[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongSetting:
    name: str
    problem: str
    example: str

    def __str__(self) -> str:
        return f"{self.name} {self.problem}. Example: {self.name}={self.example}"


class WrongSettings(Exception):
    """At least one environment variable holds a value that cannot be used."""

    def __init__(self, settings: list[WrongSetting]) -> None:
        super().__init__("\n".join(map(str, settings)))
        self.settings = settings


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseAddress:
    name: str
    user: str
    password: str
    host: str
    port: str
    options: dict[str, str]


def read_env_file(path: Path) -> frozenset[str]:
    """Add the variables of a `.env` file to the environment; what is set already wins.

    Return the names of those that the file decides. A process that `up` started finds them in its environment as well,
    where they have the value that the file gives.

    Raises WrongSettings when it is there and cannot be read.
    """
    try:
        values = {name: value for name, value in dotenv_values(path).items() if value}
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "not a text file"
        raise WrongSettings(
            [
                WrongSetting(
                    name="HEARTH_ENV_FILE", problem=f"names a file that cannot be read ({reason})", example=".env"
                )
            ]
        ) from exc
    for name, value in values.items():
        os.environ.setdefault(name, value)
    return frozenset(name for name, value in values.items() if os.environ[name] == value)


def reachable_url(host: str, port: int) -> str:
    """Return the URL at which a server that listens on `host` is reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.strip("[]"), host.strip("[]"))  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Environment:
    """One reading of a set of variables. Empty values count as not given.

    Every method returns the default when the value is wrong and remembers the problem;
    `refuse_wrong` raises them all.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._wrong: list[WrongSetting] = []
        self._shown: dict[str, str] = {}

    def refuse_wrong(self) -> None:
        """Raise WrongSettings if any value read so far was wrong."""
        if self._wrong:
            raise WrongSettings(self._wrong)

    @property
    def shown(self) -> Mapping[str, str]:
        """What was read and given, by name, as it may be shown: of a secret nothing, of an address no password."""
        return self._shown

    def is_given(self, name: str) -> bool:
        return bool(self._variables.get(name, "").strip())

    def text(self, name: str, default: str = "") -> str:
        value = self._variables.get(name, "").strip()
        if value:
            self._shown[name] = _PASSWORD.sub("", value)
        return value or default

    def secret(self, name: str) -> str:
        """Return the value, or the content of the file that NAME_FILE names, or an empty string."""
        file_name = self.text(f"{name}_FILE")
        if file_name and self.is_given(name):
            self.reject(name, f"and {name}_FILE are both set, one must go", "a long random text")
            return ""
        if not file_name:
            value = self.text(name)
            if value:
                self._shown[name] = ""
            return value
        try:
            value = Path(file_name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "not a text file"
            self.reject(f"{name}_FILE", f"names a file that cannot be read ({reason})", "/run/secrets/hearth")
            return ""
        if not value:
            self.reject(f"{name}_FILE", "names an empty file", "/run/secrets/hearth")
        return value

    def boolean(self, name: str, default: bool) -> bool:
        value = self.text(name).lower()
        if value in TRUE_WORDS:
            return True
        if value in FALSE_WORDS:
            return False
        if value:
            self.reject(name, f"must be yes or no, not {value!r}", "yes")
        return default

    def switch(self, name: str) -> str:
        """Return "on" or "off", or an empty string when not given."""
        if not self.is_given(name):
            return ""
        return "on" if self.boolean(name, False) else "off"

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        value = self.text(name)
        if not value:
            return default
        if value.isascii() and value.isdigit() and minimum <= int(value[:20]) <= maximum:
            return int(value)
        self.reject(name, f"must be a whole number from {minimum} to {maximum}, not {value!r}", str(default))
        return default

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default).lower()
        if value in choices:
            return value
        self.reject(name, f"must be one of {', '.join(choices)}, not {value!r}", default)
        return default

    def words(self, name: str, separator: str = ",") -> list[str]:
        return [word.strip() for word in self.text(name).split(separator) if word.strip()]

    def folder(self, name: str, default: Path) -> Path:
        return Path(self.text(name, str(default))).expanduser().resolve()

    def folders(self, name: str) -> tuple[Path, ...]:
        """Return absolute paths separated by `;`. They need not be there yet: a disk may be mounted later."""
        paths = [Path(os.path.normpath(word)) for word in self.words(name, ";")]
        if not all(path.is_absolute() and path != Path("/") for path in paths):
            self.reject(name, "must hold absolute paths of folders, separated by ;", "/srv/handbook;/srv/contracts")
            return ()
        return tuple(dict.fromkeys(paths))

    def host(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if _is_host(value):
            return value
        self.reject(name, f"must be an address or a host name without a port, not {value!r}", default)
        return default

    def hosts(self, name: str) -> list[str]:
        """Return host names as Django's ALLOWED_HOSTS takes them; `.example.org` covers its subdomains."""
        values = self.words(name)
        for value in values:
            if not _is_host(value.removeprefix(".")) and not re.fullmatch(r"\[[0-9a-fA-F:.]+\]", value):
                self.reject(name, f"must hold host names without scheme and port, not {value!r}", "chat.example.org")
        return values

    def networks(self, name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        networks = []
        for value in self.words(name):
            try:
                networks.append(ipaddress.ip_network(value))
            except ValueError:
                self.reject(name, f"must hold addresses or networks, not {value!r}", "127.0.0.1,10.0.0.0/8")
        return networks

    def origin(self, name: str) -> str:
        """Return scheme, host and port of a URL without a path, or an empty string when not given."""
        value = self.text(name).rstrip("/")
        if not value:
            return ""
        if _is_url(value, ("http", "https")) and not urlsplit(value).path and "@" not in value:
            return value
        self.reject(name, f"must be a URL without a path, not {value!r}", "https://chat.example.org")
        return ""

    def url(self, name: str, default: str, schemes: tuple[str, ...], example: str) -> str:
        """Return a URL; its value is not repeated in the problem, because it may hold a password."""
        value = self.text(name, default)
        if not value or _is_url(value, schemes):
            return value
        self.reject(
            name, f"must be a URL that starts with {' or '.join(f'{scheme}://' for scheme in schemes)}", example
        )
        return default

    def urls(self, name: str) -> list[str]:
        """Return web addresses separated by `;`. They are not repeated in the problem, as one may hold a password."""
        values = self.words(name, ";")
        if not all(_is_url(value, ("http", "https")) for value in values):
            self.reject(
                name, "must hold URLs that start with http:// or https://, separated by ;", "http://gpu-box:11434"
            )
        return values

    def listen_address(self, name: str, default: tuple[str, int]) -> tuple[str, int]:
        """Return host and port of an address as Ollama writes it: `host`, `:port`, `host:port` or a URL."""
        value = self.text(name)
        if not value:
            return default
        parts = _split(value if "://" in value else f"http://{value}")
        if parts is None or parts[2] or not _is_host(parts[0] or default[0]):
            self.reject(name, f"must be host:port, not {value!r}", f"{default[0]}:{default[1]}")
            return default
        return parts[0] or default[0], parts[1] or default[1]

    def database(self, name: str) -> DatabaseAddress | None:
        """Return the parts of a PostgreSQL URL, or None when not given."""
        value = self.secret(name)
        example = "postgres://hearth:password@localhost:5432/hearth"
        if not value:
            return None
        if not _is_url(value, ("postgres", "postgresql")) or not urlsplit(value).path.strip("/"):
            self.reject(name, "must be a PostgreSQL URL with a database name", example)
            return None
        url = urlsplit(value)
        pairs = [pair.partition("=") for pair in url.query.split("&") if pair]
        return DatabaseAddress(
            name=unquote(url.path.strip("/")),
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
            host=url.hostname or "",
            port=str(url.port or ""),
            options={key: unquote(text) for key, _, text in pairs},
        )

    def reject(self, name: str, problem: str, example: str) -> None:
        self._wrong.append(WrongSetting(name=name, problem=problem, example=example))


def _is_host(value: str) -> bool:
    try:
        ipaddress.ip_address(value.strip("[]"))
    except ValueError:
        return HOST_NAME.fullmatch(value) is not None
    return True


def _is_url(value: str, schemes: tuple[str, ...]) -> bool:
    parts = _split(value)
    return parts is not None and urlsplit(value).scheme in schemes and _is_host(parts[0])


def _split(url: str) -> tuple[str, int, str] | None:
    """Return host, port (0 when missing) and path, or None for what is no URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or 0, parts.path.strip("/")
    except ValueError:
        return None
