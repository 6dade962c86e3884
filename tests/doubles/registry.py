"""A model registry on a loopback port that can be slow, broken or hostile."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import ClassVar

from tests.doubles.blob_server import BlobHandler, BlobServer

LAYER_TYPE = "application/vnd.ollama.image."


@dataclass
class Registry(BlobServer):
    """What the registry holds, how it misbehaves, and what it was asked.

    Attributes:
        realm: Where a token is to be fetched; asks for one when not empty.
        token_uses: Requests that a token is good for.
        redirect_to: Where blobs are redirected to.
        cdn: Serves the blobs, under links that the registry hands out.
    """

    manifests: dict[str, bytes] = field(default_factory=dict)
    realm: str = ""
    token_uses: int = 1_000_000
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
            self.answer(200, json.dumps({"token": self.state.new_token()}).encode())
        elif self.state.realm and not self.state.takes_token(self.headers.get("Authorization", "")):
            challenge = f'Bearer realm="{self.state.realm}",service="registry",scope="pull"'
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
