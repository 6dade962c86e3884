"""A model registry on a loopback port that can be slow, broken or hostile."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from tests.doubles.blob_server import BlobHandler, BlobServer

LAYER_TYPE = "application/vnd.ollama.image."


@dataclass
class Registry(BlobServer):
    """What the registry holds, how it misbehaves, and what it was asked.

    Attributes:
        realm: Where a token is to be fetched; asks for one when not empty.
        scope: What the token is to be good for.
        token_uses: Requests that a token is good for.
        accounts: The public keys that may sign for a token, as one line of OpenSSH each; None asks for no signature.
        nonces: What came with signatures; each is good once.
        redirect_to: Where blobs are redirected to.
        cdn: Serves the blobs, under links that the registry hands out.
    """

    manifests: dict[str, bytes] = field(default_factory=dict)
    realm: str = ""
    scope: str = "pull"
    token_uses: int = 1_000_000
    accounts: list[str] | None = None
    nonces: set[str] = field(default_factory=set)
    redirect_to: str = ""
    cdn: BlobServer | None = None
    encoding: str = ""

    @property
    def handler(self) -> type[BlobHandler]:
        return _Handler

    def new_token(self) -> str:
        self._token = f"token-{next(self._serials)}"
        self._n_uses = 0
        return self._token

    def takes_token(self, authorization: str) -> bool:
        self._n_uses = getattr(self, "_n_uses", 0) + 1
        return authorization == f"Bearer {getattr(self, '_token', '')}" and self._n_uses <= self.token_uses

    def knows_signer(self, path: str, authorization: str) -> bool:
        """Return whether a request for a token is signed by an account's key, as Ollama's registry checks it.

        Source: ollama's auth/auth.go and server/auth.go, read from the other side.
        """
        if self.accounts is None:
            return True
        query = parse_qs(urlsplit(path).query, strict_parsing=True)
        public, _, signature = authorization.partition(":")
        is_fresh = abs(int(query["ts"][0]) - time.time()) < 60 and query["nonce"][0] not in self.nonces
        is_asked = query["service"] == ["registry"] and query["scope"] == ["repository:library/tiny:pull", "other:pull"]
        if not is_fresh or not is_asked or len(query["nonce"][0]) < 20:
            return False
        self.nonces.add(query["nonce"][0])
        if f"ssh-ed25519 {public}" not in self.accounts:
            return False
        key = load_ssh_public_key(f"ssh-ed25519 {public}".encode())
        assert isinstance(key, Ed25519PublicKey)
        nothing = base64.b64encode(hashlib.sha256(b"").hexdigest().encode()).decode()
        try:
            key.verify(base64.b64decode(signature, validate=True), f"GET,http://{self.host}{path},{nothing}".encode())
        except InvalidSignature:
            return False
        return True

    def put(self, name: str, **layers: bytes) -> None:
        """Offer `namespace/model/tag` with these layers."""
        described = []
        for kind, data in layers.items():
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            self.blobs[digest] = data
            described.append({"mediaType": LAYER_TYPE + kind, "digest": digest, "size": len(data)})
        self.manifests[name] = json.dumps({"schemaVersion": 2, "layers": described}).encode()


class _Handler(BlobHandler):
    state: ClassVar[Registry]  # type: ignore[misc]

    def do_GET(self) -> None:  # noqa: N802
        self.note()
        if self.path.startswith("/token"):
            if not self.state.knows_signer(self.path, self.headers.get("Authorization", "")):
                self.answer(401, b'{"error": "unauthorized"}')
                return
            self.answer(200, json.dumps({"token": self.state.new_token()}).encode())
        elif self.state.realm and not self.state.takes_token(self.headers.get("Authorization", "")):
            challenge = f'Bearer realm="{self.state.realm}",service="registry",scope="{self.state.scope}"'
            self.answer(401, b"", {"WWW-Authenticate": challenge})
        elif "/manifests/" in self.path:
            self._send_manifest()
        elif self.state.redirect_to:
            self.answer(307, b"", {"Location": self.state.redirect_to + self.path})
        elif self.state.cdn is not None:
            self.answer(307, b"", {"Location": self.state.cdn.signed_link(self.path.rpartition("/")[2])})
        else:
            self.send_blob()

    def _send_manifest(self) -> None:
        _, _, namespace, model, _, tag = self.path.split("/")
        manifest = self.state.manifests.get(f"{namespace}/{model}/{tag}")
        extra = {"Content-Encoding": self.state.encoding} if self.state.encoding else {}
        self.answer(404 if manifest is None else 200, manifest or b"{}", extra)
