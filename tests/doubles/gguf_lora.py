"""Write small LoRA files for the models of `gguf_files`."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from tests.doubles.gguf_files import TINY, Shape

RANK = 4


def build_lora(
    path: Path,
    *,
    architecture: str = "qwen2",
    shape: Shape = TINY,
    target: str = "attn_output.weight",
    kind: str = "lora",
    b_rank: int = RANK,
    halves: tuple[str, ...] = ("lora_a", "lora_b"),
    alpha_type: gguf.GGUFValueType = gguf.GGUFValueType.FLOAT32,
    invocation: tuple[int, ...] = (),
    seed: int = 5,
) -> Path:
    """Write an adapter that shakes up one square matrix in every layer, so that answers change.

    Args:
        target: The matrix, without its layer; `token_embd.weight` is taken as it stands.
        b_rank, halves, alpha_type, kind: For files that are wrong in one way.
        invocation: Tokens that switch the adapter on (aLoRA).
    """
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", kind)
    writer.add_key_value("adapter.lora.alpha", float(RANK), alpha_type)
    if invocation:
        writer.add_key_value(
            "adapter.alora.invocation_tokens", list(invocation), gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.UINT32
        )
    names = [target] if target == "token_embd.weight" else [f"blk.{layer}.{target}" for layer in range(shape.layers)]
    for name in names:
        sizes = {"lora_a": (RANK, shape.hidden), "lora_b": (shape.hidden, b_rank)}
        for half in halves:
            writer.add_tensor(f"{name}.{half}", rng.standard_normal(sizes[half], dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
