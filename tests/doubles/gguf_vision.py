"""Write small projectors, the parts of models that see, for real llama.cpp and the models of `gguf_files`."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Literal

import gguf
import numpy as np

from tests.doubles.gguf_files import TINY

PATCH = 8
MERGED = 2
"""Patches that one row of a `qwen2vl_merger` stands for, across and down."""


def build_projector(
    path: Path,
    *,
    kind: Literal["mlp", "qwen2vl_merger"] = "mlp",
    text_width: int = TINY.hidden,
    image_size: int = 32,
    width: int = 32,
    layers: int = 2,
    seed: int = 3,
) -> Path:
    """Write a vision transformer with random weights.

    Args:
        kind: `mlp` squeezes every image into one square and makes a row per patch of 8 x 8 pixels; `qwen2vl_merger`
            keeps the shape of the image and makes a row per 16 x 16 pixels.
        text_width: Hidden size of the chat model.
    """
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type(gguf.GGUFType.MMPROJ)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", kind)
    writer.add_bool("clip.use_gelu", True)
    for key, value in {
        "image_size": image_size,
        "patch_size": PATCH,
        "embedding_length": width,
        "feed_forward_length": 2 * width,
        "block_count": layers,
        "projection_dim": text_width,
        "attention.head_count": 2,
    }.items():
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.25, 0.25, 0.25])

    def weights(name: str, *shape: int, scale: float = 1.0) -> None:
        values = rng.standard_normal(shape, dtype=np.float32) * np.float32(scale / np.sqrt(np.prod(shape[1:])))
        writer.add_tensor(name, values)

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(width, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(width, np.float32))

    weights("v.patch_embd.weight", width, 3, PATCH, PATCH)
    if kind == "qwen2vl_merger":
        weights("v.patch_embd.weight.1", width, 3, PATCH, PATCH)
        norm("v.post_ln")
        weights("mm.0.weight", 4 * width, 4 * width)
        writer.add_tensor("mm.0.bias", np.zeros(4 * width, np.float32))
        weights("mm.2.weight", text_width, 4 * width, scale=2)
    else:
        weights("v.position_embd.weight", (image_size // PATCH) ** 2, width)
        weights("mm.0.weight", text_width, width)
        writer.add_tensor("mm.0.bias", np.zeros(text_width, np.float32))
        weights("mm.2.weight", text_width, text_width, scale=2)
    writer.add_tensor("mm.2.bias", np.zeros(text_width, np.float32))
    for layer in range(layers):
        block = f"v.blk.{layer}."
        for name, rows, columns in (
            ("attn_q", width, width),
            ("attn_k", width, width),
            ("attn_v", width, width),
            ("attn_out", width, width),
            ("ffn_up", 2 * width, width),
            ("ffn_down", width, 2 * width),
        ):
            weights(f"{block}{name}.weight", rows, columns)
            writer.add_tensor(f"{block}{name}.bias", np.zeros(rows, np.float32))
        norm(block + "ln1")
        norm(block + "ln2")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def png(width: int = 32, height: int = 32, *, seed: int = 0) -> bytes:
    """Return a picture of coarse random blocks, so that it stays another picture when it is made smaller."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    rows = blocks[np.arange(height) * 4 // height][:, np.arange(width) * 4 // width]
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(data)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
