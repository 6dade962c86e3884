"""Where a link really goes, when its name is another address."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

_TLD = (
    "com|org|net|edu|gov|mil|int|info|biz|io|app|dev|bank|example|co|eu|uk|de|fr|nl|ch|at|es|it|se|no|pl|ru|cn|tw|hk|jp|"
    "kr|in|br|au|ca|us"
)
# An address, or nothing but the name of a host: "Node.js" and "notes.md" are none.
_ADDRESS = re.compile(
    rf"https?://([\w.-]+)|\b(www\.[\w.-]+)|^\s*([\w-]+(?:\.[\w-]+)*\.(?:{_TLD}))(?:[/:?#]\S*)?\s*$", re.I
)


def hidden_host(label: str, address: str) -> str:
    """Return the host that a link goes to when its label names another one, else nothing."""
    host = _bare(urlsplit(address).hostname or "")
    shown = unicodedata.normalize("NFKC", "".join(c for c in label if unicodedata.category(c) != "Cf"))
    named = [_bare(next(filter(None, found.groups()))) for found in _ADDRESS.finditer(shown)]
    return host if host and any(name != host for name in named) else ""


def _bare(host: str) -> str:
    return host.lower().rstrip(".").removeprefix("www.")
