"""Ask a model registry: manifests and blobs over the /v2/ protocol of Ollama's registry."""

from __future__ import annotations

import asyncio
import re
from types import TracebackType

import httpx
import orjson

from inference.library.addresses import is_loopback
from inference.library.errors import ForeignRealm, NotInRegistry, RegistryFailed, SignInRefused
from inference.library.manifests import MANIFEST_TYPE, MAX_MANIFEST_BYTES, Layer, Manifest
from inference.library.names import ModelName
from inference.library.offers import Offer
from inference.library.outbound import STALL_S, Outbound, origin
from inference.library.registry_key import Challenge, RegistryKey
from inference.library.remote import RemoteFile

MAX_TOKEN_BYTES = 256 * 1024

_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class Registry:
    """One name at one registry host, as a pull sees it. Use as an async context manager.

    Args:
        insecure: Speak plain http with another machine too; with this one it is always spoken.
        key: Says who asks when the registry wants to know; without it a token for nobody in particular is asked for.
    """

    def __init__(
        self, name: ModelName, *, insecure: bool = False, key: RegistryKey | None = None, stall_s: float = STALL_S
    ) -> None:
        self.host = host = name.host
        self._name = name
        self._key = key
        allows_http = insecure or is_loopback(httpx.URL(f"http://{host}").host)
        self.base = httpx.URL(f"{'http' if allows_http else 'https'}://{host}")
        self._outbound = Outbound(self.base, allows_http=allows_http, authorize=self._fetch_token, stall_s=stall_s)
        # Its own, because a token is fetched in the middle of another request.
        self._realm = Outbound(self.base, allows_http=allows_http, stall_s=stall_s)

    async def __aenter__(self) -> Registry:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._outbound.__aexit__(kind, error, trace)
        await self._realm.__aexit__(kind, error, trace)

    async def offer(self) -> Offer:
        """Ask for the manifest.

        Raises:
            NotInRegistry, RegistryFailed, ForeignRealm
            BadManifest: It answered something else.
        """
        async with self._outbound.open(self._url("manifests", self._name.tag), {"Accept": MANIFEST_TYPE}) as answered:
            if answered.last.status_code == 404:
                raise NotInRegistry(self.host, self._name.short)
            self._check_welcome(answered.last)
            self._outbound.check(answered.last, 200)
            data = await self._outbound.read(answered.last, MAX_MANIFEST_BYTES)
        layers = Manifest.parse(data).all_layers
        return Offer(name=self._name, manifest=data, remotes={layer.digest: self._blob(layer) for layer in layers})

    def _blob(self, layer: Layer) -> RemoteFile:
        return RemoteFile(self._outbound, self._url("blobs", layer.digest), size_bytes=layer.size_bytes)

    def _url(self, kind: str, last: str) -> httpx.URL:
        return self.base.copy_with(path=f"/v2/{self._name.namespace}/{self._name.model}/{kind}/{last}")

    async def _fetch_token(self, challenge: str) -> str:
        """Get a token, as a header's value."""
        asked = self._challenge(challenge)
        url, headers = asked.url(), {}
        if self._key is not None:
            url = asked.signed_url()
            headers = {"Authorization": await asyncio.to_thread(self._key.authorization, "GET", url)}
        # A realm that redirects would take the request where it was checked not to go.
        async with self._realm.open(url, headers, follow=False) as answered:
            self._check_welcome(answered.last)
            self._realm.check(answered.last, 200)
            body = await self._realm.read(answered.last, MAX_TOKEN_BYTES)
        try:
            answer = orjson.loads(body)
            token = answer.get("token") or answer.get("access_token")
        except (orjson.JSONDecodeError, AttributeError):
            token = None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise RegistryFailed(self.host, "it gave no token")
        return f"Bearer {token}"

    def _check_welcome(self, response: httpx.Response) -> None:
        if response.status_code in (401, 403) and self._key is not None:
            raise SignInRefused(self.host, str(self._key.path))

    def _challenge(self, text: str) -> Challenge:
        """Read a challenge. Its realm must be the registry itself (CVE-2025-51471)."""
        fields = dict(_CHALLENGE.findall(text))
        try:
            realm = httpx.URL(fields.get("realm", ""))
        except httpx.InvalidURL as exc:
            raise ForeignRealm(self.host, fields.get("realm", "")) from exc
        if origin(realm) != origin(self.base):
            raise ForeignRealm(self.host, realm.host)
        return Challenge(realm, fields.get("service", ""), tuple(fields.get("scope", "").split()))
