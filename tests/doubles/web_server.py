"""A web server on this machine with the pages, redirects and bad manners that a test needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.doubles.serving import handled_by


@dataclass(slots=True)
class WebServer:
    """Answers by path; what it was asked, with which headers, is in `asked`."""

    port: int = 0
    pages: dict[str, tuple[int, dict[str, str], bytes | Callable[[], Iterator[bytes]]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def page(self, path: str, body: bytes | str, content_type: str = "text/html; charset=utf-8") -> str:
        """Serve a page; return its address."""
        content = body.encode() if isinstance(body, str) else body
        self.pages[path] = (200, {"Content-Type": content_type, "Content-Length": str(len(content))}, content)
        return self.url(path)

    def answer(self, path: str, status: int, **headers: str) -> str:
        """Answer with a status and headers; underscores in their names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (status, {"Content-Length": "0", **named}, b"")
        return self.url(path)

    def stream(self, path: str, pieces: Callable[[], Iterator[bytes]], **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (200, {"Content-Type": "text/html", **named}, pieces)
        return self.url(path)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def web_server() -> Iterator[WebServer]:
    server = WebServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802  (http.server asks for it)
            server.asked.append((self.path, dict(self.headers)))
            status, headers, body = server.pages.get(self.path, (404, {"Content-Length": "0"}, b""))
            self.send_response(status)
            self.send_header("Set-Cookie", "tracked=yes")
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for piece in [body] if isinstance(body, bytes) else body():
                    self.wfile.write(piece)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with handled_by(Handler) as server.port:
        yield server
