"""How a process of the same machine asks the built-in model server for embeddings without HTTP. No I/O.

A Unix socket in the data folder, which only its owner can open. Frames are those between the model server and its
runners: an `EmbedAsked`, and behind it an `EmbedAnswered` with the vectors as the frame's raw bytes (float32, row after
row) or a `Refused`. One is answered before the next is asked; who closes the connection wants no answer any more.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal, TypedDict
from urllib.parse import urlsplit


class EmbedAsked(TypedDict):
    model: str
    input: list[str]


class EmbedAnswered(TypedDict):
    type: Literal["embedded"]
    n_dims: int


class Refused(TypedDict):
    """`status` and `error` are those of the same request over HTTP."""

    type: Literal["refused"]
    status: int
    error: str


def socket_path(data: Path, port: int) -> Path:
    """Return where the model server that has this TCP port listens as well; a port has one server at a time."""
    return data / f"inference-{port}.sock"


def socket_path_for(url: str, data: Path) -> Path | None:
    """Return the socket of a model server by its address; None when that is another machine's."""
    address = urlsplit(url)
    if address.port is None or not _is_loopback(address.hostname or ""):
        return None
    return socket_path(data, address.port)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
