"""The servers that are measured, each by its own API over HTTP: Ollama's, or that of llama.cpp's own server."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp
import orjson

from inference.conf import ConnectionSpec
from inference.errors import ConnectionFailed, ConnectionRefused, UpstreamRefused, WrongService

TIMEOUT = aiohttp.ClientTimeout(total=None, connect=5.0, sock_read=900.0)
LONGEST_LINE = 4 * 1024 * 1024
SAMPLING = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05}
"""The same for every server, because sampling takes time too."""


@dataclass(slots=True)
class Timed:
    """One answer. Moments are seconds of `time.perf_counter`.

    Attributes:
        pieces_at: When text arrived; a server may send several tokens at once.
        n_prompt: Tokens of the prompt, those included that were in the cache; 0 when the server does not say.
    """

    asked_at: float
    pieces_at: list[float] = field(default_factory=list)
    text: str = ""
    n_prompt: int = 0
    n_answer: int = 0
    ended_at: float = 0.0

    @property
    def first_token_s(self) -> float:
        return (self.pieces_at[0] if self.pieces_at else self.ended_at) - self.asked_at

    @property
    def gaps_s(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.pieces_at, self.pieces_at[1:], strict=False)]


class Target(Protocol):
    """A server under measurement."""

    name: str

    async def ask(self, prompt: str, n_predict: int, answer: Timed) -> None:
        """Ask for so many tokens at most after a raw prompt, and write down what comes."""
        ...


class _Http:
    """Asks one server with as little work of its own as may be: what measures shares the machine with what is measured.

    There is a connection for each question, because some servers close theirs after a stream without saying so.
    """

    def __init__(self, base_url: str, key: str | None = None) -> None:
        self._base_url = base_url
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            headers={"Authorization": f"Bearer {key}"} if key else None,
            timeout=TIMEOUT,
            read_bufsize=LONGEST_LINE,
        )

    async def aclose(self) -> None:
        await self._session.close()

    async def lines(self, path: str, body: Mapping[str, object]) -> AsyncIterator[bytes]:
        try:
            async with self._session.post(self._base_url + path, json=body) as response:
                if response.status >= HTTPStatus.BAD_REQUEST:
                    detail = (await response.read())[:500].decode("utf-8", "replace")
                    raise UpstreamRefused(response.status, detail)
                async for line in response.content:
                    yield line
        except aiohttp.ClientConnectorError as exc:
            raise ConnectionRefused(self._base_url) from exc
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:  # ValueError: a line without end.
            raise ConnectionFailed(self._base_url, str(exc)) from exc

    def parsed(self, line: bytes) -> dict[str, Any]:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as exc:
            raise WrongService(self._base_url, "a line is no JSON") from exc
        if not isinstance(value, dict):
            raise WrongService(self._base_url, "a line is no object")
        if "error" in value:
            raise UpstreamRefused(200, str(value["error"])[:500])
        return value


class OllamaTarget:
    """A server that speaks Ollama's API: the built-in one, or an Ollama."""

    def __init__(self, http: _Http, name: str, model: str, n_ctx: int) -> None:
        self.name = name
        self._http = http
        self._model = model
        self._n_ctx = n_ctx

    async def ask(self, prompt: str, n_predict: int, answer: Timed) -> None:
        options = {**SAMPLING, "num_predict": n_predict, "num_ctx": self._n_ctx}
        body = {"model": self._model, "prompt": prompt, "raw": True, "stream": True, "options": options}
        async for line in self._http.lines("/api/generate", body):
            value = self._http.parsed(line)
            text = value.get("response") or value.get("thinking") or ""
            if text:
                answer.pieces_at.append(time.perf_counter())
                answer.text += text
            if value.get("done"):
                answer.n_prompt, answer.n_answer = value.get("prompt_eval_count", 0), value.get("eval_count", 0)
        answer.ended_at = time.perf_counter()


class LlamaServerTarget:
    """llama.cpp's own server, or anything with its `/completion`."""

    def __init__(self, http: _Http, name: str) -> None:
        self.name = name
        self._http = http

    async def ask(self, prompt: str, n_predict: int, answer: Timed) -> None:
        body = {
            **SAMPLING,
            "prompt": prompt,
            "n_predict": n_predict,
            "stream": True,
            "cache_prompt": True,
        }
        async for line in self._http.lines("/completion", body):
            if not line.startswith(b"data: "):
                continue
            value = self._http.parsed(line.removeprefix(b"data: "))
            if value.get("content"):
                answer.pieces_at.append(time.perf_counter())
                answer.text += value["content"]
            if value.get("stop"):
                answer.n_prompt, answer.n_answer = value.get("tokens_evaluated", 0), value.get("tokens_predicted", 0)
        answer.ended_at = time.perf_counter()


@asynccontextmanager
async def opened(spec: ConnectionSpec, model: str, n_ctx: int, peers: Sequence[str]) -> AsyncIterator[list[Target]]:
    """Yield the server that the command talks to, and after it the peers, each an address of llama.cpp's API."""
    https = [_Http(spec.url, spec.key), *(_Http(peer) for peer in peers)]
    try:
        first: Target = OllamaTarget(https[0], spec.url, model, n_ctx)
        yield [first, *(LlamaServerTarget(http, peer) for http, peer in zip(https[1:], peers, strict=True))]
    finally:
        for http in https:
            await http.aclose()
