"""Web processes of the real command line over one PostgreSQL and one Redis, and people who use them over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.doubles.vector_servers import free_port
from tests.management.commands import ROOT, environment_for

TIMEOUT_S = 20.0
PASSWORD = "a-long-enough-passphrase"
Event = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebProcess:
    url: str
    log: Path
    process: subprocess.Popen[bytes]


@contextmanager
def web_process(data: Path, name: str, **environment: str) -> Iterator[WebProcess]:
    """Run `manage.py web` on a free port; on a database that is prepared already."""
    port = free_port()
    log = data.parent / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  (our own command)
            [sys.executable, str(ROOT / "manage.py"), "web", "--port", str(port)],
            env=environment_for(data, **environment), cwd=data.parent, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield WebProcess(url=f"http://127.0.0.1:{port}", log=log, process=process)
    finally:
        process.terminate()
        try:
            process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(TIMEOUT_S)


def wait_until_alive(web: WebProcess) -> None:
    def answers() -> bool:
        assert web.process.poll() is None, f"the process ended while it started:\n{web.log.read_text()}"
        try:
            return httpx.get(f"{web.url}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers, timeout_s=60)


def wait_until(holds: Callable[[], object], timeout_s: float = TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.05)


class Person:
    """One browser's cookies. Cookies know no ports, so one sign-in counts for all processes."""

    def __init__(self, email: str) -> None:
        self.email = email
        self._cookies = httpx.Cookies()

    def sign_up(self, web: WebProcess) -> int:
        return self._submit(web, "signup", {"email": self.email, "password1": PASSWORD, "name": ""})

    def log_in(self, web: WebProcess) -> int:
        return self._submit(web, "login", {"login": self.email, "password": PASSWORD})

    def _submit(self, web: WebProcess, page: str, form: dict[str, str]) -> int:
        url = f"{web.url}/accounts/{page}/"
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self._ask("GET", url).text)
        assert token is not None
        return self._ask("POST", url, data=form | {"csrfmiddlewaretoken": token[1]}).status_code

    def get(self, web: WebProcess, path: str) -> httpx.Response:
        return self._ask("GET", f"{web.url}{path}")

    def _ask(self, method: str, url: str, **fields: Any) -> httpx.Response:
        with httpx.Client(cookies=self._cookies, timeout=TIMEOUT_S) as browser:
            response = browser.request(method, url, **fields)
            self._cookies = browser.cookies
        return response

    def page(self, web: WebProcess) -> Page:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies.jar)
        return Page(web, cookies)


class Page:
    """One open page: a socket to one process."""

    def __init__(self, web: WebProcess, cookies: str) -> None:
        self._web = web
        self._cookies = cookies
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        self._socket = await connect(
            f"{self._web.url.replace('http', 'ws', 1)}/ws/",
            origin=self._web.url,  # type: ignore[arg-type]  # a plain text to them as well
            additional_headers={"Cookie": self._cookies},
            proxy=None,
            close_timeout=1,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._socket is not None
        await self._socket.close()

    async def say(self, **event: Any) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps(event))

    async def send(self, content: str, **fields: Any) -> None:
        await self.say(type="message.sent", ref=uuid4().hex, content=content, model="tiny:latest", **fields)

    async def until(self, kind: str) -> Event:
        assert self._socket is not None
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                event: Event = json.loads(await self._socket.recv())
                assert event["type"] != "request.refused", event
                if event["type"] == kind:
                    return event
