"""Hugging Face's Hub, or a mirror of it: what repositories there are, and what a model's files are to be kept as.

Everything is asked for at one commit, so that nothing changes while it is fetched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from inference.library.addresses import is_loopback
from inference.library.errors import (
    DigestMismatch,
    GatedRepository,
    NotInRegistry,
    RegistryFailed,
    RemoteChanged,
    SizeMismatch,
)
from inference.library.hub_names import (
    HubFile,
    HubModel,
    HubReference,
    choose,
    is_safe_path,
    models_among,
    name_for,
)
from inference.library.hub_settings import HubSettings
from inference.library.manifests import LAYER_TYPE, MANIFEST_TYPE
from inference.library.offers import Offer
from inference.library.outbound import STALL_S, Answered, Outbound
from inference.library.remote import RemoteFile

CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"

MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_PAGES = 50
MAX_FILES = 50_000
MAX_TEXT_BYTES = 1024 * 1024
MAX_FOUND = 50

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="next"')
_TEXT_FILES = ("template", "system", "params")
"""Files of a repository that become layers of the model. Source: Hugging Face's docs/hub/ollama.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRepository:
    """One repository of a search. `updated_at` is as the Hub writes it; empty when it does not."""

    name: str
    n_downloads: int
    n_likes: int
    is_gated: bool
    updated_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What a repository holds at one commit."""

    name: str
    commit: str
    is_gated: bool
    architecture: str
    files: tuple[HubFile, ...]

    @property
    def models(self) -> list[HubModel]:
        return models_among(self.files)


class Hub:
    """One visit to the Hub. Use as an async context manager."""

    def __init__(self, settings: HubSettings, *, stall_s: float = STALL_S) -> None:
        self._base = httpx.URL(settings.endpoint)
        self._has_token = settings.authorization is not None
        self._outbound = Outbound(
            self._base,
            allows_http=self._base.scheme == "http" or is_loopback(self._base.host),
            authorization=settings.authorization,
            stall_s=stall_s,
        )

    async def __aenter__(self) -> Hub:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._outbound.__aexit__(kind, error, trace)

    async def search(self, words: str, *, limit: int) -> list[FoundRepository]:
        """Return repositories with GGUF files, the most downloaded first."""
        query = {"search": words, "filter": "gguf", "sort": "downloads", "limit": str(min(limit, MAX_FOUND))}
        body, _next = await self._json(self._url("/api/models").copy_merge_params(query), words)
        entries = [entry for entry in body if isinstance(entry, dict)] if isinstance(body, list) else []
        return [found for entry in entries[:MAX_FOUND] if (found := _found(entry)) is not None]

    async def repository(self, reference: HubReference) -> Repository:
        """Return what a repository holds.

        Raises:
            NotInRegistry, GatedRepository, RegistryFailed
        """
        name = reference.repository
        about, _next = await self._json(
            self._url(f"/api/models/{name}/revision/{quote(reference.revision, safe='')}"), name
        )
        commit = about.get("sha") if isinstance(about, dict) else None
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise RegistryFailed(self._outbound.host, "it does not answer like the Hub")
        facts = about.get("gguf")
        architecture = facts.get("architecture") if isinstance(facts, dict) else None
        return Repository(
            name=name,
            commit=commit,
            is_gated=bool(about.get("gated")),
            architecture=architecture if isinstance(architecture, str) else "",
            files=tuple([file async for file in self._tree(name, commit)]),
        )

    def file(self, repository: Repository, file: HubFile) -> RemoteFile:
        path = quote(f"/{repository.name}/resolve/{repository.commit}/{file.path}")

        def check(answered: Answered) -> None:
            self._refuse(answered.first, repository.name)
            _same_file(answered.first, repository, file, self._outbound.host)

        return RemoteFile(self._outbound, self._url(path), size_bytes=file.size_bytes, check=check)

    async def text(self, repository: Repository, file: HubFile) -> bytes:
        """Return a small file, checked against what the list of files promised."""
        if file.size_bytes > MAX_TEXT_BYTES:
            raise RegistryFailed(self._outbound.host, f"{file.path} is too large for a text")
        data = await self.file(repository, file).read(0, file.size_bytes) if file.size_bytes else b""
        if len(data) != file.size_bytes:
            raise RegistryFailed(self._outbound.host, "the connection broke")
        if file.sha256 is not None and hashlib.sha256(data).hexdigest() != file.sha256:
            raise DigestMismatch(f"sha256:{file.sha256}", f"sha256:{hashlib.sha256(data).hexdigest()}")
        return data

    async def _tree(self, name: str, commit: str) -> AsyncIterator[HubFile]:
        url: httpx.URL | None = self._url(f"/api/models/{name}/tree/{commit}").copy_merge_params({"recursive": "1"})
        n_files = 0
        for _page in range(MAX_PAGES):
            if url is None:
                return
            entries, url = await self._json(url, name)
            if not isinstance(entries, list):
                raise RegistryFailed(self._outbound.host, "it does not answer like the Hub")
            for entry in entries:
                file = _listed_file(entry)
                if file is not None:
                    n_files += 1
                    yield file
            if n_files > MAX_FILES:
                break
        raise RegistryFailed(self._outbound.host, f"{name} has too many files")

    async def _json(self, url: httpx.URL, name: str) -> tuple[Any, httpx.URL | None]:
        """Return an answer of the Hub's API, and where it goes on."""
        async with self._outbound.open(url, {"Accept": "application/json"}) as answered:
            self._refuse(answered.last, name)
            self._outbound.check(answered.last, 200)
            data = await self._outbound.read(answered.last, MAX_ANSWER_BYTES)
            link = _NEXT.search(answered.last.headers.get("Link", ""))
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError as exc:
            raise RegistryFailed(self._outbound.host, "it does not answer like the Hub") from exc
        following = url.join(link[1]) if link else None
        if following is not None and not self._outbound.is_own(following):
            raise RegistryFailed(self._outbound.host, "its list of files goes on at another host")
        return body, following

    def _refuse(self, response: httpx.Response, name: str) -> None:
        """Turn the Hub's refusals into ours. A repository that we may not see answers 401, as one that is not there."""
        code = response.headers.get("X-Error-Code", "")
        if code == "GatedRepo" or (response.status_code == 403 and not code):
            raise GatedRepository(self._outbound.host, name, has_token=self._has_token)
        if response.status_code == 404 or code in ("RepoNotFound", "EntryNotFound", "RevisionNotFound"):
            raise NotInRegistry(self._outbound.host, name)
        if response.status_code == 401:
            raise GatedRepository(self._outbound.host, name, has_token=self._has_token)

    def _url(self, path: str) -> httpx.URL:
        return self._base.copy_with(raw_path=self._base.raw_path.rstrip(b"/") + path.encode("ascii"))


class HubSource:
    """One model of the Hub, as a pull sees it. Use as an async context manager."""

    def __init__(self, settings: HubSettings, reference: HubReference, *, stall_s: float = STALL_S) -> None:
        self._hub = Hub(settings, stall_s=stall_s)
        self._reference = reference

    async def __aenter__(self) -> HubSource:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._hub.__aexit__(kind, error, trace)

    async def offer(self) -> Offer:
        """Choose the files, and write the manifest that Ollama's registry would have.

        Raises:
            NoSuchFile, NotInRegistry, GatedRepository, RegistryFailed
        """
        repository = await self._hub.repository(self._reference)
        models = repository.models
        model = choose(models, self._reference)
        remotes: dict[str, RemoteFile] = {}
        layers = []
        for file in model.all_files:
            if file.sha256 is None:
                raise RegistryFailed(self._reference.repository, f"the Hub keeps no checksum of {file.path}")
            kind = "projector" if file is model.projector else "model"
            remotes[f"sha256:{file.sha256}"] = self._hub.file(repository, file)
            layers.append(_layer(LAYER_TYPE + kind, f"sha256:{file.sha256}", file.size_bytes))
        texts: dict[str, bytes] = {}
        for file in repository.files:
            if file.path in _TEXT_FILES:
                layers.append(_text_layer(LAYER_TYPE + file.path, await self._hub.text(repository, file), texts))
        config = _text_layer(CONFIG_TYPE, orjson.dumps(_config(repository, model)), texts)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers}
        return Offer(
            name=name_for(self._reference, model, models),
            manifest=orjson.dumps(manifest),
            remotes=remotes,
            texts=texts,
        )


def _config(repository: Repository, model: HubModel) -> Mapping[str, object]:
    """Return what Ollama keeps of a model beside its layers, and where this one comes from."""
    return {
        "model_format": "gguf",
        "model_family": repository.architecture,
        "model_families": [repository.architecture] if repository.architecture else [],
        "file_type": model.quantization.upper(),
        "os": "linux",
        "architecture": "amd64",
        "source": {
            "repository": repository.name,
            "commit": repository.commit,
            "files": [{"path": file.path, "sha256": file.sha256} for file in model.all_files],
        },
    }


def _layer(media_type: str, digest: str, size_bytes: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": size_bytes}


def _text_layer(media_type: str, data: bytes, texts: dict[str, bytes]) -> dict[str, object]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    texts[digest] = data
    return _layer(media_type, digest, len(data))


def _same_file(response: httpx.Response, repository: Repository, file: HubFile, host: str) -> None:
    """Check what the Hub says before it redirects: the same commit, the same content, the same size."""
    commit = response.headers.get("X-Repo-Commit", repository.commit)
    etag = response.headers.get("X-Linked-Etag", "").removeprefix("W/").strip('"')
    if commit != repository.commit or (etag and file.sha256 is not None and etag != file.sha256):
        raise RemoteChanged(host, file.path)
    size = response.headers.get("X-Linked-Size", "")
    if size.isdecimal() and int(size) != file.size_bytes:
        raise SizeMismatch(host, file.size_bytes, int(size))


def _listed_file(entry: object) -> HubFile | None:
    """Return one entry of the list of files; None for folders, and for names that lead out of the repository."""
    if not isinstance(entry, dict) or entry.get("type") != "file":
        return None
    path, size, lfs = entry.get("path"), entry.get("size"), entry.get("lfs")
    if not isinstance(path, str) or not is_safe_path(path):
        return None
    sha256 = None
    if isinstance(lfs, dict):
        size = lfs.get("size", size)
        # The Hub calls it `oid`, its older answers `sha256`.
        sha256 = next((lfs[key] for key in ("oid", "sha256") if isinstance(lfs.get(key), str)), None)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**50:
        return None
    return HubFile(path=path, size_bytes=size, sha256=sha256 if sha256 and _SHA256.fullmatch(sha256) else None)


def _found(entry: Mapping[str, Any]) -> FoundRepository | None:
    name = entry.get("id") or entry.get("modelId")
    if not isinstance(name, str) or name.count("/") != 1 or not is_safe_path(name):
        return None
    updated_at = entry.get("lastModified")
    return FoundRepository(
        name=name,
        n_downloads=_number(entry.get("downloads")),
        n_likes=_number(entry.get("likes")),
        is_gated=bool(entry.get("gated")),
        updated_at=updated_at[:40] if isinstance(updated_at, str) else "",
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
