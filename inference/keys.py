"""Keys of other servers: encrypted where they are kept, and bound to the host that they were entered for."""

from __future__ import annotations

from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken

from inference.conf import cipher
from inference.errors import KeyUnreadable


def encrypted(key: str) -> str:
    """Return what may be kept of a key; of none, nothing."""
    return cipher().encrypt(key.encode()).decode() if key else ""


def decrypted(kept: str, *, name: str) -> str | None:
    """Return a kept key, None where there is none.

    Args:
        name: Whose key it is, for the error.

    Raises:
        KeyUnreadable: It was encrypted with another secret key.
    """
    if not kept:
        return None
    try:
        return cipher().decrypt(kept).decode()
    except InvalidToken as exc:
        raise KeyUnreadable(name) from exc


def is_same_host(url: str, other: str) -> bool:
    """Whether a key that was entered for one address may be sent to another: keys can be written but not read,
    and pointing an address elsewhere would read one.
    """
    return _origin(url) == _origin(other)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
