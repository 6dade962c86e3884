"""Hugging Face's Hub on a loopback port: its API, its redirects, and what a hostile mirror could answer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.doubles.blob_server import BlobHandler, BlobServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PAGE = 3


@dataclass
class Hub(BlobServer):
    """What the Hub holds, and how it behaves.

    Attributes:
        files: By repository, the content of each path.
        cdn: Serves the files' data under signed links; without one the Hub serves it.
        gated: Repositories whose files need a token; `private` ones need it even to be seen.
        accepts: Tokens that are good.
        entries: Further entries in every list of files, as a hostile mirror would add them.
        next_page: Where every list of files goes on, in place of where it does.
    """

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commit: str = COMMIT
    claims_commit: str = ""
    claims_etag: str = ""
    gated: set[str] = field(default_factory=set)
    private: set[str] = field(default_factory=set)
    accepts: set[str] = field(default_factory=set)
    entries: list[dict[str, Any]] = field(default_factory=list)
    next_page: str = ""
    cdn: BlobServer | None = None

    @property
    def handler(self) -> type[BlobHandler]:
        return _Handler

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def put(self, repository: str, path: str, data: bytes) -> str:
        """Offer a file; return its SHA-256."""
        self.files.setdefault(repository, {})[path] = data
        digest = hashlib.sha256(data).hexdigest()
        (self.cdn or self).blobs[digest] = data
        return digest


class _Handler(BlobHandler):
    state: ClassVar[Hub]  # type: ignore[misc]

    def do_GET(self) -> None:  # noqa: N802
        self.note()
        parts = urlsplit(self.path)
        pieces = unquote(parts.path).strip("/").split("/")
        if pieces == ["api", "models"]:
            self._search(parse_qs(parts.query))
        elif pieces[:2] == ["api", "models"]:
            self._api("/".join(pieces[2:4]), pieces[4], parse_qs(parts.query))
        elif len(pieces) > 4 and pieces[2] == "resolve":
            self._resolve("/".join(pieces[:2]), pieces[3], "/".join(pieces[4:]))
        else:
            self._refuse(404, "EntryNotFound")

    do_HEAD = do_GET  # noqa: N815

    def _search(self, query: dict[str, list[str]]) -> None:
        words = query["search"][0].lower()
        found = [name for name in self.state.files if words in name.lower()]
        self._json(
            [
                {"id": name, "downloads": 100, "likes": 5, "gated": "manual" if name in self.state.gated else False}
                for name in found[: int(query["limit"][0])]
            ]
        )

    def _api(self, repository: str, kind: str, query: dict[str, list[str]]) -> None:
        if repository not in self.state.files or (repository in self.state.private and not self._is_known()):
            self._refuse(401, "RepoNotFound")
        elif kind == "revision":
            gated = "manual" if repository in self.state.gated else False
            self._json({"id": repository, "sha": self.state.commit, "gated": gated, "gguf": {"architecture": "qwen2"}})
        else:
            self._list(repository, int(query.get("cursor", ["0"])[0]))

    def _list(self, repository: str, start: int) -> None:
        entries = [self._entry(path, data) for path, data in self.state.files[repository].items()]
        entries = [{"type": "directory", "path": "folder", "size": 0}, *self.state.entries, *entries]
        more = f"{self.state.url}{urlsplit(self.path).path}?recursive=1&cursor={start + PAGE}"
        link = self.state.next_page or (more if start + PAGE < len(entries) else "")
        self._json(entries[start : start + PAGE], {"Link": f'<{link}>; rel="next"'} if link else {})

    def _entry(self, path: str, data: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": "0" * 40}
        if path.endswith(".gguf"):
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        return entry

    def _resolve(self, repository: str, revision: str, path: str) -> None:
        data = self.state.files.get(repository, {}).get(path)
        if data is None or revision not in ("main", self.state.commit):
            self._refuse(404, "EntryNotFound" if data is None else "RevisionNotFound")
            return
        if repository in self.state.gated | self.state.private and not self._is_known():
            self._refuse(401 if "Authorization" not in self.headers else 403, "GatedRepo")
            return
        digest = hashlib.sha256(data).hexdigest()
        if self.state.cdn is None or not path.endswith(".gguf"):
            self.state.blobs[digest] = data
            self.path = f"/{digest}"
            self.send_blob()
            return
        headers = {
            "Location": self.state.cdn.signed_link(digest),
            "X-Repo-Commit": self.state.claims_commit or self.state.commit,
            "X-Linked-Size": str(len(data)),
            "X-Linked-Etag": f'"{self.state.claims_etag or digest}"',
        }
        self.answer(302, b"", headers)

    def _is_known(self) -> bool:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") in self.state.accepts

    def _json(self, value: object, headers: dict[str, str] | None = None) -> None:
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _refuse(self, status: int, code: str) -> None:
        self.answer(status, b'{"error": "refused"}', {"X-Error-Code": code})
