"""What the environment says about the model server. Ollama's names, and Ollama's meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from inference.library.hub_settings import DEFAULT_ENDPOINT, DEFAULT_TOKEN_HOST, HubSettings
from inference.runner.types import KV_TYPES, KvType
from inference.server.durations import parse_duration
from inference.server.hosts import is_loopback_address
from inference.server.variables import without_effect

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 11434
DEFAULT_KEEP_ALIVE_S = 300.0
DEFAULT_MAX_QUEUE = 512
DEFAULT_MAX_LOADED = 3
DEFAULT_LOAD_TIMEOUT_S = 300.0
DEFAULT_PARKED_MB = 1000
LONGEST_LOAD_S = 7 * 24 * 3600.0
"""Stands for "without end": clocks cannot wait for ever."""

SHORTEST_KEY = 16
_KEY = re.compile(r"[!-+\--~]+")
"""What fits into a header: ASCII without spaces, and without the comma between keys."""

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.\-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+(%\w+)?")


class WrongSetting(Exception):
    """A variable whose value cannot be used. The text is one sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """How the model server runs.

    Attributes:
        num_parallel: Requests that one model answers at the same time; None chooses 4, 2 or 1 by free memory.
        context_length: Tokens of a model's window when a request names none; None chooses by free memory.
        max_loaded: Models that are loaded at the same time; the embedded embedder does not count.
        ollama_models: The store of an Ollama, only read; None without one.
        keys: Without one of them nobody is served; none where everybody is.
        prunes: Delete what only the former version of a model used, and after a day blobs that no model uses.
        max_streams: Connections that one download uses at most; None goes by the file's size.
        parked_bytes: What decoded prompts of idle chats may take on disk; 0 keeps none.
        kv_type, flash_attention: As in `RunnerSpec`, for all chat models.
        logs_requests: What people ask goes into the log, when `is_debug` is on as well.
        hub: Where models of Hugging Face come from.
        origins: Web pages that may call us, beside those of this machine; `*` stands for anything.
        notes: Sentences for the log about variables that are odd but usable.
    """

    data: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    ollama_models: Path | None = None
    keep_alive_s: float = DEFAULT_KEEP_ALIVE_S
    num_parallel: int | None = None
    max_queue: int = DEFAULT_MAX_QUEUE
    max_loaded: int = DEFAULT_MAX_LOADED
    context_length: int | None = None
    load_timeout_s: float = DEFAULT_LOAD_TIMEOUT_S
    keys: tuple[str, ...] = field(default=(), repr=False)
    prunes: bool = True
    max_streams: int | None = None
    hub: HubSettings = HubSettings()
    origins: tuple[str, ...] = ()
    parked_bytes: int = DEFAULT_PARKED_MB * 10**6
    kv_type: KvType = "f16"
    flash_attention: bool | None = None
    is_debug: bool = False
    logs_requests: bool = False
    notes: tuple[str, ...] = ()

    @property
    def models_folder(self) -> Path:
        return self.data / "models"

    @property
    def parked_folder(self) -> Path:
        return self.data / "cache" / "prefixes"

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> ServerConfig:
        """Read the environment. Raises WrongSetting."""
        notes: list[str] = []
        host, port = parse_listen_address(environ.get("OLLAMA_HOST", ""), _fallback_port(environ, notes))
        keys = server_keys(environ)
        if not keys and not is_loopback_address(host) and not is_on(environ.get("HEARTH_API_OPEN", "")):
            raise WrongSetting(
                f"OLLAMA_HOST={host} can be reached from other machines, so clients must bring a key: set "
                "HEARTH_API_KEY to a long random text, or set HEARTH_API_OPEN=yes where a firewall or a "
                "private network stands before it."
            )
        kv_type, flash_attention = _kv_type(environ), _flash_attention(environ)
        if kv_type != "f16" and flash_attention is False:
            raise WrongSetting(f"OLLAMA_KV_CACHE_TYPE={kv_type} needs OLLAMA_FLASH_ATTENTION, which is switched off.")
        models = environ.get("OLLAMA_MODELS", "").strip()
        return cls(
            data=Path(environ.get("HEARTH_DATA") or "data").expanduser().resolve(),
            host=host,
            port=port,
            ollama_models=_store_folder(models) if models else None,
            keep_alive_s=_duration(environ, "OLLAMA_KEEP_ALIVE", DEFAULT_KEEP_ALIVE_S),
            num_parallel=_count(environ, "OLLAMA_NUM_PARALLEL", 0) or None,
            max_queue=_count(environ, "OLLAMA_MAX_QUEUE", DEFAULT_MAX_QUEUE),
            max_loaded=_count(environ, "OLLAMA_MAX_LOADED_MODELS", 0) or DEFAULT_MAX_LOADED,
            context_length=_count(environ, "OLLAMA_CONTEXT_LENGTH", 0) or None,
            load_timeout_s=_load_timeout(environ),
            keys=keys,
            origins=tuple(filter(None, map(str.strip, environ.get("OLLAMA_ORIGINS", "").split(",")))),
            hub=_hub(environ),
            prunes=not is_on(environ.get("OLLAMA_NOPRUNE", "")),
            max_streams=_count(environ, "OLLAMA_MAX_TRANSFER_STREAMS", 0) or None,
            parked_bytes=_count(environ, "HEARTH_PREFIX_CACHE_MB", DEFAULT_PARKED_MB) * 10**6,
            kv_type=kv_type,
            flash_attention=flash_attention,
            is_debug=is_on(environ.get("OLLAMA_DEBUG", "")),
            logs_requests=is_on(environ.get("OLLAMA_DEBUG_LOG_REQUESTS", "")),
            notes=(*notes, *without_effect(environ)),
        )


def is_on(switch: str) -> bool:
    """Return whether a variable that is a switch is on: anything but an empty text and the words for no."""
    return switch.strip().lower() not in ("", "0", "false", "no", "off")


def parse_listen_address(text: str, default_port: int = DEFAULT_PORT) -> tuple[str, int]:
    """Return (host, port) of `host`, `host:port`, `:port`, `scheme://host:port` or `[ipv6]:port`.

    Source: Ollama's envconfig/config.go, `Host`: a scheme changes the port that is meant when none is given.
    """
    value = text.strip().strip("\"'").strip()
    scheme, _, rest = value.rpartition("://")
    authority = rest.partition("/")[0]
    port = {"http": 80, "https": 443}.get(scheme.lower(), default_port) if scheme else default_port
    if authority.count(":") > 1 and not authority.startswith("["):
        authority = f"[{authority}]"
    try:
        parts = urlsplit(f"//{authority}")
        host, port = parts.hostname or DEFAULT_HOST, parts.port if parts.port is not None else port
    except ValueError:
        raise WrongSetting(f"OLLAMA_HOST={text} is no address; write host:port, for example 127.0.0.1:11434.") from None
    if not _HOST_NAME.fullmatch(host) or parts.username is not None:
        raise WrongSetting(f"OLLAMA_HOST={text} is no address; write host:port, for example 127.0.0.1:11434.")
    return host, port


def _fallback_port(environ: Mapping[str, str], notes: list[str]) -> int:
    """Return the port meant when OLLAMA_HOST has none. OLLAMA_PORT is no variable of Ollama, but guides name it."""
    if not environ.get("OLLAMA_PORT", "").strip():
        return DEFAULT_PORT
    port = _count(environ, "OLLAMA_PORT", DEFAULT_PORT)
    if not 0 < port < 65536:
        raise WrongSetting(f"OLLAMA_PORT={port} is no port; write a number from 1 to 65535.")
    notes.append("OLLAMA_PORT is not one of Ollama's variables; write the port into OLLAMA_HOST instead.")
    return port


def server_keys(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of HEARTH_API_KEY, or of the file that names it with _FILE. Raises WrongSetting."""
    name, text = "HEARTH_API_KEY", environ.get("HEARTH_API_KEY", "").strip()
    file = "" if text else environ.get(f"{name}_FILE", "").strip()
    if file:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise WrongSetting(f"{name}_FILE={file} names a file that cannot be read.") from None
    keys = tuple(filter(None, map(str.strip, text.split(","))))
    if any(len(key) < SHORTEST_KEY or not _KEY.fullmatch(key) for key in keys):
        raise WrongSetting(f"{name} must hold keys of at least {SHORTEST_KEY} letters and digits, without spaces.")
    if file and not keys:
        raise WrongSetting(f"{name}_FILE={file} names an empty file.")
    return keys


def _kv_type(environ: Mapping[str, str]) -> KvType:
    text = environ.get("OLLAMA_KV_CACHE_TYPE", "").strip().lower() or "f16"
    for kv_type in KV_TYPES:
        if text == kv_type:
            return kv_type
    raise WrongSetting(f"OLLAMA_KV_CACHE_TYPE={text} is not known; write one of {', '.join(KV_TYPES)}.")


def _flash_attention(environ: Mapping[str, str]) -> bool | None:
    text = environ.get("OLLAMA_FLASH_ATTENTION", "").strip()
    return is_on(text) if text else None


def _load_timeout(environ: Mapping[str, str]) -> float:
    """Return how long a load may take. Source: Ollama's envconfig/config.go: zero and less mean without end."""
    given_s = _duration(environ, "OLLAMA_LOAD_TIMEOUT", DEFAULT_LOAD_TIMEOUT_S)
    return min(given_s, LONGEST_LOAD_S) if given_s else LONGEST_LOAD_S


def _store_folder(text: str) -> Path:
    folder = Path(text).expanduser()
    if folder.exists() and not folder.is_dir():
        raise WrongSetting(f"OLLAMA_MODELS={text} is not a folder.")
    return folder.absolute()


def _hub(environ: Mapping[str, str]) -> HubSettings:
    endpoint = environ.get("HF_ENDPOINT", "").strip().rstrip("/") or DEFAULT_ENDPOINT
    try:
        parts = urlsplit(endpoint)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or parts.username is not None or parts.query or parts.fragment or not endpoint.isascii():
        raise WrongSetting(f"HF_ENDPOINT={endpoint} is no address; write for example HF_ENDPOINT={DEFAULT_ENDPOINT}.")
    token = environ.get("HF_TOKEN", "").strip()
    if not token.isascii() or not token.isprintable():
        raise WrongSetting("HF_TOKEN holds characters that no token has.")
    token_host = environ.get("HF_TOKEN_HOST", "").strip().lower() or DEFAULT_TOKEN_HOST
    return HubSettings(endpoint=endpoint, token=token, token_host=token_host)


def _count(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or len(text) > 9:
        raise WrongSetting(f"{name}={text} is not a whole number; write for example {name}={default or 4}.")
    return int(text)


def _duration(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        return parse_duration(text)
    except ValueError:
        raise WrongSetting(f"{name}={text} is no duration; write for example {name}=5m.") from None
