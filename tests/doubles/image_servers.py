"""Servers that make pictures, each speaking its own API, with the bad manners that a test needs.

Sources: platform.openai.com/docs/api-reference/images; modules/api/api.py of AUTOMATIC1111; server.py of ComfyUI.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from tests.doubles.pictures import png
from tests.doubles.serving import handled_by

Kind = Literal["openai", "automatic1111", "comfyui"]

WORKFLOW = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 5,
            "steps": 20,
            "cfg": 8,
            "sampler_name": "euler",
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "v1-5.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a bottle", "clip": ["4", 1]}, "_meta": {"title": "Good"}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
}
"""The one that ComfyUI starts with."""


@dataclass(slots=True)
class Asked:
    method: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass(slots=True)
class ImageServer:
    """What it answers with can be changed at any time.

    Attributes:
        go: Pictures are made while it is set.
        percent: What AUTOMATIC1111 and ComfyUI tell of a picture that is being made.
        has_socket: Whether ComfyUI's websocket can be reached.
        status, said: Answers everything with an error, or as a web page with 200.
        with_urls: OpenAI's answers name this address instead of holding a picture.
        workflow_error: What ComfyUI's history says went wrong.
    """

    kind: Kind
    port: int = 0
    key: str = ""
    picture: bytes = field(default_factory=lambda: png(64, 48))
    go: threading.Event = field(default_factory=threading.Event)
    percent: int = 0
    has_socket: bool = True
    status: int = 200
    said: bytes = b""
    content_type: str = "application/json"
    with_urls: str = ""
    workflow_error: str = ""
    asked: list[Asked] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    clients: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        root = f"http://127.0.0.1:{self.port}"
        return f"{root}/v1" if self.kind == "openai" else root

    @property
    def drawn(self) -> list[dict[str, Any]]:
        """The bodies of the requests for pictures."""
        paths = ("/v1/images/generations", "/sdapi/v1/txt2img", "/prompt")
        return [asked.body for asked in self.asked if asked.path in paths]

    def break_with(self, status: int, said: bytes = b"", content_type: str = "application/json") -> None:
        self.status, self.said, self.content_type = status, said, content_type

    # ---- what each API answers ----

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> object:
        """Return JSON, bytes of a picture, or None for what is not there."""
        if path == "/made.png":
            return self.picture
        return getattr(self, f"_{self.kind}")(method, path, query, body)

    def _encoded(self) -> str:
        return base64.b64encode(self.picture).decode()

    def _openai(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> object:
        if path == "/v1/models":
            return {"object": "list", "data": [{"id": "tiny-chat"}, {"id": "dall-e-2"}]}
        if path != "/v1/images/generations":
            return None
        self.go.wait(30)
        one = {"url": self.with_urls} if self.with_urls else {"b64_json": self._encoded()}
        return {"created": 1, "data": [one | {"revised_prompt": f"{body['prompt']}, in oil"}] * body["n"]}

    def _automatic1111(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> object:
        match path:
            case "/sdapi/v1/sd-models":
                return [{"title": "v1-5.safetensors [6ce0161689]", "model_name": "v1-5"}]
            case "/sdapi/v1/samplers":
                return [{"name": "Euler a", "aliases": ["k_euler_a"], "options": {}}]
            case "/sdapi/v1/progress":
                return {
                    "progress": self.percent / 100,
                    "eta_relative": 3.0,
                    "state": {"job_count": 1},
                    "textinfo": None,
                }
            case "/sdapi/v1/interrupt":
                self.stopped.append("interrupt")
                return {}
            case "/sdapi/v1/txt2img":
                self.go.wait(30)
                seeds = [body["seed"] + number for number in range(body["batch_size"])]
                pictures = [self._encoded()] * body["batch_size"]
                return {"images": pictures, "parameters": body, "info": json.dumps({"all_seeds": seeds})}
        return None

    def _comfyui(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> object:
        match path:
            case "/system_stats":
                return {"system": {"os": "posix", "comfyui_version": "0.3"}, "devices": []}
            case "/object_info/CheckpointLoaderSimple":
                names = [["v1-5.safetensors", "sdxl.safetensors"], {}]
                return {"CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": names}}}}
            case "/prompt":
                run = f"run-{len(self.runs)}"
                self.runs[run] = body["prompt"]
                self.clients.add(body["client_id"])
                return {"prompt_id": run, "number": len(self.runs), "node_errors": {}}
            case "/queue" if method == "POST":
                self.stopped += [f"delete {run}" for run in body["delete"]]
                return b""
            case "/queue":
                return {"queue_running": [[0, "run-0", {}, {}, []]], "queue_pending": []}
            case "/interrupt":
                self.stopped.append("interrupt")
                return b""
            case "/view":
                return self.picture if query["filename"] == ["made_1.png"] else None
        run = path.removeprefix("/history/")
        return self._history(run) if run in self.runs else None

    def _history(self, run: str) -> dict[str, Any]:
        if self.workflow_error:
            said = {"node_type": "KSampler", "exception_message": self.workflow_error}
            status = {"status_str": "error", "completed": False, "messages": [["execution_error", said]]}
            return {run: {"outputs": {}, "status": status}}
        if not self.go.is_set():
            return {}
        made = [
            {"filename": "seen_1.png", "subfolder": "", "type": "temp"},
            {"filename": "made_1.png", "subfolder": "", "type": "output"},
        ]
        return {run: {"outputs": {"9": {"images": made}}, "status": {"status_str": "success", "completed": True}}}

    def tell(self, connection: socket.socket, client: str) -> None:
        """Send what ComfyUI tells one client of its run, and a preview of it, until the other side goes."""
        status = {"status": {"exec_info": {"queue_remaining": 1}}, "sid": client}
        connection.sendall(_frame(TEXT, json.dumps({"type": "status", "data": status}).encode()))
        connection.settimeout(0.01)
        while True:
            if self.percent and client in self.clients:
                step = {"value": self.percent / 5, "max": 20, "prompt_id": "run-0", "node": "3"}
                connection.sendall(_frame(TEXT, json.dumps({"type": "progress", "data": step}).encode()))
                connection.sendall(_frame(BINARY, b"\0\0\0\1\0\0\0\2" + self.picture))
            with suppress(TimeoutError):
                if not (received := connection.recv(1024)) or received[0] == FINAL | CLOSE:
                    connection.sendall(_frame(CLOSE, b"\x03\xe8"))
                    return


FINAL, TEXT, BINARY, CLOSE = 0x80, 0x1, 0x2, 0x8


def _frame(kind: int, content: bytes) -> bytes:
    """Return a frame of a websocket, of less than 64 KiB. Source: RFC 6455, 5.2."""
    size = bytes([len(content)]) if len(content) < 126 else b"\x7e" + len(content).to_bytes(2)  # noqa: PLR2004
    return bytes([FINAL | kind]) + size + content


def _accepted(key: str) -> str:
    """Return what answers the key of a handshake. Source: RFC 6455, 4.2.2."""
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


@contextmanager
def image_server(kind: Kind, *, key: str = "") -> Iterator[ImageServer]:
    """Run one; with a `key` it refuses whoever does not bring that."""
    server = ImageServer(kind, key=key)
    server.go.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802  (http.server asks for it)
            self._answer({})

        def do_POST(self) -> None:  # noqa: N802
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}"))

        def _answer(self, body: dict[str, Any]) -> None:
            parts = urlsplit(self.path)
            server.asked.append(Asked(self.command, parts.path, body, dict(self.headers)))
            if server.key and self.headers["Authorization"] != server.key:
                self._send(401, b'{"detail": "Unauthorized"}', "application/json")
            elif server.status != 200 or server.said:  # noqa: PLR2004
                self._send(server.status, server.said, server.content_type)
            elif parts.path == "/ws" and server.kind == "comfyui" and server.has_socket:
                self._upgrade(parse_qs(parts.query)["clientId"][0])
            else:
                found = server.answer(self.command, parts.path, parse_qs(parts.query), body)
                is_raw = isinstance(found, bytes)
                content = found if isinstance(found, bytes) else json.dumps(found).encode()
                kind = "image/png" if is_raw else "application/json"
                self._send(404 if found is None else 200, content, kind)

        def _upgrade(self, client: str) -> None:
            self.close_connection = True
            with suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(101)
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                self.send_header("Sec-WebSocket-Accept", _accepted(self.headers["Sec-WebSocket-Key"]))
                self.end_headers()
                self.wfile.flush()
                server.tell(self.connection, client)

        def _send(self, status: int, content: bytes, kind: str) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with handled_by(Handler) as server.port:
        try:
            yield server
        finally:
            server.go.set()
