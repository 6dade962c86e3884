"""How long a WebM file lasts. Source: RFC 8794 (EBML) and RFC 9559 (Matroska)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_MILLISECOND_NS: Final = 1_000_000
# What is in these is read as if it stood beside them, so that it does not matter that a recording in progress does not
# say how large they are.
_CONTAINERS: Final = frozenset({0x18538067, 0x1549A966, 0x1F43B675, 0xA0})
_TIMESTAMP_SCALE: Final = 0x2AD7B1
_CLUSTER_TIMESTAMP: Final = 0xE7
_BLOCKS: Final = frozenset({0xA1, 0xA3})


def webm_s(data: bytes) -> float | None:
    scale, cluster, end = _MILLISECOND_NS, 0, None
    for name, content in _elements(data):
        if name == _TIMESTAMP_SCALE:
            scale = int.from_bytes(content, "big")
        elif name == _CLUSTER_TIMESTAMP:
            cluster = int.from_bytes(content, "big")
        elif name in _BLOCKS and len(content) >= 3:
            # The number of the track, one byte for the first 127, then the time within the cluster.
            end = max(end or 0, cluster + int.from_bytes(content[1:3], "big", signed=True))
    return None if end is None else end * scale / 1e9


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the elements of a file up to where it breaks off, each with its first bytes."""
    at = 0
    while at < len(data):
        n_name = _n_bytes(data[at], most=4)
        if n_name == 0 or at + n_name >= len(data):
            return
        name = int.from_bytes(data[at : at + n_name], "big")
        at += n_name
        n_size = _n_bytes(data[at], most=8)
        if n_size == 0 or at + n_size > len(data):
            return
        size = int.from_bytes(data[at : at + n_size], "big") & ((1 << 7 * n_size) - 1)
        at += n_size
        if name in _CONTAINERS:
            continue
        yield name, data[at : at + min(size, 16)]
        at += size


def _n_bytes(first: int, *, most: int) -> int:
    """Return how long a number is that begins with this byte; 0 when it can be none."""
    n = 9 - first.bit_length()
    return n if n <= most else 0
