"""Check that a LoRA file belongs to a model before native code sees either.

llama.cpp refuses most wrong files itself, but it ends the process over some: a rank that differs between the two
halves of a pair, weights of a type that it cannot multiply with, or token embeddings that serve as output too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from inference.errors import BadModelFile, ModelLoadFailed
from inference.library.gguf import Tensor, read_header, read_tensors
from inference.library.names import all_parts

A_SUFFIX, B_SUFFIX = ".lora_a", ".lora_b"
NORM_SUFFIX = "_norm.weight"
"""llama.cpp passes over these. Source: llama-adapter.cpp."""

TOKEN_EMBEDDINGS, OUTPUT = "token_embd.weight", "output.weight"
WEIGHT_TYPES = frozenset({"F32", "F16", "BF16", "Q8_0"})
"""Source: the output types of llama.cpp's convert_lora_to_gguf.py."""

TYPE_WITHOUT_ADAPTERS = "NVFP4"


def check_adapter(model: str, adapter: Path, weights: Path) -> None:
    """Check a LoRA file against the file of the model that it is to change.

    Args:
        weights: The first file of a split model.

    Raises:
        ModelLoadFailed: The adapter cannot be used with that model; the sentence names it and says why.
        BadModelFile: The file of the model itself cannot be read.
    """
    base = read_header(weights)
    tensors = {name: tensor for part in all_parts(weights) for name, tensor in read_tensors(part).items()}
    try:
        header = read_header(adapter)
        if not header.is_adapter:
            raise _Unfit("is not an adapter")
        if header.metadata.get("adapter.type") != "lora":
            raise _Unfit(f"is of the type {header.metadata.get('adapter.type')!r}; only 'lora' is supported")
        if header.architecture != base.architecture:
            raise _Unfit(f"was made for {header.architecture} models, and this is a {base.architecture} model")
        for name, (a, b) in _pairs(read_tensors(adapter)).items():
            _check_pair(name, a, b, tensors)
    except _Unfit as exc:
        raise ModelLoadFailed(model, f"the adapter {adapter.name} {exc}") from None
    except BadModelFile as exc:
        raise ModelLoadFailed(model, f"the adapter {adapter.name} cannot be used: {exc.detail}") from exc


class _Unfit(Exception):
    """Why an adapter cannot be used, as what follows its name."""


def _pairs(tensors: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Return both halves of every pair by the name of the tensor that they change."""
    for name in tensors:
        if not name.endswith((A_SUFFIX, B_SUFFIX, NORM_SUFFIX)):
            raise _Unfit(f"holds {name!r}, which is no part of a LoRA")
    names = {name[: -len(A_SUFFIX)] for name in tensors if name.endswith((A_SUFFIX, B_SUFFIX))}
    if not names:
        raise _Unfit("changes nothing")
    pairs = {}
    for name in sorted(names):
        if not {name + A_SUFFIX, name + B_SUFFIX} <= tensors.keys():
            raise _Unfit(f"holds only one half of {name!r}")
        pairs[name] = tensors[name + A_SUFFIX], tensors[name + B_SUFFIX]
    return pairs


def _check_pair(name: str, a: Tensor, b: Tensor, base: Mapping[str, Tensor]) -> None:
    changed = base.get(name)
    if changed is None:
        raise _Unfit(f"changes {name!r}, which this model does not have")
    if unknown := {a.type_name, b.type_name} - WEIGHT_TYPES:
        raise _Unfit(f"holds weights of the type {min(unknown)}")
    if changed.type_name == TYPE_WITHOUT_ADAPTERS:
        raise _Unfit(f"changes {name!r}, whose type {changed.type_name} takes no adapters")
    if name.endswith(TOKEN_EMBEDDINGS) and OUTPUT not in base:
        raise _Unfit("changes the token embeddings, which this model also uses as its output")
    (a_in, rank, *a_rest), (b_rank, b_out, *b_rest) = _matrix(a), _matrix(b)
    n_in, n_out, *rest = _matrix(changed)
    if name.endswith(TOKEN_EMBEDDINGS):
        # There the first half is looked up by token instead of multiplied, so it lies the other way round.
        a_in, rank, n_in, n_out = rank, a_in, n_out, n_in
    if (a_in, b_out, a_rest, b_rest) != (n_in, n_out, rest, rest) or rank != b_rank:
        raise _Unfit(f"does not fit the shape of {name!r}; it was made for a model of another size")


def _matrix(tensor: Tensor) -> tuple[int, ...]:
    return tensor.dimensions + (1,) * (4 - len(tensor.dimensions))
