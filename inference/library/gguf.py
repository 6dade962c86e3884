"""Read the header of a GGUF file in plain Python, so that a broken or hostile file never reaches native code.

Every count and length is checked against the bytes that are really there before anything is allocated or looped over.
Large arrays (the vocabulary) are stepped over without being decoded.

Source: ggml's docs/gguf.md; block sizes from ggml-common.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from inference.errors import BadModelFile
from inference.library.gguf_cursor import ByteSource, Cursor, FileSource, Refused
from inference.library.gguf_format import (
    ARRAY,
    BLOCKS,
    FILE_TYPES,
    FIXED_TYPES,
    FLOAT32,
    INT32,
    INTEGERS,
    POOLING_NAMES,
    SCALARS,
    STRING,
    UINT64,
    PoolingName,
    Scalar,
)

MAX_KEYS = 65_536
MAX_TENSORS = 65_536
MAX_KEY_BYTES = 65_535
MAX_ARRAY_STRINGS = 4_000_000
MAX_DIMENSIONS = 4
DEFAULT_ALIGNMENT = 32
MAX_ALIGNMENT = 1024 * 1024
MAX_LAYERS = 65_536
MAX_ARRAY_BYTES = 32 * 1024 * 1024
"""Of all lists that `read_arrays` returns; a vocabulary of 256 000 tokens takes a quarter of it."""

MAX_HEAD_CHARACTERS = 2000

ARRAY_HEAD_BYTES = 12
"""The type of the items, and their count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """What a GGUF file says about itself.

    Attributes:
        metadata: All scalar and string keys; arrays are left out.
        head_counts: One number for all layers, or one per layer; empty when the file names none.
        split_count: Files that make up the model; this is one of them.
    """

    version: int
    architecture: str
    name: str | None
    kind: str
    context_length: int | None
    embedding_length: int | None
    block_count: int | None
    head_counts: tuple[int, ...]
    head_counts_kv: tuple[int, ...]
    vocabulary_size: int | None
    merge_count: int
    quantization: str | None
    parameter_count: int
    chat_template: str | None
    pooling_type: PoolingName | None
    is_causal: bool
    tensor_count: int
    alignment: int
    size_bytes: int
    split_count: int = 1
    metadata: Mapping[str, Scalar] = field(default_factory=dict, repr=False)

    @property
    def is_embedding(self) -> bool:
        """True for models that turn text into vectors and cannot write any."""
        return not self.is_reranker and (self.pooling_type not in (None, "none") or not self.is_causal)

    @property
    def is_reranker(self) -> bool:
        """True for models that tell how well a document answers a query."""
        return self.pooling_type == "rank"

    @property
    def is_projector(self) -> bool:
        """True for the vision part that belongs to another file."""
        return self.architecture == "clip" or self.kind == "mmproj"

    @property
    def is_adapter(self) -> bool:
        return self.kind == "adapter"


def read_header(path: Path, *, check_vocabulary: bool = False) -> GgufHeader:
    """Read and check the header of a GGUF file.

    Args:
        check_vocabulary: Also refuse duplicate tokens, which end a process that loads them (some 30 ms more for
            150 000 tokens).

    Raises:
        BadModelFile: The file cannot be read, is not a GGUF, is truncated, or its header contradicts itself.
    """
    with _opened(path) as file:
        return _read(Cursor(FileSource(file)), check_vocabulary)


def read_source(source: ByteSource, name: str) -> GgufHeader:
    """Read and check the header of a GGUF that is no file here. Raises BadModelFile, with `name`, as `read_header`."""
    try:
        return _read(Cursor(source), check_vocabulary=False)
    except Refused as exc:
        raise BadModelFile(name, str(exc)) from None


@dataclass(frozen=True, slots=True)
class Tensor:
    """`dimensions` are counts of weights, the row length first; `type_name` is a name of `BLOCKS`."""

    dimensions: tuple[int, ...]
    type_name: str


def read_tensors(path: Path) -> Mapping[str, Tensor]:
    """Return what tensors one file holds, by name. Raises BadModelFile as `read_header` does."""
    with _opened(path) as file:
        cursor = Cursor(FileSource(file))
        _version, tensor_count, key_count = _read_preamble(cursor)
        alignment = _alignment(_read_keys(cursor, key_count, check_vocabulary=False))
        return _read_tensors(cursor, tensor_count, alignment).by_name


def read_arrays(path: Path) -> Mapping[str, Sequence[Scalar]]:
    """Return the lists that a header holds, such as the vocabulary, the first `MAX_ARRAY_BYTES` of them.

    Raises BadModelFile as `read_header` does.
    """
    with _opened(path) as file:
        source = FileSource(file)
        cursor = Cursor(source)
        _version, _tensor_count, key_count = _read_preamble(cursor)
        arrays: dict[str, Sequence[Scalar]] = {}
        left = MAX_ARRAY_BYTES
        for _ in range(key_count):
            key, type_id, start = cursor.string(MAX_KEY_BYTES), cursor.number(4), cursor.position
            found = _read_value(cursor, key, type_id, check_vocabulary=False)
            n_bytes = cursor.position - start - ARRAY_HEAD_BYTES
            if not isinstance(found, _Array) or n_bytes > left:
                continue
            left -= n_bytes
            data = source.read(start + ARRAY_HEAD_BYTES, n_bytes)
            if len(data) < n_bytes:
                raise Refused("the file became shorter while it was read")
            arrays[key] = _items(found, data)
        return arrays


@dataclass(frozen=True, slots=True)
class ArrayHead:
    """The first items of a list, and how many it has."""

    items: Sequence[Scalar]
    count: int


def read_array_heads(path: Path, n_items: int) -> Mapping[str, ArrayHead]:
    """Return the beginning of every list that a header holds, and of texts in it the first `MAX_HEAD_CHARACTERS`.

    Raises BadModelFile as `read_header` does.
    """
    with _opened(path) as file:
        source = FileSource(file)
        cursor = Cursor(source)
        _version, _tensor_count, key_count = _read_preamble(cursor)
        heads: dict[str, ArrayHead] = {}
        for _ in range(key_count):
            key, type_id, start = cursor.string(MAX_KEY_BYTES), cursor.number(4), cursor.position
            found = _read_value(cursor, key, type_id, check_vocabulary=False)
            if isinstance(found, _Array):
                items = Cursor(source)
                items.skip(start + ARRAY_HEAD_BYTES)
                heads[key] = ArrayHead(_first_items(items, found, n_items), found.count)
        return heads


def _first_items(cursor: Cursor, array: _Array, n_items: int) -> list[Scalar]:
    count = min(n_items, array.count)
    if array.item_type == STRING:
        return [cursor.string()[:MAX_HEAD_CHARACTERS] for _ in range(count)]
    return [cursor.unpack(SCALARS[array.item_type]) for _ in range(count)]


def _items(array: _Array, data: bytes) -> list[Scalar]:
    if array.item_type != STRING:
        layout = SCALARS[array.item_type]
        return [item for (item,) in layout.iter_unpack(data)]
    items: list[Scalar] = []
    at = 0
    for _ in range(array.count):
        length = SCALARS[UINT64].unpack_from(data, at)[0]
        items.append(data[at + 8 : at + 8 + length].decode("utf-8", "replace"))
        at += 8 + length
    return items


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        # Opening a named pipe would wait for a writer.
        if path.exists() and not path.is_file():
            raise Refused("this is not a regular file")
        with path.open("rb", buffering=0) as file:
            yield file
    except Refused as exc:
        raise BadModelFile(path.name, str(exc)) from None
    except OSError as exc:
        raise BadModelFile(path.name, exc.strerror or "the file cannot be read") from exc


@dataclass(frozen=True, slots=True)
class _Array:
    item_type: int
    count: int
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tensors:
    by_name: Mapping[str, Tensor]
    n_weights: int
    end: int
    main_type: str | None


def _read(cursor: Cursor, check_vocabulary: bool) -> GgufHeader:
    version, tensor_count, key_count = _read_preamble(cursor)
    values = _read_keys(cursor, key_count, check_vocabulary)
    alignment = _alignment(values)
    tensors = _read_tensors(cursor, tensor_count, alignment)
    data_start = -(-cursor.position // alignment) * alignment
    if tensors.by_name and data_start + tensors.end > cursor.size:
        needed = data_start + tensors.end
        raise Refused(f"the file is truncated: it has {cursor.size:,} of {needed:,} bytes")
    return _header(version, values, tensors, alignment, cursor.size)


def _read_preamble(cursor: Cursor) -> tuple[int, int, int]:
    if cursor.size == 0:
        raise Refused("the file is empty")
    if cursor.size < 4 or cursor.take(4) != b"GGUF":
        raise Refused("this is not a GGUF file")
    version = cursor.number(4)
    if version not in (2, 3):
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        if swapped in (2, 3):
            raise Refused("the file is written for big-endian machines")
        raise Refused(f"GGUF version {version} is not supported; 2 and 3 are")
    tensor_count = cursor.count("tensors", MAX_TENSORS, 24)
    key_count = cursor.count("keys", MAX_KEYS, 13)
    return version, tensor_count, key_count


def _read_keys(cursor: Cursor, count: int, check_vocabulary: bool) -> dict[str, Scalar | _Array]:
    values: dict[str, Scalar | _Array] = {}
    for _ in range(count):
        key = cursor.string(MAX_KEY_BYTES)
        if key in values:
            raise Refused(f"the key {key!r} stands there twice")
        type_id = cursor.number(4)
        values[key] = _read_value(cursor, key, type_id, check_vocabulary)
    return values


def _read_value(cursor: Cursor, key: str, type_id: int, check_vocabulary: bool) -> Scalar | _Array:
    if type_id != FIXED_TYPES.get(key, type_id):
        raise Refused(f"the key {key!r} has the wrong type {type_id}")
    if type_id == STRING:
        return cursor.string()
    if type_id == ARRAY:
        return _read_array(cursor, key, check_vocabulary)
    layout = SCALARS.get(type_id)
    if layout is None:
        raise Refused(f"the key {key!r} has the unknown type {type_id}")
    return cursor.unpack(layout)


def _read_array(cursor: Cursor, key: str, check_vocabulary: bool) -> _Array:
    item_type = cursor.number(4)
    if item_type == STRING:
        count = cursor.count(f"entries in {key!r}", MAX_ARRAY_STRINGS, 8)
        if check_vocabulary and key == "tokenizer.ggml.tokens":
            cursor.check_distinct(count)
        else:
            cursor.skip_strings(count)
        return _Array(item_type, count)
    layout = SCALARS.get(item_type)
    if layout is None:
        raise Refused(f"the list {key!r} has items of type {item_type}, which is not known")
    count = cursor.count(f"entries in {key!r}", cursor.size, layout.size)
    if item_type not in INTEGERS or count > MAX_LAYERS or key.startswith("tokenizer."):
        cursor.skip(count * layout.size)
        return _Array(item_type, count)
    numbers = struct.unpack(f"<{count}{layout.format[1:]}", cursor.take(count * layout.size))
    return _Array(item_type, count, numbers)


def _alignment(values: Mapping[str, Scalar | _Array]) -> int:
    alignment = values.get("general.alignment", DEFAULT_ALIGNMENT)
    is_power_of_two = isinstance(alignment, int) and alignment > 0 and alignment & (alignment - 1) == 0
    if not isinstance(alignment, int) or not is_power_of_two or not 8 <= alignment <= MAX_ALIGNMENT:
        raise Refused("general.alignment is no power of two between 8 and 1 MiB")
    return alignment


def _read_tensors(cursor: Cursor, count: int, alignment: int) -> _Tensors:
    by_name: dict[str, Tensor] = {}
    bytes_by_type: dict[str, int] = {}
    end = n_weights = 0
    for _ in range(count):
        name = cursor.string(MAX_KEY_BYTES)
        if name in by_name:
            raise Refused(f"the tensor {name!r} stands there twice")
        tensor, weights, n_bytes = _read_shape(cursor, name)
        by_name[name] = tensor
        offset = cursor.number(UINT64)
        if offset % alignment:
            raise Refused(f"the tensor {name!r} starts at an unaligned place")
        end = max(end, offset + n_bytes)
        n_weights += weights
        bytes_by_type[tensor.type_name] = bytes_by_type.get(tensor.type_name, 0) + n_bytes
    main_type = max(bytes_by_type, key=lambda type_name: bytes_by_type[type_name], default=None)
    return _Tensors(by_name, n_weights, end, main_type)


def _read_shape(cursor: Cursor, name: str) -> tuple[Tensor, int, int]:
    n_dimensions = cursor.number(4)
    if not 1 <= n_dimensions <= MAX_DIMENSIONS:
        raise Refused(f"the tensor {name!r} has {n_dimensions} dimensions")
    dimensions = [cursor.number(UINT64) for _ in range(n_dimensions)]
    weights = 1
    for dimension in dimensions:
        weights *= dimension
    if weights == 0 or max(dimensions) >= 2**63 or weights >= 2**63:
        raise Refused(f"the tensor {name!r} has an impossible shape")
    type_id = cursor.number(4)
    if type_id not in BLOCKS:
        raise Refused(f"the tensor {name!r} has the unknown type {type_id}")
    type_name, block, block_bytes = BLOCKS[type_id]
    if dimensions[0] % block:
        raise Refused(f"the rows of the tensor {name!r} do not fit its type {type_name}")
    return Tensor(tuple(dimensions), type_name), weights, weights // block * block_bytes


def _header(
    version: int, values: Mapping[str, Scalar | _Array], tensors: _Tensors, alignment: int, size_bytes: int
) -> GgufHeader:
    architecture = _text(values, "general.architecture")
    if not architecture:
        raise Refused("general.architecture is missing")
    kind = _text(values, "general.type") or "model"
    is_model = architecture != "clip" and kind == "model"
    keys = _ArchitectureKeys(values, architecture)
    file_type = values.get("general.file_type")
    pooling = keys.count("pooling_type", zero_is_fine=True)
    if pooling is not None and pooling not in POOLING_NAMES:
        raise Refused(f"{architecture}.pooling_type is {pooling}, which is not known")
    return GgufHeader(
        version=version,
        architecture=architecture,
        name=_text(values, "general.name"),
        kind=kind,
        context_length=keys.count("context_length", required=is_model),
        embedding_length=keys.count("embedding_length", required=is_model),
        block_count=keys.count("block_count", required=is_model),
        head_counts=keys.counts_per_layer("attention.head_count"),
        head_counts_kv=keys.counts_per_layer("attention.head_count_kv"),
        vocabulary_size=_vocabulary_size(values),
        merge_count=merges.count if isinstance(merges := values.get("tokenizer.ggml.merges"), _Array) else 0,
        quantization=(FILE_TYPES.get(file_type) if isinstance(file_type, int) else None) or tensors.main_type,
        parameter_count=tensors.n_weights,
        chat_template=_text(values, "tokenizer.chat_template"),
        pooling_type=None if pooling is None else POOLING_NAMES[pooling],
        is_causal=values.get(f"{architecture}.attention.causal", True) is not False,
        tensor_count=len(tensors.by_name),
        alignment=alignment,
        size_bytes=size_bytes,
        split_count=_split_count(values),
        metadata={key: value for key, value in values.items() if not isinstance(value, _Array)},
    )


class _ArchitectureKeys:
    """The keys that begin with the architecture's name, checked."""

    def __init__(self, values: Mapping[str, Scalar | _Array], architecture: str) -> None:
        self._values = values
        self._architecture = architecture
        # State-space models have layers without attention, and say so with head counts of zero.
        self._has_attention = not any(
            key.startswith((f"{architecture}.ssm.", f"{architecture}.wkv.")) for key in values
        )

    def count(self, key: str, *, required: bool = False, zero_is_fine: bool = False) -> int | None:
        full = f"{self._architecture}.{key}"
        value = self._values.get(full)
        if value is None and not required:
            return None
        if value is None:
            raise Refused(f"{full} is missing")
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refused(f"{full} is not a whole number")
        if value < 0 or value >= 2**31 or (value == 0 and not zero_is_fine):
            raise Refused(f"{full} is {value}")
        return value

    def counts_per_layer(self, key: str) -> tuple[int, ...]:
        value = self._values.get(f"{self._architecture}.{key}")
        if not isinstance(value, _Array):
            count = self.count(key, zero_is_fine=not self._has_attention)
            return () if count is None else (count,)
        if value.item_type not in INTEGERS or any(not 0 <= number < 2**31 for number in value.numbers):
            raise Refused(f"{self._architecture}.{key} is not a list of counts")
        if self._has_attention and not any(value.numbers):
            raise Refused(f"{self._architecture}.{key} is zero in every layer")
        return value.numbers


def _text(values: Mapping[str, Scalar | _Array], key: str) -> str | None:
    value = values.get(key)
    if value is None or isinstance(value, str):
        return value
    raise Refused(f"{key} is not a text")


def _vocabulary_size(values: Mapping[str, Scalar | _Array]) -> int | None:
    tokens = values.get("tokenizer.ggml.tokens")
    if tokens is None:
        return None
    if not isinstance(tokens, _Array) or tokens.item_type != STRING or tokens.count == 0:
        raise Refused("the vocabulary is not a list of texts")
    # Native code reads as many scores and types as there are tokens.
    for key, item_type in (("scores", FLOAT32), ("token_type", INT32)):
        companion = values.get(f"tokenizer.ggml.{key}")
        if companion is None:
            continue
        if not isinstance(companion, _Array) or companion.item_type != item_type or companion.count != tokens.count:
            raise Refused(f"tokenizer.ggml.{key} does not fit the vocabulary of {tokens.count:,} tokens")
    return tokens.count


def _split_count(values: Mapping[str, Scalar | _Array]) -> int:
    count = values.get("split.count", 1)
    return count if isinstance(count, int) and 1 <= count <= MAX_KEY_BYTES else 1
