"""Read the header of a GGUF file in plain Python, so that a broken or hostile file never reaches native code.

Every count and length is checked against the bytes that are really there before anything is allocated or looped over.
Large arrays (the vocabulary) are stepped over without being decoded.

Source: ggml's docs/gguf.md; block sizes from ggml-common.h.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from inference.errors import BadModelFile

Scalar = int | float | bool | str

PoolingName = Literal["none", "mean", "cls", "last", "rank"]
POOLING_NAMES: Mapping[int, PoolingName] = {0: "none", 1: "mean", 2: "cls", 3: "last", 4: "rank"}

MAX_KEYS = 65_536
MAX_TENSORS = 65_536
MAX_KEY_BYTES = 65_535
MAX_STRING_BYTES = 16 * 1024 * 1024
MAX_ARRAY_STRINGS = 4_000_000
MAX_DIMENSIONS = 4
DEFAULT_ALIGNMENT = 32
MAX_ALIGNMENT = 1024 * 1024
MAX_LAYERS = 65_536

WINDOW_BYTES = 1024 * 1024

STRING, ARRAY = 8, 9
SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
INT32, FLOAT32, UINT64 = 5, 6, 10
INTEGERS = frozenset({0, 1, 2, 3, 4, 5, 10, 11})

FIXED_TYPES = {"adapter.type": STRING, "adapter.lora.alpha": FLOAT32}
"""llama.cpp ends the process when one of these keys has another type. Source: gguf_get_val_f32 in ggml's gguf.cpp."""

BLOCKS = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}
"""ggml type -> (name, weights per block, bytes per block)."""

FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4", 39: "NVFP4", 40: "Q1_0",
}  # fmt: skip
"""`general.file_type` -> what people call it. Source: llama.h, `llama_ftype`."""


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
        return _read(file, check_vocabulary)


@dataclass(frozen=True, slots=True)
class Tensor:
    """`dimensions` are counts of weights, the row length first; `type_name` is a name of `BLOCKS`."""

    dimensions: tuple[int, ...]
    type_name: str


def read_tensors(path: Path) -> Mapping[str, Tensor]:
    """Return what tensors one file holds, by name. Raises BadModelFile as `read_header` does."""
    with _opened(path) as file:
        cursor = _Cursor(file)
        _version, tensor_count, key_count = _read_preamble(cursor)
        alignment = _alignment(_read_keys(cursor, key_count, check_vocabulary=False))
        return _read_tensors(cursor, tensor_count, alignment).by_name


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        # Opening a named pipe would wait for a writer.
        if path.exists() and not path.is_file():
            raise _Refused("this is not a regular file")
        with path.open("rb", buffering=0) as file:
            yield file
    except _Refused as exc:
        raise BadModelFile(path.name, str(exc)) from None
    except OSError as exc:
        raise BadModelFile(path.name, exc.strerror or "the file cannot be read") from exc


class _Refused(Exception):
    """The reason why a file is refused, in words for a person."""


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


def _read(file: BinaryIO, check_vocabulary: bool) -> GgufHeader:
    cursor = _Cursor(file)
    version, tensor_count, key_count = _read_preamble(cursor)
    values = _read_keys(cursor, key_count, check_vocabulary)
    alignment = _alignment(values)
    tensors = _read_tensors(cursor, tensor_count, alignment)
    data_start = -(-cursor.position // alignment) * alignment
    if tensors.by_name and data_start + tensors.end > cursor.size:
        needed = data_start + tensors.end
        raise _Refused(f"the file is truncated: it has {cursor.size:,} of {needed:,} bytes")
    return _header(version, values, tensors, alignment, cursor.size)


class _Cursor:
    """Reads forward through the file and never past its end.

    It reads a window at a time instead of mapping the file: a mapped file that somebody shortens meanwhile ends the
    process.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        self.position = 0
        self._base = 0
        self._window = b""

    def skip(self, n_bytes: int) -> None:
        if n_bytes > self.size - self.position:
            raise _Refused("the file is truncated inside its header")
        self.position += n_bytes

    def take(self, n_bytes: int) -> bytes:
        start = self._load(n_bytes)
        self.position += n_bytes
        return self._window[start : start + n_bytes]

    def unpack(self, layout: struct.Struct) -> Scalar:
        start = self._load(layout.size)
        self.position += layout.size
        value: Scalar = layout.unpack_from(self._window, start)[0]
        return value

    def number(self, type_id: int) -> int:
        return int(self.unpack(SCALARS[type_id]))

    def count(self, what: str, limit: int, least_bytes: int) -> int:
        """Read a u64 count of things that take at least `least_bytes` each."""
        count = self.number(UINT64)
        if count > limit or count * least_bytes > self.size - self.position:
            raise _Refused(f"the header claims {count:,} {what}, more than the file can hold")
        return count

    def string_bytes(self, limit: int = MAX_STRING_BYTES) -> bytes:
        length = self.number(UINT64)
        if length > limit:
            raise _Refused(f"the header holds a text of {length:,} bytes")
        return self.take(length)

    def string(self, limit: int = MAX_STRING_BYTES) -> str:
        # Vendors write names in other encodings now and then; such a name is no reason to refuse a model.
        return self.string_bytes(limit).decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        length_at = SCALARS[UINT64].unpack_from
        while count:
            start = index = self._load(8)
            window, last = self._window, len(self._window) - 8
            while count and index <= last:
                index += 8 + length_at(window, index)[0]
                count -= 1
            self.skip(index - start)

    def check_distinct(self, count: int) -> None:
        seen: set[bytes] = set()
        for _ in range(count):
            token = self.string_bytes()
            if token in seen:
                raise _Refused(f"the vocabulary holds {token.decode('utf-8', 'replace')!r} twice")
            seen.add(token)

    def _load(self, n_bytes: int) -> int:
        """Make the next n bytes available; return where in the window they begin."""
        if n_bytes > self.size - self.position:
            raise _Refused("the file is truncated inside its header")
        start = self.position - self._base
        if start + n_bytes > len(self._window):
            self._file.seek(self.position)
            self._base, self._window = self.position, self._file.read(max(n_bytes, WINDOW_BYTES))
            start = 0
        if len(self._window) < n_bytes:
            raise _Refused("the file became shorter while it was read")
        return start


def _read_preamble(cursor: _Cursor) -> tuple[int, int, int]:
    if cursor.size == 0:
        raise _Refused("the file is empty")
    if cursor.size < 4 or cursor.take(4) != b"GGUF":
        raise _Refused("this is not a GGUF file")
    version = cursor.number(4)
    if version not in (2, 3):
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        if swapped in (2, 3):
            raise _Refused("the file is written for big-endian machines")
        raise _Refused(f"GGUF version {version} is not supported; 2 and 3 are")
    tensor_count = cursor.count("tensors", MAX_TENSORS, 24)
    key_count = cursor.count("keys", MAX_KEYS, 13)
    return version, tensor_count, key_count


def _read_keys(cursor: _Cursor, count: int, check_vocabulary: bool) -> dict[str, Scalar | _Array]:
    values: dict[str, Scalar | _Array] = {}
    for _ in range(count):
        key = cursor.string(MAX_KEY_BYTES)
        if key in values:
            raise _Refused(f"the key {key!r} stands there twice")
        type_id = cursor.number(4)
        values[key] = _read_value(cursor, key, type_id, check_vocabulary)
    return values


def _read_value(cursor: _Cursor, key: str, type_id: int, check_vocabulary: bool) -> Scalar | _Array:
    if type_id != FIXED_TYPES.get(key, type_id):
        raise _Refused(f"the key {key!r} has the wrong type {type_id}")
    if type_id == STRING:
        return cursor.string()
    if type_id == ARRAY:
        return _read_array(cursor, key, check_vocabulary)
    layout = SCALARS.get(type_id)
    if layout is None:
        raise _Refused(f"the key {key!r} has the unknown type {type_id}")
    return cursor.unpack(layout)


def _read_array(cursor: _Cursor, key: str, check_vocabulary: bool) -> _Array:
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
        raise _Refused(f"the list {key!r} has items of type {item_type}, which is not known")
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
        raise _Refused("general.alignment is no power of two between 8 and 1 MiB")
    return alignment


def _read_tensors(cursor: _Cursor, count: int, alignment: int) -> _Tensors:
    by_name: dict[str, Tensor] = {}
    bytes_by_type: dict[str, int] = {}
    end = n_weights = 0
    for _ in range(count):
        name = cursor.string(MAX_KEY_BYTES)
        if name in by_name:
            raise _Refused(f"the tensor {name!r} stands there twice")
        tensor, weights, n_bytes = _read_shape(cursor, name)
        by_name[name] = tensor
        offset = cursor.number(UINT64)
        if offset % alignment:
            raise _Refused(f"the tensor {name!r} starts at an unaligned place")
        end = max(end, offset + n_bytes)
        n_weights += weights
        bytes_by_type[tensor.type_name] = bytes_by_type.get(tensor.type_name, 0) + n_bytes
    main_type = max(bytes_by_type, key=lambda type_name: bytes_by_type[type_name], default=None)
    return _Tensors(by_name, n_weights, end, main_type)


def _read_shape(cursor: _Cursor, name: str) -> tuple[Tensor, int, int]:
    n_dimensions = cursor.number(4)
    if not 1 <= n_dimensions <= MAX_DIMENSIONS:
        raise _Refused(f"the tensor {name!r} has {n_dimensions} dimensions")
    dimensions = [cursor.number(UINT64) for _ in range(n_dimensions)]
    weights = 1
    for dimension in dimensions:
        weights *= dimension
    if weights == 0 or max(dimensions) >= 2**63 or weights >= 2**63:
        raise _Refused(f"the tensor {name!r} has an impossible shape")
    type_id = cursor.number(4)
    if type_id not in BLOCKS:
        raise _Refused(f"the tensor {name!r} has the unknown type {type_id}")
    type_name, block, block_bytes = BLOCKS[type_id]
    if dimensions[0] % block:
        raise _Refused(f"the rows of the tensor {name!r} do not fit its type {type_name}")
    return Tensor(tuple(dimensions), type_name), weights, weights // block * block_bytes


def _header(
    version: int, values: Mapping[str, Scalar | _Array], tensors: _Tensors, alignment: int, size_bytes: int
) -> GgufHeader:
    architecture = _text(values, "general.architecture")
    if not architecture:
        raise _Refused("general.architecture is missing")
    kind = _text(values, "general.type") or "model"
    is_model = architecture != "clip" and kind == "model"
    keys = _ArchitectureKeys(values, architecture)
    file_type = values.get("general.file_type")
    pooling = keys.count("pooling_type", zero_is_fine=True)
    if pooling is not None and pooling not in POOLING_NAMES:
        raise _Refused(f"{architecture}.pooling_type is {pooling}, which is not known")
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
            raise _Refused(f"{full} is missing")
        if isinstance(value, bool) or not isinstance(value, int):
            raise _Refused(f"{full} is not a whole number")
        if value < 0 or value >= 2**31 or (value == 0 and not zero_is_fine):
            raise _Refused(f"{full} is {value}")
        return value

    def counts_per_layer(self, key: str) -> tuple[int, ...]:
        value = self._values.get(f"{self._architecture}.{key}")
        if not isinstance(value, _Array):
            count = self.count(key, zero_is_fine=not self._has_attention)
            return () if count is None else (count,)
        if value.item_type not in INTEGERS or any(not 0 <= number < 2**31 for number in value.numbers):
            raise _Refused(f"{self._architecture}.{key} is not a list of counts")
        if self._has_attention and not any(value.numbers):
            raise _Refused(f"{self._architecture}.{key} is zero in every layer")
        return value.numbers


def _text(values: Mapping[str, Scalar | _Array], key: str) -> str | None:
    value = values.get(key)
    if value is None or isinstance(value, str):
        return value
    raise _Refused(f"{key} is not a text")


def _vocabulary_size(values: Mapping[str, Scalar | _Array]) -> int | None:
    tokens = values.get("tokenizer.ggml.tokens")
    if tokens is None:
        return None
    if not isinstance(tokens, _Array) or tokens.item_type != STRING or tokens.count == 0:
        raise _Refused("the vocabulary is not a list of texts")
    # Native code reads as many scores and types as there are tokens.
    for key, item_type in (("scores", FLOAT32), ("token_type", INT32)):
        companion = values.get(f"tokenizer.ggml.{key}")
        if companion is None:
            continue
        if not isinstance(companion, _Array) or companion.item_type != item_type or companion.count != tokens.count:
            raise _Refused(f"tokenizer.ggml.{key} does not fit the vocabulary of {tokens.count:,} tokens")
    return tokens.count


def _split_count(values: Mapping[str, Scalar | _Array]) -> int:
    count = values.get("split.count", 1)
    return count if isinstance(count, int) and 1 <= count <= MAX_KEY_BYTES else 1
