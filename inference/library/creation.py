"""Make a model out of another one, of GGUF files, and of texts: blobs first, the manifest last.

Whenever the process is killed, the model of that name is the one from before or the new one.
"""

from __future__ import annotations

import platform
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from inference.errors import BadModelFile, InvalidRequest, ModelLoadFailed, ModelNotFound
from inference.library.adapters import check_adapter
from inference.library.blobs import CreateLine, adopt
from inference.library.catalog import Catalog
from inference.library.errors import BadManifest, BlobNotFound, NameTaken
from inference.library.gguf import GgufHeader, read_header
from inference.library.manifests import (
    LAYER_TYPE,
    MAX_TEXT_LAYER_BYTES,
    OWN_TEMPLATE,
    Layer,
    Manifest,
    Store,
    manifest_bytes,
)
from inference.library.models import LibraryModel, human_parameters
from inference.library.names import ModelName, all_parts
from inference.library.projectors import check_projector
from inference.types import ChatMessage

CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
MAX_FILES = 16
MAX_LICENSES = 16

GGUF_ROUTE = (
    "models in safetensors format cannot be imported here; convert them to GGUF first, with llama.cpp's "
    "convert_hf_to_gguf.py, or pull a GGUF version: hf.co/OWNER/REPOSITORY"
)

_REPLACED = ("template", "system", "params", "messages")
"""Texts of which a model has one each; what a recipe says takes the place of what its base says."""

_TEXTS = (*_REPLACED, "license")

REMOVABLE_TEXTS = ("template", "system", "messages")
"""Of which a recipe can say that the base's is not wanted; a licence always stays."""

_NOT_KEPT = ("json", "tensor")
_CONFIG_OF_CLOUD = ("remote_host", "remote_model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a model is to be made of. Empty texts and lists leave what the base brings.

    Attributes:
        base: The model that it begins with; without one, `files` hold the weights.
        files: Digests of blobs of our store, by the name that their sender gives them: weights, or a projector.
        adapters: The same, of LoRA files; they come on top of those of the base.
        parameters: Options with Ollama's names, checked; each takes the place of the base's.
        licenses: Put to the licences of the base, which always stay.
        notes: What the config keeps for Ollama, such as `renderer` and `parser`.
        removed: What the base brings and the model shall not have: `template`, `system`, `messages`, or parameters.
    """

    name: ModelName
    base: LibraryModel | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    adapters: Mapping[str, str] = field(default_factory=dict)
    template: str = ""
    system: str = ""
    licenses: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    messages: Sequence[ChatMessage] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Parts:
    """The layers of large files, and the texts that the model begins with."""

    layers: list[Layer] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)
    licenses: list[bytes] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)

    def add_text(self, kind: str, text: str) -> None:
        """Keep what the base says; nothing of a text whose blob is missing."""
        if text and kind == "license":
            self.licenses.append(text.encode())
        elif text:
            self.texts[kind] = text.encode()

    def all_texts(self) -> list[tuple[str, bytes]]:
        texts = [(kind, self.texts[kind]) for kind in _REPLACED if kind in self.texts]
        return [*texts, *(("license", text) for text in self.licenses)]


def create(catalog: Catalog, recipe: Recipe, *, prunes: bool = True) -> Iterator[CreateLine]:
    """Make the model and yield what happens. Blocking, for minutes where a large file must be read or copied.

    Args:
        prunes: Delete what only the model that had the name before used.

    Raises:
        InvalidRequest: The parts do not make a model; the sentence says why.
        NameTaken, BlobNotFound, BadModelFile, NotEnoughSpace
    """
    with catalog.store.keeping([*recipe.files.values(), *recipe.adapters.values()]):
        yield from _create(catalog, recipe, prunes)
    yield {"status": "success"}


def _create(catalog: Catalog, recipe: Recipe, prunes: bool) -> Iterator[CreateLine]:
    refuse_taken_name(catalog, recipe.name)
    parts = _Parts()
    if recipe.base is not None:
        yield from _take_base(catalog.store, recipe.base, parts)
    _take_files(catalog.store, recipe, parts)
    _check_parts(catalog.store, recipe, parts)
    _keep_parent(recipe, parts)
    _write_over(recipe, parts)
    with catalog.store.keeping(layer.digest for layer in parts.layers):
        yield from _write(catalog.store, recipe, parts, prunes)
    catalog.snapshot(fresh=True)


def _write(store: Store, recipe: Recipe, parts: _Parts, prunes: bool) -> Iterator[CreateLine]:
    if recipe.files or recipe.adapters:
        yield {"status": "parsing GGUF"}
    for layer in parts.layers:
        yield {"status": f"using existing layer {layer.digest}"}
    texts, lines = _text_layers(store, parts)
    yield from lines
    layers = [*parts.layers, *texts]
    config = _config(store, recipe, parts, layers)
    yield {"status": "writing manifest"}
    with store.changing():
        _text_layers(store, parts)  # Once more: a model with the same text may have been deleted since.
        digest, _ = store.put_blob(config)
        head = Layer(media_type=CONFIG_TYPE, digest=digest, size_bytes=len(config))
        store.publish(store.existing_name(recipe.name), manifest_bytes(head, layers), prunes=prunes)


def copy(catalog: Catalog, source: LibraryModel, name: ModelName) -> Iterator[CreateLine]:
    """Give a model a second name. Blobs are shared.

    Raises:
        As `create`.
    """
    origin = _origin(source)
    if origin is None:
        yield from create(catalog, Recipe(name=name, base=source))
        return
    refuse_taken_name(catalog, name)
    store, manifest = origin
    if store.root != catalog.store.root:
        for layer in manifest.all_layers:
            yield from adopt(catalog.store, store.blob_file(layer.digest), digest=layer.digest)
    with catalog.store.changing():
        catalog.store.publish(catalog.store.existing_name(name), _manifest_of(store, source.name))
    catalog.snapshot(fresh=True)
    yield {"status": "success"}


def _manifest_of(store: Store, name: ModelName) -> bytes:
    try:
        return store.manifest_file(name).read_bytes()
    except FileNotFoundError:
        raise ModelNotFound(name.short) from None


def refuse_taken_name(catalog: Catalog, name: ModelName) -> None:
    """Raise NameTaken when that name means a model which is not in our own store."""
    known = catalog.snapshot(fresh=True).find(name)
    if known is not None and known.source != "pulled":
        raise NameTaken(name.short, str(known.path))


def _origin(model: LibraryModel) -> tuple[Store, Manifest] | None:
    """Return the store that a model comes from, and its manifest there; None for a file that lies by itself."""
    store = Store.owning(model.path)
    if store is None:
        return None
    try:
        return store, store.read_manifest(model.name)
    except FileNotFoundError:  # It was deleted in this moment.
        raise ModelNotFound(model.name.short) from None
    except (OSError, BadManifest) as exc:
        raise BadModelFile(model.name.short, "its manifest cannot be read any more") from exc


def _take_base(store: Store, base: LibraryModel, parts: _Parts) -> Generator[CreateLine, None, None]:
    if base.kind != "llama":
        raise InvalidRequest(f"{base.name.short} is built in and cannot be the base of another model")
    origin = _origin(base)
    if origin is None:
        yield from _take_file(store, base, parts)
        return
    home, manifest = origin
    if manifest.config is not None:
        parts.config = _object(home.read_text_layer(manifest.config))
    for layer in manifest.layers:
        if layer.kind in _TEXTS:
            parts.add_text(layer.kind, home.read_text_layer(layer))
        elif layer.kind not in _NOT_KEPT:
            if home.root != store.root:
                yield from adopt(store, home.blob_file(layer.digest), digest=layer.digest)
            parts.layers.append(_from(layer.kind, layer.digest, layer.size_bytes, base))


def _take_file(store: Store, base: LibraryModel, parts: _Parts) -> Generator[CreateLine, None, None]:
    files = [("model", path) for path in all_parts(base.path)]
    files += [("projector", base.projector)] if base.projector is not None else []
    for kind, path in files:
        digest = yield from adopt(store, path)
        parts.layers.append(_from(kind, digest, store.blob_file(digest).stat().st_size, base))


def _from(kind: str, digest: str, size_bytes: int, base: LibraryModel) -> Layer:
    return Layer(media_type=LAYER_TYPE + kind, digest=digest, size_bytes=size_bytes, source=base.name.short)


def _take_files(store: Store, recipe: Recipe, parts: _Parts) -> None:
    if len(recipe.files) > MAX_FILES or len(recipe.adapters) > MAX_FILES:
        raise InvalidRequest(f"a model is made of at most {MAX_FILES} files")
    for given, expected in ((recipe.files, ("model", "projector")), (recipe.adapters, ("adapter",))):
        found = [(name, digest, _header_of(store, name, digest)) for name, digest in given.items()]
        for name, digest, header in sorted(found, key=_place_in_split):
            kind = "adapter" if header.is_adapter else "projector" if header.is_projector else "model"
            if kind not in expected:
                raise InvalidRequest(f"{name} is {_WHAT[kind]}, which does not belong here")
            parts.layers.append(Layer(media_type=LAYER_TYPE + kind, digest=digest, size_bytes=header.size_bytes))


def _place_in_split(file: tuple[str, str, GgufHeader]) -> int:
    number = file[2].metadata.get("split.no", 0)
    return number if isinstance(number, int) else 0


_WHAT = {"adapter": "a LoRA adapter", "projector": "a projector", "model": "a model"}


def _header_of(store: Store, name: str, digest: str) -> GgufHeader:
    path = store.blob_file(digest)
    if not path.exists():
        raise BlobNotFound(digest)
    with path.open("rb") as file:
        head = file.read(16)
    if not head.startswith(b"GGUF"):
        if name.lower().endswith(".safetensors") or head[8:9] == b"{":
            raise InvalidRequest(GGUF_ROUTE)
        raise InvalidRequest(f"supplied file was not in GGUF format: {name}")
    try:
        return read_header(path)
    except BadModelFile as exc:
        raise InvalidRequest(f"{name} cannot be used: {exc.detail}") from exc


def _check_parts(store: Store, recipe: Recipe, parts: _Parts) -> None:
    """Refuse parts that do not belong together before anything is written that would name them."""
    weights = [layer for layer in parts.layers if layer.kind == "model"]
    if not weights:
        raise InvalidRequest("none of the files holds the weights of a model")
    first = store.blob_file(weights[0].digest)
    if recipe.base is not None and any(not layer.source for layer in weights):
        raise InvalidRequest("a model begins with one model only; a second one cannot be put to it")
    if recipe.base is None and len(weights) != (n_files := read_header(first).split_count):
        wanted = "one file of weights" if n_files == 1 else f"the weights in {n_files} files"
        raise InvalidRequest(f"a model begins with one model only: {wanted}, but {len(weights)} came")
    path = recipe.base.path if recipe.base is not None else first
    names = {digest: name for name, digest in (*recipe.files.items(), *recipe.adapters.items())}
    for layer in parts.layers:
        blob = store.blob_file(layer.digest)
        try:
            if layer.kind == "adapter" and not layer.source:
                check_adapter(recipe.name.short, blob, path)
            elif layer.kind == "projector" and not layer.source:
                check_projector(recipe.name.short, blob)
        except ModelLoadFailed as exc:
            raise InvalidRequest(exc.detail.replace(blob.name, names[layer.digest])) from exc


def _keep_parent(recipe: Recipe, parts: _Parts) -> None:
    """Leave a model that is made anew under its own name the child of whatever it was made of."""
    if recipe.base is not None and recipe.base.name.key == recipe.name.key:
        own, parent = recipe.base.name.short, recipe.base.baked.parent
        parts.layers = [replace(layer, source=parent) if layer.source == own else layer for layer in parts.layers]


def _write_over(recipe: Recipe, parts: _Parts) -> None:
    """Put what the recipe says in the place of what the base says."""
    _remove(recipe.removed, parts)
    if recipe.template and recipe.template.encode() != parts.texts.get("template"):
        parts.texts["template"] = recipe.template.encode()
        parts.config[OWN_TEMPLATE] = True
    if recipe.system:
        parts.texts["system"] = recipe.system.encode()
    if recipe.messages:
        said = [{"role": message.role, "content": message.content} for message in recipe.messages]
        parts.texts["messages"] = orjson.dumps(said)
    if recipe.parameters:
        parts.texts["params"] = orjson.dumps(_object(parts.texts.get("params", b"")) | dict(recipe.parameters))
    parts.licenses = list(dict.fromkeys([*parts.licenses, *(text.encode() for text in recipe.licenses)]))
    parts.config = {key: value for key, value in parts.config.items() if key not in _CONFIG_OF_CLOUD} | {**recipe.notes}
    if len(parts.licenses) > MAX_LICENSES:
        raise InvalidRequest(f"a model has at most {MAX_LICENSES} licences")
    for kind, data in parts.all_texts():
        if len(data) > MAX_TEXT_LAYER_BYTES:
            raise InvalidRequest(f"the {kind} is longer than {MAX_TEXT_LAYER_BYTES:,} bytes")


def _remove(removed: frozenset[str], parts: _Parts) -> None:
    for kind in removed.intersection(REMOVABLE_TEXTS):
        parts.texts.pop(kind, None)
    if "template" in removed:
        parts.config.pop(OWN_TEMPLATE, None)
    if "params" in parts.texts:
        params = {name: value for name, value in _object(parts.texts.pop("params")).items() if name not in removed}
        parts.texts |= {"params": orjson.dumps(params)} if params else {}


def _text_layers(store: Store, parts: _Parts) -> tuple[list[Layer], list[CreateLine]]:
    layers, lines = [], list[CreateLine]()
    for kind, data in parts.all_texts():
        digest, is_new = store.put_blob(data)
        layers.append(Layer(media_type=LAYER_TYPE + kind, digest=digest, size_bytes=len(data)))
        lines.append({"status": f"{'creating new' if is_new else 'using existing'} layer {digest}"})
    return layers, lines


def _config(store: Store, recipe: Recipe, parts: _Parts, layers: Sequence[Layer]) -> bytes:
    """Return the config as Ollama writes it, so that an Ollama could run the model out of this store."""
    weights = next(layer for layer in layers if layer.kind == "model")
    sees = any(layer.kind == "projector" for layer in layers)
    header = read_header(store.blob_file(weights.digest))
    return orjson.dumps(
        parts.config
        | {
            "model_format": "gguf",
            "model_family": header.architecture,
            "model_families": [header.architecture, *(["clip"] if sees else [])],
            "model_type": recipe.base.parameter_size if recipe.base else human_parameters(header.parameter_count),
            "file_type": header.quantization or "unknown",
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        }
    )


def _object(data: str | bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
