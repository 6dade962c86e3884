"""Ask a model registry: manifests and blobs over the /v2/ protocol that Ollama's registry and hf.co share.

What a registry answers is hostile until checked: nothing is unpacked, every read has a limit, a redirect never goes to
plain http, and nobody but the registry's own host is told who we are.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from ipaddress import ip_address
from types import TracebackType
from urllib.parse import urlencode

import httpx
import orjson

from inference.library.errors import ForeignRealm, InsecureRegistry, NotInRegistry, RegistryFailed
from inference.library.manifests import MANIFEST_TYPE, MAX_MANIFEST_BYTES
from inference.library.names import ModelName

MAX_REDIRECTS = 5
MAX_TOKEN_BYTES = 256 * 1024
TIMEOUT = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=10.0)

_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def is_loopback(host: str) -> bool:
    """Return whether a URL's host is this machine. Names other than `localhost` are not looked up."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class Registry:
    """One registry host during one pull. Use as an async context manager.

    Args:
        insecure: Allow plain http to another machine too.

    Raises:
        InsecureRegistry: The name says http, and the host is neither this machine nor allowed by `insecure`.
    """

    def __init__(self, host: str, *, insecure: bool = False, http: httpx.AsyncClient | None = None) -> None:
        self.host = host
        self._is_here = is_loopback(httpx.URL(f"http://{host}").host)
        self._allows_http = insecure or self._is_here
        self._base = httpx.URL(f"{'http' if self._allows_http else 'https'}://{host}")
        # A proxy cannot reach this machine's own registry; the rest of the world may need one.
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT, trust_env=not self._is_here)
        self._token: str | None = None

    async def __aenter__(self) -> Registry:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def manifest(self, name: ModelName) -> bytes:
        """Return a manifest's own bytes.

        Raises:
            NotInRegistry, RegistryFailed, ForeignRealm
        """
        path = f"/v2/{name.namespace}/{name.model}/manifests/{name.tag}"
        async with self._open(path, {"Accept": MANIFEST_TYPE}) as response:
            if response.status_code == 404:
                raise NotInRegistry(self.host, name.short)
            self._check(response, 200)
            return await self._read(response, MAX_MANIFEST_BYTES)

    @contextlib.asynccontextmanager
    async def blob(
        self, name: ModelName, digest: str, *, start: int
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """Open a blob from byte `start`.

        Yields:
            (where the data really begins, the data in pieces): a registry may ignore the range and begin at 0.

        Raises:
            NotInRegistry, RegistryFailed, ForeignRealm
        """
        headers = {"Range": f"bytes={start}-"} if start else {}
        async with self._open(f"/v2/{name.namespace}/{name.model}/blobs/{digest}", headers) as response:
            if response.status_code == 404:
                raise NotInRegistry(self.host, name.short)
            self._check(response, 200, 206)
            begins = start if response.status_code == 206 else 0
            if response.status_code == 206 and not _continues(response, start):
                raise RegistryFailed(self.host, "it sent another part of the file than was asked for")
            yield begins, self._pieces(response)

    @contextlib.asynccontextmanager
    async def _open(self, path: str, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
        """Open a URL of this registry, following redirects and one request for a token."""
        url = self._base.copy_with(path=path)
        async with contextlib.AsyncExitStack() as stack:
            response = await self._send(stack, url, headers)
            if response.status_code == 401 and self._token is None:
                self._token = await self._fetch_token(response.headers.get("WWW-Authenticate", ""))
                response = await self._send(stack, url, headers)
            for _ in range(MAX_REDIRECTS):
                if response.status_code not in _REDIRECTS:
                    break
                url = self._next_url(url, response)
                response = await self._send(stack, url, headers)
            yield response

    async def _send(self, stack: contextlib.AsyncExitStack, url: httpx.URL, headers: dict[str, str]) -> httpx.Response:
        # Identity only: a compressed body could unpack to anything (CVE-2024-12886).
        sent = {"User-Agent": "hearth", "Accept-Encoding": "identity", **headers}
        if self._token is not None and _origin(url) == _origin(self._base):
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            return await stack.enter_async_context(self._http.stream("GET", url, headers=sent))
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise RegistryFailed(url.host, _reason(exc)) from exc

    def _next_url(self, url: httpx.URL, response: httpx.Response) -> httpx.URL:
        try:
            target = url.join(response.headers.get("Location", ""))
        except httpx.InvalidURL as exc:
            raise RegistryFailed(self.host, "it redirects to no valid address") from exc
        if target.scheme == "https":
            return target
        if target.scheme == "http" and self._allows_http and (not self._is_here or is_loopback(target.host)):
            return target
        raise InsecureRegistry(target.host)

    async def _fetch_token(self, challenge: str) -> str:
        """Get an anonymous token. The realm must be the registry itself (CVE-2025-51471)."""
        fields = dict(_CHALLENGE.findall(challenge))
        try:
            realm = httpx.URL(fields.get("realm", ""))
        except httpx.InvalidURL as exc:
            raise ForeignRealm(self.host, fields.get("realm", "")) from exc
        if _origin(realm) != _origin(self._base):
            raise ForeignRealm(self.host, realm.host)
        wanted = {key: fields[key] for key in ("service", "scope") if key in fields}
        async with contextlib.AsyncExitStack() as stack:
            response = await self._send(stack, realm.copy_with(query=urlencode(wanted).encode()), {})
            self._check(response, 200)
            body = await self._read(response, MAX_TOKEN_BYTES)
        try:
            answer = orjson.loads(body)
            token = answer.get("token") or answer.get("access_token")
        except (orjson.JSONDecodeError, AttributeError):
            token = None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise RegistryFailed(self.host, "it gave no token")
        return token

    def _check(self, response: httpx.Response, *expected: int) -> None:
        if response.status_code not in expected:
            raise RegistryFailed(self.host, f"it answered with status {response.status_code}", response.status_code)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise RegistryFailed(self.host, "it sent compressed data that was not asked for")

    async def _read(self, response: httpx.Response, limit: int) -> bytes:
        body = bytearray()
        async for piece in self._pieces(response):
            body += piece
            if len(body) > limit:
                raise RegistryFailed(self.host, "its answer is too large")
        return bytes(body)

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for piece in response.aiter_raw():
                yield piece
        except httpx.HTTPError as exc:
            raise RegistryFailed(self.host, _reason(exc)) from exc


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _continues(response: httpx.Response, start: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {start}-")


def _reason(exc: Exception) -> str:
    if isinstance(exc, httpx.ConnectTimeout | httpx.ReadTimeout):
        return "it did not answer in time"
    if isinstance(exc, httpx.ConnectError):
        return "no connection"
    return "the connection broke"
