"""An Ollama store on disk: manifests by name, blobs by digest. Everything read is checked before it becomes a path."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from inference.library.errors import BadManifest, BlobNotFound, InvalidName, NotEnoughSpace
from inference.library.files import sync_folder
from inference.library.names import ModelName

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
LAYER_TYPE = "application/vnd.ollama.image."

OWN_TEMPLATE = "hearth_own_template"
"""The key of a config that tells: whoever created the model wrote the template for it."""

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_LAYERS = 2000
"""The parts of a split model count too."""
MAX_TEXT_LAYER_BYTES = 4 * 1024 * 1024

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

UNFINISHED = "unfinished-"
"""How the names of files begin that a crash may leave behind."""

# Exactly 64 hex digits: a digest becomes a file name (CVE-2024-37032).
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")


def parse_digest(text: object) -> str:
    """Return the digest as `sha256:<64 hex>`.

    Raises:
        BadManifest: It is anything else.
    """
    match = _DIGEST.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise BadManifest("invalid digest format")
    return f"sha256:{match[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One blob of a model. `source` is the name of the model that it was taken over from."""

    media_type: str
    digest: str
    size_bytes: int
    source: str = ""

    @property
    def kind(self) -> str:
        """`model`, `projector`, `template`, `params` ...; empty for a foreign media type."""
        return self.media_type.removeprefix(LAYER_TYPE) if self.media_type.startswith(LAYER_TYPE) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What one name consists of. `digest` is the SHA-256 of the manifest's own bytes, in hex."""

    config: Layer | None
    layers: tuple[Layer, ...]
    digest: str

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read a manifest.

        Raises:
            BadManifest: Not JSON, not a manifest, or with a digest that is none.
        """
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError as exc:
            raise BadManifest("the manifest is not JSON") from exc
        if not isinstance(body, dict) or not isinstance(body.get("layers"), list):
            raise BadManifest("the manifest has no layers")
        if len(body["layers"]) > MAX_LAYERS:
            raise BadManifest(f"the manifest has more than {MAX_LAYERS} layers")
        config = body.get("config")
        return cls(
            config=_parse_layer(config) if isinstance(config, dict) and config.get("digest") else None,
            layers=tuple(_parse_layer(layer) for layer in body["layers"]),
            digest=hashlib.sha256(data).hexdigest(),
        )

    @property
    def all_layers(self) -> tuple[Layer, ...]:
        return (*self.layers, self.config) if self.config is not None else self.layers

    @property
    def size_bytes(self) -> int:
        return sum(layer.size_bytes for layer in self.all_layers)

    @property
    def weights(self) -> tuple[Layer, ...]:
        """The model itself: one layer, or the parts of a split file in order."""
        return tuple(layer for layer in self.layers if layer.kind == "model")

    def first(self, kind: str) -> Layer | None:
        return next((layer for layer in self.layers if layer.kind == kind), None)


def _parse_layer(value: Any) -> Layer:
    if not isinstance(value, dict):
        raise BadManifest("a layer is not an object")
    size = value.get("size", 0)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise BadManifest("a layer's size is not a number")
    source = value.get("from")
    return Layer(
        media_type=str(value.get("mediaType", "")),
        digest=parse_digest(value.get("digest")),
        size_bytes=size,
        source=source if isinstance(source, str) else "",
    )


def manifest_bytes(config: Layer, layers: Iterable[Layer]) -> bytes:
    """Write a manifest as Ollama reads it."""
    return orjson.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _written_layer(config),
            "layers": [_written_layer(layer) for layer in layers],
        }
    )


def _written_layer(layer: Layer) -> dict[str, Any]:
    written = {"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size_bytes}
    return written | ({"from": layer.source} if layer.source else {})


def _part_name(number: int, count: int) -> str:
    return f"model-{number:05d}-of-{count:05d}.gguf"


class Store:
    """The folder with `manifests/` and `blobs/`. Reads never change it; only our own store is ever written to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.manifests = root / "manifests"
        self.blobs = root / "blobs"
        self._room = threading.RLock()
        self._depth = 0
        self._kept: Counter[str] = Counter()
        self._keeping = threading.Lock()

    @classmethod
    def owning(cls, path: Path) -> Store | None:
        """Return the store that a model's file belongs to; None for a file that carries its own name."""
        if path.parent.name == "blobs" and _DIGEST.fullmatch(path.name):
            return cls(path.parent.parent)
        if path.parent.parent.name == "parts" and _DIGEST.fullmatch(path.parent.name):
            return cls(path.parent.parent.parent)
        return None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep everybody else from changing this store meanwhile, other processes too. Large files are read outside.

        May be entered again by the thread that is inside.
        """
        with self._room:
            self._depth += 1
            try:
                if self._depth > 1:
                    yield
                    return
                self.root.mkdir(parents=True, exist_ok=True)
                folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    fcntl.flock(folder, fcntl.LOCK_EX)
                    yield
                finally:
                    os.close(folder)
            finally:
                self._depth -= 1

    @contextmanager
    def keeping(self, digests: Iterable[str]) -> Iterator[None]:
        """Keep blobs from being pruned while their manifest is not written yet."""
        kept = Counter(digests)
        with self._keeping:
            self._kept += kept
        try:
            yield
        finally:
            with self._keeping:
                self._kept -= kept

    def names(self) -> Iterator[ModelName]:
        """Yield the names that have a manifest, in no certain order. Odd files are passed over."""
        for path in _paths_below(self.manifests, depth=4):
            try:
                name = ModelName.from_manifest_path(PurePosixPath(path.relative_to(self.manifests)))
            except InvalidName:
                continue
            if path.is_file():
                yield name

    def manifest_file(self, name: ModelName) -> Path:
        return self.manifests / name.manifest_path

    def read_manifest(self, name: ModelName) -> Manifest:
        """Read a name's manifest.

        Raises:
            FileNotFoundError: The store does not have that name.
            BadManifest: The file is not a manifest.
        """
        path = self.manifest_file(name)
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BadManifest("the manifest is too large")
        return Manifest.parse(path.read_bytes())

    def blob_file(self, digest: str) -> Path:
        """Return where a blob lies, whether it is there or not. Raises BadManifest for a digest that is none."""
        return self.blobs / parse_digest(digest).replace(":", "-")

    def weights_file(self, manifest: Manifest) -> Path:
        """Return the file to load: the blob of the weights, or the first part of split ones by a name that tells so."""
        count = len(manifest.weights)
        blob = self.blob_file(manifest.weights[0].digest)
        return blob if count == 1 else self._parts_folder(blob.name) / _part_name(1, count)

    def link_parts(self, manifest: Manifest) -> None:
        """Give the parts of split weights the names by which llama.cpp finds one after the other."""
        count = len(manifest.weights)
        if count < 2:
            return
        folder = self._parts_folder(self.blob_file(manifest.weights[0].digest).name)
        folder.mkdir(parents=True, exist_ok=True)
        for number, layer in enumerate(manifest.weights, start=1):
            link = folder / _part_name(number, count)
            link.unlink(missing_ok=True)
            link.symlink_to(Path("..", "..", "blobs", self.blob_file(layer.digest).name))

    def _parts_folder(self, blob_name: str) -> Path:
        return self.root / "parts" / blob_name

    def read_text_layer(self, layer: Layer) -> str:
        """Return a small layer's text; empty when the blob is missing or too large to be one."""
        path = self.blob_file(layer.digest)
        if not path.is_file() or path.stat().st_size > MAX_TEXT_LAYER_BYTES:
            return ""
        return path.read_bytes().decode(errors="replace")

    def existing_name(self, name: ModelName) -> ModelName:
        """Return the name as it is written in this store already, which may differ in case; else as it is."""
        return next((known for known in self.names() if known.key == name.key), name)

    def put_blob(self, data: bytes) -> tuple[str, bool]:
        """Write a small blob. Return its digest, and whether it is new here."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        path = self.blob_file(digest)
        if path.exists():
            return digest, False
        self.blobs.mkdir(parents=True, exist_ok=True)
        _write_whole(path, data, self.blobs)
        return digest, True

    def renew_blob(self, digest: str) -> bool:
        """Tell whether a blob is here; if so, it counts as new from now on. Raises BadManifest."""
        path = self.blob_file(digest)
        with self.changing():
            try:
                # Changes the time of the last change of the file's status, and nothing else: its bytes may be shared.
                path.chmod(stat.S_IMODE(path.stat().st_mode))
            except FileNotFoundError:
                return False
            except PermissionError:  # It is somebody else's file, taken over by a link.
                return True
        return True

    def publish(self, name: ModelName, data: bytes, *, prunes: bool = True) -> None:
        """Put a manifest in place and delete what only the manifest before it used.

        Args:
            prunes: False keeps everything.

        Raises:
            BlobNotFound: A blob that it names is not here any more. Nothing was changed.
        """
        with self.changing():
            manifest = Manifest.parse(data)
            wanted = {layer.digest for layer in manifest.all_layers}
            for digest in sorted(wanted):
                if not self.blob_file(digest).exists():
                    raise BlobNotFound(digest)
            try:
                before = {layer.digest for layer in self.read_manifest(name).all_layers}
            except (FileNotFoundError, BadManifest):
                before = set()
            self.link_parts(manifest)
            self.write_manifest(name, data)
            if prunes:
                self.prune(before - wanted)

    def write_manifest(self, name: ModelName, data: bytes) -> None:
        """Put a manifest in place in one step, so that a reader sees the old one or the new one."""
        path = self.manifest_file(name)
        with self.changing():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, data, self.root)
            sync_folder(path.parent)

    def delete(self, name: ModelName) -> None:
        """Remove a name, and the blobs that no other name uses. Raises FileNotFoundError."""
        path = self.manifest_file(name)
        with self.changing():
            try:
                orphans = {layer.digest for layer in self.read_manifest(name).all_layers}
            except BadManifest:
                orphans = set()
            path.unlink()
            for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
                if any(folder.iterdir()):
                    break
                folder.rmdir()
            self.prune(orphans)

    def prune(self, digests: set[str]) -> int:
        """Delete those of `digests` that no manifest names; return how many.

        Does nothing while a manifest cannot be read.
        """
        with self.changing():
            unused = set(digests) - set(self._kept)
            for name in self.names():
                try:
                    unused -= {layer.digest for layer in self.read_manifest(name).all_layers}
                except BadManifest:
                    return 0
            for digest in unused:
                blob = self.blob_file(digest)
                blob.unlink(missing_ok=True)
                shutil.rmtree(self._parts_folder(blob.name), ignore_errors=True)
            return len(unused)


def _paths_below(folder: Path, *, depth: int) -> Iterator[Path]:
    """Yield what lies so deep in a folder, passing over folders that are deleted meanwhile or that we may not read."""
    try:
        paths = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for path in paths:
        if depth == 1:
            yield path
        else:
            yield from _paths_below(path, depth=depth - 1)


def _write_whole(path: Path, data: bytes, folder: Path) -> None:
    """Write a file in one step by way of `folder`, which is on the same disk."""
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=UNFINISHED)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as exc:
        Path(temporary).unlink(missing_ok=True)
        if exc.errno in DISK_FULL:
            raise NotEnoughSpace(len(data), shutil.disk_usage(folder).free) from exc
        raise
