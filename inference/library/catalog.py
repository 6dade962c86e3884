"""All models that this machine can run, from every place they may lie in.

Scanning reads each file once and again only when it changed, so that listing costs a few `stat` calls.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from inference.errors import BadModelFile, ModelNotFound
from inference.library.attachments import Attachments
from inference.library.errors import BadManifest, ReadOnlyModel
from inference.library.files import gguf_files
from inference.library.gguf import GgufHeader, read_header
from inference.library.locations import Location
from inference.library.manifests import OWN_TEMPLATE, Layer, Manifest, Store
from inference.library.models import Baked, BrokenModel, LibraryModel, capabilities_of, human_parameters
from inference.library.names import ModelName, all_parts, name_of_file, part_of_split
from inference.library.projectors import files_in, folders_beside, is_model, projector_for, reads_images
from inference.library.uploads import UPLOADS_FOLDER
from inference.types import ChatMessage, ModelSource

STORE_FOLDER = "store"
"""Where pulled models lie, in Ollama's layout, below the models folder."""

_NOT_SCANNED = (STORE_FOLDER, UPLOADS_FOLDER, "embedded")
_SAMPLE_BYTES = 1024 * 1024
_MAX_AGE_S = 2.0
_ROLES = frozenset({"system", "user", "assistant"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one scan found. Names are unique, looked up without regard to case."""

    models: tuple[LibraryModel, ...]
    broken: tuple[BrokenModel, ...]

    def find(self, name: ModelName) -> LibraryModel | None:
        return next((model for model in self.models if model.name.key == name.key), None)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was read of one file when it had this stamp."""

    stamp: tuple[int, int, int]
    header: GgufHeader | None
    problem: str
    digest: str


class Catalog:
    """Reads folders; call it from a thread. One instance per process, safe to share between threads.

    Args:
        models_folder: Our own: `*.gguf` put anywhere in it appears; pulled models lie in `store/`.
        ollama_store: A store that an Ollama on this machine owns. Only read.
        embedded: Returns the embedded embedder, or None where it is not installed.
    """

    def __init__(
        self,
        models_folder: Path,
        *,
        ollama_store: Path | None = None,
        embedded: Callable[[], LibraryModel | None] = lambda: None,
        max_age_s: float = _MAX_AGE_S,
    ) -> None:
        self.models_folder = models_folder
        self.store = Store(models_folder / STORE_FOLDER)
        self.attachments = Attachments(models_folder / "attached.json")
        self._ollama_store = ollama_store
        self._embedded = embedded
        self._max_age_s = max_age_s
        self._files: dict[Path, _Seen] = {}
        self._snapshot: Snapshot | None = None
        self._scanned_at = 0.0
        self._lock = threading.Lock()

    def snapshot(self, *, fresh: bool = False) -> Snapshot:
        """Return what is there, at most `max_age_s` old; `fresh` looks now."""
        with self._lock:
            if self._snapshot is None or fresh or self._is_old():
                self._snapshot = self._scan()
                self._scanned_at = time.monotonic()
            return self._snapshot

    def at_hand(self, text: str) -> LibraryModel | None:
        """Return what `find` would without a look at the disk; None where it would take one. For the event loop.

        Raises:
            InvalidName
        """
        name = ModelName.parse(text)
        return None if self._snapshot is None or self._is_old() else self._snapshot.find(name)

    def _is_old(self) -> bool:
        return time.monotonic() - self._scanned_at > self._max_age_s

    def find(self, text: str) -> LibraryModel:
        """Return the model of that name. A name that is not known yet is looked for on the disk.

        Raises:
            InvalidName, ModelNotFound
        """
        name = ModelName.parse(text)
        model = self.snapshot().find(name) or self.snapshot(fresh=True).find(name)
        if model is None:
            raise ModelNotFound(text)
        return model

    def delete(self, text: str) -> LibraryModel:
        """Delete a model of ours from the disk and return what it was.

        Raises:
            InvalidName, ModelNotFound
            ReadOnlyModel: It is attached, embedded, or an Ollama owns it.
        """
        model = self.find(text)
        if not model.is_ours:
            raise ReadOnlyModel(text, str(model.path))
        if model.source == "pulled":
            try:
                self.store.delete(model.name)
            except FileNotFoundError:  # Somebody else was faster.
                raise ModelNotFound(text) from None
        else:
            for path in all_parts(model.path):
                path.unlink(missing_ok=True)
            self._delete_unused(model.projector)
        self.snapshot(fresh=True)
        return model

    def _delete_unused(self, projector: Path | None) -> None:
        """Delete the projector of a deleted model unless another one sees with it."""
        if projector is not None and all(model.projector != projector for model in self.snapshot(fresh=True).models):
            projector.unlink(missing_ok=True)

    def known_places(self) -> list[Path]:
        """Return the folders that are offered already."""
        places = [location.path for location in self.attachments.locations()]
        return [*places, self._ollama_store] if self._ollama_store else places

    def _scan(self) -> Snapshot:
        scan = _Scan(self._look)
        scan.add_files(gguf_files(self.models_folder, skip=_NOT_SCANNED), "folder")
        scan.add_store(self.store, "pulled")
        if self._ollama_store is not None:
            scan.add_store(Store(self._ollama_store), "ollama")
        for location in self.attachments.locations():
            scan.add_location(location)
        embedded = self._embedded()
        if embedded is not None:
            scan.add(embedded)
        self._files = {path: seen for path, seen in self._files.items() if path in scan.looked_at}
        return Snapshot(models=tuple(scan.models), broken=tuple(scan.broken))

    def _look(self, path: Path) -> _Seen:
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        seen = self._files.get(path)
        if seen is None or seen.stamp != stamp:
            seen = self._files[path] = _read(path, stamp)
        return seen


class _Scan:
    """Collects the models of one scan: gives each a free name and lists each file once."""

    def __init__(self, look: Callable[[Path], _Seen]) -> None:
        self.models: list[LibraryModel] = []
        self.broken: list[BrokenModel] = []
        self.looked_at: set[Path] = set()
        self._headers: dict[Path, Mapping[Path, GgufHeader]] = {}
        self._look = look
        self._names: set[str] = set()
        self._inodes: set[tuple[int, int]] = set()

    def add(self, model: LibraryModel) -> None:
        self._names.add(model.name.key)
        self.models.append(model)

    def add_location(self, location: Location) -> None:
        if location.kind == "ollama":
            self.add_store(Store(location.path), "attached")
        else:
            self.add_files(location.gguf_files(), "attached", location)

    def add_files(self, paths: Iterator[Path], source: ModelSource, location: Location | None = None) -> None:
        try:
            for path in paths:
                self._add_file(path, source, location)
        except FileNotFoundError:
            return
        except OSError as exc:  # The folder went away or cannot be read.
            self.broken.append(BrokenModel(path=Path(exc.filename or ""), problem=exc.strerror or "unreadable"))

    def _add_file(self, path: Path, source: ModelSource, location: Location | None) -> None:
        number, _count = part_of_split(path)
        if number != 1:
            return
        if location is not None and not all(map(location.holds, all_parts(path))):
            self.broken.append(BrokenModel(path=path, problem="it is a link that leads out of the attached folder"))
            return
        seen = self._examine(path)
        if seen is None or seen.header is None or not is_model(seen.header):
            return
        parts = all_parts(path)
        missing = [part for part in parts if not part.exists()]
        if missing:
            self.broken.append(BrokenModel(path=path, problem=f"{missing[0].name} is missing"))
            return
        stat = path.stat()
        if not self._is_new(stat):
            return
        model = _describe(
            name=self._free_name(path, location),
            path=path,
            source=source,
            header=seen.header,
            digest=seen.digest,
            size_bytes=sum(part.stat().st_size for part in parts),
            modified_ns=stat.st_mtime_ns,
        )
        projector = self._projector_beside(path, seen.header)
        self.add(_seeing(model, projector) if projector is not None else model)

    def _projector_beside(self, path: Path, header: GgufHeader) -> Path | None:
        for folder in folders_beside(path):
            if folder not in self._headers:
                self._headers[folder] = self._headers_in(folder)
            projector = projector_for(path, header, self._headers[folder])
            if projector is not None:
                return projector
        return None

    def _headers_in(self, folder: Path) -> Mapping[Path, GgufHeader]:
        headers = {}
        for path in files_in(folder):
            self.looked_at.add(path)
            try:
                header = self._look(path).header
            except OSError:  # It is told where the file itself is listed.
                continue
            if header is not None:
                headers[path] = header
        return headers

    def add_store(self, store: Store, source: ModelSource) -> None:
        try:
            os.listdir(store.manifests)
        except FileNotFoundError:
            return
        except OSError as exc:
            self.broken.append(BrokenModel(path=store.manifests, problem=exc.strerror or "unreadable"))
            return
        for name in sorted(store.names(), key=lambda name: name.key):
            if name.key in self._names:
                continue
            try:
                if source != "pulled":
                    _check_links(store, name)
                self._add_stored(store, name, source)
            except BadManifest as exc:
                self.broken.append(BrokenModel(path=store.manifest_file(name), problem=exc.detail))
            except OSError as exc:
                self.broken.append(BrokenModel(path=store.manifest_file(name), problem=exc.strerror or "unreadable"))

    def _add_stored(self, store: Store, name: ModelName, source: ModelSource) -> None:
        manifest = store.read_manifest(name)
        weights = manifest.first("model")
        if weights is None:
            raise BadManifest("it has no GGUF weights; safetensors and cloud models cannot be run here")
        for layer in manifest.weights:
            _blob(store, layer)
        path = store.weights_file(manifest)
        seen = self._examine(path)
        if seen is None or seen.header is None:
            return
        if source != "pulled":  # Ours may be a second name of a file that lies elsewhere and is offered there too.
            self._inodes.add(_inode(path.stat()))
        model = _describe(
            name=name,
            path=path,
            source=source,
            header=seen.header,
            digest=manifest.digest,
            size_bytes=manifest.size_bytes,
            modified_ns=store.manifest_file(name).stat().st_mtime_ns,
        )
        adapters = tuple(_blob(store, layer) for layer in manifest.layers if layer.kind == "adapter")
        model = replace(model, baked=_baked(store, manifest), adapters=adapters)
        model = replace(model, capabilities=capabilities_of(seen.header, template=model.chat_template))
        eyes = manifest.first("projector")
        projector = _blob(store, eyes) if eyes is not None else None
        if projector is not None and self._reads_images(projector):
            model = replace(model, projector=projector, capabilities=model.capabilities | {"vision"})
        self.add(model)

    def _reads_images(self, projector: Path) -> bool:
        seen = self._examine(projector)
        return seen is not None and seen.header is not None and reads_images(seen.header)

    def _examine(self, path: Path) -> _Seen | None:
        self.looked_at.add(path)
        try:
            seen = self._look(path)
        except OSError as exc:
            self.broken.append(BrokenModel(path=path, problem=exc.strerror or "unreadable"))
            return None
        if seen.header is None:
            self.broken.append(BrokenModel(path=path, problem=seen.problem))
        return seen

    def _is_new(self, stat: os.stat_result) -> bool:
        inode = _inode(stat)
        if inode in self._inodes:
            return False
        self._inodes.add(inode)
        return True

    def _free_name(self, path: Path, location: Location | None) -> ModelName:
        """Return the file's own name; when another file has it, the folder's name or a number is put to it."""
        known = location.name_of(path) if location is not None else None
        if known is not None and known.key not in self._names:
            return known
        name = name_of_file(path)
        if name.key in self._names:
            name = name_of_file(path, prefix=_publisher(path))
        first, number = name, 2
        while name.key in self._names:
            name = replace(first, model=f"{first.model[:76]}-{number}")
            number += 1
        return name


def _read(path: Path, stamp: tuple[int, int, int]) -> _Seen:
    try:
        header = read_header(path)
    except BadModelFile as exc:
        return _Seen(stamp, None, exc.detail, "")
    return _Seen(stamp, header, "", _sampled_digest(path, stamp[1]))


def _sampled_digest(path: Path, size: int) -> str:
    """Identify a file by its size, its head and its tail: reading 40 GB to list a model would take minutes."""
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_SAMPLE_BYTES))
        file.seek(max(0, size - _SAMPLE_BYTES))
        digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _describe(
    *,
    name: ModelName,
    path: Path,
    source: ModelSource,
    header: GgufHeader,
    digest: str,
    size_bytes: int,
    modified_ns: int,
) -> LibraryModel:
    return LibraryModel(
        name=name,
        path=path,
        kind="llama",
        source=source,
        size_bytes=size_bytes,
        digest=digest,
        modified_ns=modified_ns,
        header=header,
        capabilities=capabilities_of(header),
        family=header.architecture,
        parameter_size=human_parameters(header.parameter_count),
        quantization=header.quantization or "unknown",
        context_length=header.context_length,
    )


def _publisher(path: Path) -> str:
    """Return what tells two files of one name apart: the publisher in a Hugging Face cache, else the folder."""
    for part in reversed(path.parent.parts):
        if part.startswith("models--"):
            return part.removeprefix("models--").partition("--")[0]
    return path.parent.name


def _seeing(model: LibraryModel, projector: Path) -> LibraryModel:
    """Return a model of a plain file together with its projector."""
    stat = projector.stat()
    digest = hashlib.sha256(f"{model.digest} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()
    return replace(
        model,
        projector=projector,
        capabilities=model.capabilities | {"vision"},
        size_bytes=model.size_bytes + stat.st_size,
        digest=digest,
    )


def _blob(store: Store, layer: Layer) -> Path:
    path = store.blob_file(layer.digest)
    if not path.exists():
        raise BadManifest(f"the blob {path.name[:19]} is missing")
    return path


def _check_links(store: Store, name: ModelName) -> None:
    """Refuse a model of somebody else's store of which a file lies outside it: that was never attached."""
    root = store.root.resolve()
    files = [store.manifest_file(name), *(store.blob_file(layer.digest) for layer in store.read_manifest(name).layers)]
    if not all(path.resolve().is_relative_to(root) for path in files):
        raise BadManifest("it is a link that leads out of the attached store")


def _inode(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def _baked(store: Store, manifest: Manifest) -> Baked:
    def text(kind: str) -> str:
        layer = manifest.first(kind)
        return store.read_text_layer(layer) if layer is not None else ""

    options = _json(text("params"))
    config = _json(store.read_text_layer(manifest.config)) if manifest.config is not None else None
    licenses = [store.read_text_layer(layer) for layer in manifest.layers if layer.kind == "license"]
    weights = manifest.first("model")
    return Baked(
        parent=weights.source if weights is not None else "",
        options=options if isinstance(options, dict) else {},
        system=text("system"),
        template=text("template"),
        has_own_template=isinstance(config, dict) and config.get(OWN_TEMPLATE) is True,
        licenses=tuple(licenses),
        messages=_messages(_json(text("messages"))),
    )


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _messages(value: Any) -> tuple[ChatMessage, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        ChatMessage(role=item["role"], content=item["content"])
        for item in value
        if isinstance(item, dict) and item.get("role") in _ROLES and isinstance(item.get("content"), str)
    )
