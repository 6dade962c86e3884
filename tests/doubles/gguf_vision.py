"""Write small projectors, the parts of models that see, for real llama.cpp and the models of `gguf_files`."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path
from typing import Literal

import gguf
import numpy as np
import numpy.typing as npt

from tests.doubles.gguf_files import TINY

Pixels = npt.NDArray[np.uint8]
"""Shape (height, width, 3)."""

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
    return png_of(picture(width, height, seed=seed))


def picture(width: int = 32, height: int = 32, *, seed: int = 0) -> Pixels:
    """Return a picture of coarse random blocks, so that it stays another picture when it is made smaller."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    rows: Pixels = blocks[np.arange(height) * 4 // height][:, np.arange(width) * 4 // width]
    return rows


def png_of(pixels: Pixels, *, exif: bytes = b"") -> bytes:
    height, width, _ = pixels.shape
    data = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    noted = _chunk(b"eXIf", exif) if exif else b""
    return b"\x89PNG\r\n\x1a\n" + head + noted + _chunk(b"IDAT", zlib.compress(data)) + _chunk(b"IEND", b"")


def bmp_of(pixels: Pixels) -> bytes:
    height, width, _ = pixels.shape
    padding = b"\0" * (-3 * width % 4)
    data = b"".join(row[:, ::-1].tobytes() + padding for row in pixels[::-1])
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(data), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(data), 0, 0, 14 + len(head)) + head + data


def gif_of(pixels: Pixels) -> bytes:
    """Return a GIF of at most 128 colours, its codes written without any packing."""
    height, width, _ = pixels.shape
    colours, codes = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    table = colours.tobytes().ljust(3 * 128, b"\0")
    # Codes of 8 bits: with a table that is cleared before it has grown, none becomes longer.
    clear, end = 128, 129
    written = bytearray()
    for number, code in enumerate(codes.reshape(-1).tolist()):
        written += bytes([clear, code]) if number % 100 == 0 else bytes([code])
    written.append(end)
    blocks = b"".join(
        bytes([len(part)]) + part for part in (bytes(written[at : at + 255]) for at in range(0, len(written), 255))
    )
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF6, 0, 0) + table
    return head + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + bytes([7]) + blocks + b"\0;"


def exif(orientation: int, *, order: Literal["<", ">"] = "<") -> bytes:
    tags = (0x0100, 7), (0x0112, orientation)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = b"".join(struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    return mark + struct.pack(f"{order}IH", 8, 2) + entries + bytes(4)


JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5a"
    "YVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAAR"
    "CAAQABgDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAAQG/8QAGBABAAMBAAAAAAAAAAAAAAAAAAVDgcH/xAAVAQEBAAAAAAAAAAAA"
    "AAAAAAAGBf/EACARAAECBgMBAAAAAAAAAAAAABEAAQIDBAUTFCExUQb/2gAMAwEAAhEDEQA/AM+hk6t4gCS3/PadRDPyEHgDtnb1VK6+7UiK"
    "TjBHJPTnxACVH1//2Q=="
)
"""24 x 16 pixels, blue but for a red quarter at the upper left."""


def jpeg(orientation: int | None = None) -> bytes:
    if orientation is None:
        return JPEG
    noted = b"Exif\0\0" + exif(orientation)
    return JPEG[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(noted)) + noted + JPEG[2:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
