"""The settings of this package: addresses that need no configuration, limits, and the cipher for keys."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes
from django.utils.text import slugify

from inference.nearby import socket_path_for
from inference.types import ConnectionKind

BUILTIN_NAME = "Built-in"
BUILTIN_PREFIX = "builtin"

CONNECT_TIMEOUT_S = 5.0
LIST_TIMEOUT_S = 6.0
"""What one dead connection may cost whoever asks for the models."""
FIRST_PATIENCE_S = 2.0
KNOWN_PATIENCE_S = 0.5
"""What a slow one may cost a page: when it was never asked before, and when there is something to show meanwhile."""
READ_TIMEOUT_S = 600.0
"""Silence inside an answer: a large model on a slow disk loads for minutes before its first token."""
EMBED_TIMEOUT_S = 300.0
DEFAULT_NUM_CTX = 8192
"""The context window asked of a remote Ollama, whose own default cuts long prompts without a word."""
MODELS_TTL_S = 10.0
"""How long a list of models is good."""
CONNECTIONS_TTL_S = 5.0
"""How long another process may go on using a connection that was changed or disabled here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSpec:
    """A connection as the code that talks to it needs it, wherever it was configured.

    Attributes:
        prefix: Put before the names of its models when another connection offers the same ones.
        key: Bearer key; None without one. Never part of the repr, which ends up in logs.
        is_key_readable: False when the stored key cannot be decrypted with this secret key.
        nearby: Where the built-in server may be asked for embeddings without HTTP; None for other machines.
    """

    name: str
    kind: ConnectionKind
    url: str
    prefix: str
    key: str | None = field(default=None, repr=False)
    is_key_readable: bool = True
    nearby: Path | None = None

    @property
    def authorization(self) -> str:
        """The header that carries the key; empty without one."""
        return f"Bearer {self.key}" if self.key else ""


def builtin_connection() -> ConnectionSpec:
    """The built-in model server: the connection that is there without configuration."""
    url = settings.HEARTH_INFERENCE_URL.rstrip("/")
    # It may take several keys, one for each of its clients; ours is the first.
    key = settings.HEARTH_API_KEY.partition(",")[0].strip() or None
    nearby = socket_path_for(url, Path(settings.HEARTH_DATA))
    return ConnectionSpec(name=BUILTIN_NAME, kind="builtin", url=url, prefix=BUILTIN_PREFIX, key=key, nearby=nearby)


def environment_connections() -> tuple[ConnectionSpec, ...]:
    """The connections that OLLAMA_BASE_URLS, OPENAI_API_BASE_URLS and OPENAI_API_KEYS name.

    The n-th key belongs to the n-th OpenAI URL. An Ollama address that is the built-in server's is left out.
    """
    keys = [key.strip() or None for key in settings.OPENAI_API_KEYS.split(";")]
    found: list[tuple[ConnectionKind, str, str | None]] = [
        ("ollama", url.rstrip("/"), None)
        for url in settings.OLLAMA_BASE_URLS
        if url.rstrip("/") != builtin_connection().url
    ]
    urls = settings.OPENAI_API_BASE_URLS
    found += [("openai", url.rstrip("/"), key) for url, key in zip_longest(urls, keys[: len(urls)])]

    specs: list[ConnectionSpec] = []
    for kind, url, key in found:
        address = urlsplit(url).netloc.rpartition("@")[2]
        prefix = unused_prefix(slugify(address.replace(".", "-").replace(":", "-")), {spec.prefix for spec in specs})
        specs.append(ConnectionSpec(name=address, kind=kind, url=url, prefix=prefix, key=key))
    return tuple(specs)


def unused_prefix(wanted: str, taken: set[str]) -> str:
    """Return the wanted prefix, or the first of `wanted-2`, `wanted-3` ... that nobody has."""
    base = wanted or "connection"
    candidate, number = base, 1
    while candidate in taken or candidate == BUILTIN_PREFIX:
        number += 1
        candidate = f"{base}-{number}"
    return candidate


def cipher() -> MultiFernet:
    """Encrypts with a key made from SECRET_KEY; decrypts also with those of SECRET_KEY_FALLBACKS."""
    return MultiFernet([Fernet(_derive(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _derive(secret: str | bytes) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"hearth connection keys")
    return base64.urlsafe_b64encode(hkdf.derive(force_bytes(secret)))
