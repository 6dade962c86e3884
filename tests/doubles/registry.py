"""A model registry on a loopback port that can be slow, broken or hostile."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

LAYER_TYPE = "application/vnd.ollama.image."


@dataclass
class Registry:
    """What the registry holds, how it misbehaves, and what it was asked.

    Attributes:
        cut_after: Bytes of a blob after which the connection is dropped, once for each number.
        realm: Where a token is to be fetched; asks for one when not empty.
        redirect_to: Where blobs are redirected to.
        ignores_ranges: Always answers with the whole blob.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)
    realm: str = ""
    redirect_to: str = ""
    ignores_ranges: bool = False
    blob_status: int = 200
    encoding: str = ""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    n_blob_bytes: int = 0

    def __enter__(self) -> Self:
        registry = self

        class Handler(_Handler):
            state = registry

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def paths(self) -> list[str]:
        return [path for path, _headers in self.requests]

    def put(self, name: str, **layers: bytes) -> None:
        """Offer `namespace/model/tag` with these layers."""
        described = []
        for kind, data in layers.items():
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            self.blobs[digest] = data
            described.append({"mediaType": LAYER_TYPE + kind, "digest": digest, "size": len(data)})
        self.manifests[name] = json.dumps({"schemaVersion": 2, "layers": described}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Registry

    def do_GET(self) -> None:  # noqa: N802
        self.state.requests.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
        if self.path.startswith("/token"):
            self._send(200, b'{"token": "a-token"}')
        elif self.state.realm and "Authorization" not in self.headers:
            challenge = f'Bearer realm="{self.state.realm}",service="registry",scope="pull"'
            self._send(401, b"", {"WWW-Authenticate": challenge})
        elif "/manifests/" in self.path:
            self._send_manifest()
        elif self.state.redirect_to:
            self._send(307, b"", {"Location": self.state.redirect_to + self.path})
        else:
            self._send_blob()

    def _send_manifest(self) -> None:
        _, _, namespace, model, _, tag = self.path.split("/")
        manifest = self.state.manifests.get(f"{namespace}/{model}/{tag}")
        extra = {"Content-Encoding": self.state.encoding} if self.state.encoding else {}
        self._send(404 if manifest is None else 200, manifest or b"{}", extra)

    def _send_blob(self) -> None:
        data = self.state.blobs.get(self.path.rsplit("/", 1)[-1])
        if data is None or self.state.blob_status != 200:
            self._send(404 if data is None else self.state.blob_status, b"")
            return
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and not self.state.ignores_ranges else 0
        headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        self._send(206 if start else 200, data[start:], headers, is_blob=True)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, is_blob: bool = False) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if is_blob and self.state.cut_after:
            body = body[: self.state.cut_after.pop(0)]
            self.close_connection = True
        if is_blob:
            self.state.n_blob_bytes += len(body)
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the tests read `requests`."""
