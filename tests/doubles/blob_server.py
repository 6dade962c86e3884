"""Files on a loopback port that come slowly, in pieces, under links that expire, or not as promised."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar, Self

_WRITE_BYTES = 64 * 1024


@dataclass
class BlobServer:
    """What is served by digest, how it misbehaves, and what it was asked.

    Attributes:
        cut_after: Bytes of an answer after which the connection is dropped, once for each number.
        stall_after: Bytes after which nothing more comes although the connection stays, once for each number.
        uses_per_link: How often a signed link is good; None for ever.
        bytes_per_s: Of one connection; None as fast as it goes.
        claims_bytes: The size that answers claim for every file.
        shifts_ranges: Answers with the part that begins one byte later.
        n_blob_bytes: Bytes of files that were sent.
        n_connections: Connections that clients opened.
        n_at_once: Most answers that were being sent at the same time; `n_open` now.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)
    stall_after: list[int] = field(default_factory=list)
    ignores_ranges: bool = False
    uses_per_link: int | None = None
    bytes_per_s: int | None = None
    claims_bytes: int | None = None
    shifts_ranges: bool = False
    blob_status: int = 200
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    n_blob_bytes: int = 0
    n_at_once: int = 0
    n_connections: int = 0

    def __enter__(self) -> Self:
        server = self

        class Handler(self.handler):  # type: ignore[misc, name-defined]
            state = server

        self.n_open = 0
        self._uses: dict[str, int] = {}
        self._serials = itertools.count(1)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def handler(self) -> type[BlobHandler]:
        return BlobHandler

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def paths(self) -> list[str]:
        return [path for path, _headers in self.requests]

    def signed_link(self, digest: str) -> str:
        """Return a new address for a file; it stops working after `uses_per_link` requests."""
        return f"http://{self.host}/signed/{next(self._serials)}/{digest}"

    def _is_expired(self, path: str) -> bool:
        with self._lock:
            self._uses[path] = self._uses.get(path, 0) + 1
            return self.uses_per_link is not None and self._uses[path] > self.uses_per_link

    def _take(self, numbers: list[int]) -> int | None:
        with self._lock:
            return numbers.pop(0) if numbers else None

    def _connected(self) -> None:
        with self._lock:
            self.n_connections += 1

    def _count(self, n_bytes: int, opened: int = 0) -> None:
        with self._lock:
            self.n_blob_bytes += n_bytes
            self.n_open += opened
            self.n_at_once = max(self.n_at_once, self.n_open)


class BlobHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: ClassVar[BlobServer]

    def handle(self) -> None:
        self.state._connected()
        with contextlib.suppress(ConnectionError):  # Clients leave in the middle; that is what they are tested for.
            super().handle()

    def do_GET(self) -> None:  # noqa: N802
        self.note()
        if self.path.startswith("/signed/") and self.state._is_expired(self.path):
            self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        else:
            self.send_blob()

    do_HEAD = do_GET  # noqa: N815

    def note(self) -> None:
        self.state.requests.append((self.path, {key.lower(): value for key, value in self.headers.items()}))

    def send_blob(self) -> None:
        data = self.state.blobs.get(self.path.rpartition("/")[2])
        if data is None or self.state.blob_status != 200:
            self.answer(404 if data is None else self.state.blob_status, b"")
            return
        size = len(data) if self.state.claims_bytes is None else self.state.claims_bytes
        asked = self.headers.get("Range")
        if asked is None or self.state.ignores_ranges:
            self._send_slowly(200, data, {"Content-Length": str(size)})
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) + self.state.shifts_ranges
        part = data[start : int(last) + 1 if last else None]
        headers = {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{size}", "Content-Length": str(len(part))}
        self._send_slowly(206, part, headers)

    def _send_slowly(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        cut, stall = self.state._take(self.state.cut_after), self.state._take(self.state.stall_after)
        ends = [number for number in (cut, stall, len(body)) if number is not None]
        try:
            self._write(body[: min(ends)])
        except OSError:  # The client has gone.
            self.close_connection = True
        if stall is not None and stall < len(body):
            self.state._closing.wait()
        if min(ends) < len(body) or int(headers["Content-Length"]) != len(body):
            self.close_connection = True

    def _write(self, body: bytes) -> None:
        self.state._count(0, opened=1)
        is_open = True
        try:
            for start in range(0, len(body), _WRITE_BYTES):
                piece = body[start : start + _WRITE_BYTES]
                if self.state.bytes_per_s is not None:
                    time.sleep(len(piece) / self.state.bytes_per_s)
                if start + _WRITE_BYTES >= len(body):
                    # Before the last bytes: a client that has them may ask for more at once.
                    self.state._count(0, opened=-1)
                    is_open = False
                self.wfile.write(piece)
                self.state._count(len(piece))
        finally:
            self.state._count(0, opened=-1 if is_open else 0)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the tests read `requests`."""
