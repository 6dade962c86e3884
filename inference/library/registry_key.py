"""The key by which registries know this installation, and how a request for a token is signed with it.

Source: ollama's auth/auth.go `Sign` and server/auth.go `getAuthorizationToken`; the files are those of OpenSSH.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx

from inference.library.errors import KeyFailed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

logger = logging.getLogger(__name__)

KEY_NAME = "id_ed25519"
MAX_KEY_BYTES = 64 * 1024
NONCE_BYTES = 16
_HASH_OF_NO_BODY = base64.b64encode(hashlib.sha256().hexdigest().encode()).decode()


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry's 401 asks for. `scopes` may be several."""

    realm: httpx.URL
    service: str
    scopes: tuple[str, ...]

    def url(self) -> httpx.URL:
        """Return where a token for nobody in particular is to be had."""
        return self._url([])

    def signed_url(self) -> httpx.URL:
        """Return such an address that is good for one request at this time, once it is signed."""
        return self._url([("ts", str(int(time.time()))), ("nonce", secrets.token_urlsafe(NONCE_BYTES))])

    def _url(self, more: list[tuple[str, str]]) -> httpx.URL:
        service = [("service", self.service)] if self.service else []
        scopes = [("scope", scope) for scope in self.scopes]
        # In the order of the names, as Go writes them.
        query = sorted([*self.realm.params.multi_items(), *service, *scopes, *more], key=lambda item: item[0])
        return self.realm.copy_with(query=urlencode(query).encode())


class RegistryKey:
    """An ed25519 key in a file of its own, made when it is first needed.

    Args:
        folder: Where `id_ed25519` lies, or will lie, and `id_ed25519.pub` beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / KEY_NAME

    def authorization(self, method: str, url: httpx.URL) -> str:
        """Return the header's value for a request without a body. Reads files. Raises KeyFailed."""
        key = self._key()
        signed = key.sign(f"{method},{url},{_HASH_OF_NO_BODY}".encode())
        return f"{_public_text(key).split()[1]}:{base64.b64encode(signed).decode()}"

    def public_text(self) -> str:
        """Return the line that is told to a registry's account page. Raises KeyFailed."""
        return _public_text(self._key())

    def _key(self) -> Ed25519PrivateKey:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_ssh_private_key

        try:
            key = load_ssh_private_key(self._data(), password=None)
        except OSError as exc:
            raise KeyFailed(str(self.path), exc.strerror or "it cannot be read") from exc
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            # A TypeError asks for a password.
            raise KeyFailed(str(self.path), "it holds no OpenSSH key without a password") from exc
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFailed(str(self.path), "it is no ed25519 key")
        return key

    def _data(self) -> bytes:
        if not self.path.exists():
            self._make()
        with self.path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o077:
                logger.warning("%s could be read by others; it is now its owner's alone", self.path)
                os.fchmod(file.fileno(), 0o600)
            return file.read(MAX_KEY_BYTES)

    def _make(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = Ed25519PrivateKey.generate()
        data = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{KEY_NAME}-{secrets.token_hex(8)}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, self.path)  # Unlike a rename, it never takes the place of another one's key.
            except FileExistsError:
                return
        finally:
            temporary.unlink(missing_ok=True)
        public = _public_text(key)
        self.path.with_name(f"{KEY_NAME}.pub").write_text(f"{public}\n")
        logger.info("made the key by which registries know this installation: %s", public)


def _public_text(key: Ed25519PrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
