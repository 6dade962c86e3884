"""The only module that calls llama.cpp's multimodal part: images become rows of numbers that a chat model reads.

Files must have passed `check_image`. As in `native`, a wrong call may end the process.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp, mtmd_cpp

from inference.errors import InvalidRequest, ModelLoadFailed
from inference.runner.native import FLASH_ATTENTION, Context, Model, NativeLog
from inference.runner.orientation import UPRIGHT, orientation_of, turned

Rows = npt.NDArray[np.float32]
"""Shape (n_rows, n_dims): what an image is to a chat model."""

NO_FFMPEG = b"/nonexistent"
"""What is no image to the loader it hands to ffmpeg, which nobody's file shall reach."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class ImagePart:
    """An image, or one tile of a large one, as a chat model is to see it.

    Attributes:
        n_rows: Cells of the cache that it takes.
        n_positions: By how much what follows it is further on; less than `n_rows` where rows lie side by side.
        is_whole: Each of its rows sees all the others, so that they are decoded together.
    """

    n_rows: int
    n_positions: int
    is_whole: bool
    pointer: Any

    @property
    def size_bytes(self) -> int:
        """About what the picture takes until it is encoded: 32 x 32 pixels of three numbers per row."""
        return self.n_rows * 32 * 32 * 3 * 4


class Projector:
    """The part of a model that sees: it belongs to one chat model.

    `cut_up` is called by one thread and `encode` by another.

    Attributes:
        sees_whole: All rows of an image see each other, so that they are decoded together.
    """

    def __init__(
        self, model: Model, path: Path, log: NativeLog, *, n_threads: int, flash_attention: bool | None = None
    ) -> None:
        # Both libraries write to the same log, whose callback they keep as a pointer only.
        mtmd_cpp.mtmd_helper_log_set(log.callback, ctypes.c_void_p(0))
        params = mtmd_cpp.mtmd_context_params_default()
        params.n_threads = n_threads
        params.print_timings = False
        params.flash_attn_type = FLASH_ATTENTION[flash_attention]
        pointer = mtmd_cpp.mtmd_init_from_file(str(path).encode(), model.pointer, params)
        if not pointer:
            detail = log.last_words() or "llama.cpp could not load it"
            raise ModelLoadFailed(model.name, f"its projector {path.name} cannot be used: {detail}")
        if not mtmd_cpp.mtmd_support_vision(pointer):
            raise ModelLoadFailed(model.name, f"its projector {path.name} does not read images")
        self.n_dims: int = llama_cpp.llama_model_n_embd_inp(model.pointer)
        self.n_axes = 4 if mtmd_cpp.mtmd_decode_use_mrope(pointer) else 1
        self.sees_whole: bool = mtmd_cpp.mtmd_decode_use_non_causal(pointer, None)
        self._pointer = pointer
        self._marker: bytes = mtmd_cpp.mtmd_default_marker()
        self._encoding = threading.Lock()

    def cut_up(self, data: bytes) -> list[list[int] | ImagePart]:
        """Return the parts of an image with the tokens that the model wants around them.

        Raises InvalidRequest when the file is damaged.
        """
        bitmap = self._bitmap(data)
        chunks = mtmd_cpp.mtmd_input_chunks_init()
        try:
            text = mtmd_cpp.mtmd_input_text(
                text=self._marker, text_len=len(self._marker), add_special=False, parse_special=True
            )
            bitmaps = (mtmd_cpp.mtmd_bitmap_p_ctypes * 1)(bitmap)
            if mtmd_cpp.mtmd_tokenize(self._pointer, chunks, ctypes.byref(text), bitmaps, 1) != 0:
                raise InvalidRequest("an image cannot be made ready for this model")
            size = mtmd_cpp.mtmd_input_chunks_size(chunks)
            return [self._part(mtmd_cpp.mtmd_input_chunks_get(chunks, index)) for index in range(size)]
        finally:
            mtmd_cpp.mtmd_input_chunks_free(chunks)
            mtmd_cpp.mtmd_bitmap_free(bitmap)

    def encode(self, part: ImagePart) -> Rows:
        """Let the projector look at a part of an image; takes milliseconds to many seconds. Releases the GIL."""
        with self._encoding:
            if mtmd_cpp.mtmd_encode_chunk(self._pointer, part.pointer) != 0:
                raise RuntimeError("mtmd_encode_chunk failed")
            rows = mtmd_cpp.mtmd_get_output_embd(self._pointer)
            return np.ctypeslib.as_array(rows, (part.n_rows, self.n_dims)).copy()

    def positions(self, part: ImagePart, first: int) -> npt.NDArray[np.int32]:
        """Return where the rows of a part lie when it begins at a position: shape (n_axes, n_rows).

        Source: `set_position_mrope_2d` of llama.cpp's mtmd-helper.
        """
        if self.n_axes == 1:
            return np.arange(first, first + part.n_rows, dtype=np.int32)[np.newaxis]
        places = (mtmd_cpp.mtmd_decoder_pos * part.n_rows)()
        tokens = mtmd_cpp.mtmd_input_chunk_get_tokens_image(part.pointer)
        mtmd_cpp.mtmd_helper_image_get_decoder_pos(tokens, first, places)
        columns = np.frombuffer(memoryview(places), np.uint32).reshape(part.n_rows, 4).astype(np.int32)
        t, x, y, z = columns.T
        return np.stack([t, y, x, z])

    def _bitmap(self, data: bytes) -> Any:
        options = mtmd_cpp.mtmd_helper_init_opt_default()
        options.video_params.ffmpeg_bin_dir = NO_FFMPEG
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        loaded = mtmd_cpp.mtmd_helper_bitmap_init_from_buf_wrapper(self._pointer, buffer, len(data), False, options)
        if not loaded.bitmap:
            raise InvalidRequest("an image is damaged and cannot be decoded")
        orientation = orientation_of(data)
        return loaded.bitmap if orientation == UPRIGHT else _turned_bitmap(loaded.bitmap, orientation)

    def _part(self, chunk: Any) -> list[int] | ImagePart:
        if mtmd_cpp.mtmd_input_chunk_get_type(chunk) == mtmd_cpp.MTMD_INPUT_CHUNK_TYPE_TEXT:
            count = ctypes.c_size_t()
            tokens = mtmd_cpp.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
            return list(tokens[: count.value])
        pointer = mtmd_cpp.mtmd_input_chunk_copy(chunk)
        part = ImagePart(
            n_rows=mtmd_cpp.mtmd_input_chunk_get_n_tokens(chunk),
            n_positions=mtmd_cpp.mtmd_input_chunk_get_n_pos(chunk),
            is_whole=mtmd_cpp.mtmd_decode_use_non_causal(self._pointer, chunk),
            pointer=pointer,
        )
        weakref.finalize(part, mtmd_cpp.mtmd_input_chunk_free, pointer).atexit = False
        return part


def _turned_bitmap(bitmap: Any, orientation: int) -> Any:
    """Put a bitmap in the place of another, which is freed."""
    width, height = mtmd_cpp.mtmd_bitmap_get_nx(bitmap), mtmd_cpp.mtmd_bitmap_get_ny(bitmap)
    try:
        pixels = turned(np.ctypeslib.as_array(mtmd_cpp.mtmd_bitmap_get_data(bitmap), (height, width, 3)), orientation)
        height, width, _ = pixels.shape
        return mtmd_cpp.mtmd_bitmap_init(width, height, pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)))
    finally:
        mtmd_cpp.mtmd_bitmap_free(bitmap)


class ImageBatch:
    """Rows of images for one decode of one sequence."""

    def __init__(self, context: Context, projector: Projector) -> None:
        self._context = context
        self._projector = projector

    def decode(self, sequence: int, part: ImagePart, rows: Rows, first_position: int, start: int, end: int) -> int:
        """Decode the rows from `start` to `end` of a part that begins at a position; return what `Context.decode` does.

        A batch of rows and a batch of tokens cannot be one.
        """
        count = end - start
        positions = np.ascontiguousarray(self._projector.positions(part, first_position)[:, start:end])
        piece = np.ascontiguousarray(rows[start:end])
        sequences = np.full(count, sequence, np.int32)
        n_sequences = np.ones(count, np.int32)
        wants_output = np.zeros(count, np.int8)
        base = sequences.ctypes.data
        pointers = (ctypes.POINTER(ctypes.c_int32) * count)(
            *(ctypes.cast(base + 4 * row, ctypes.POINTER(ctypes.c_int32)) for row in range(count))
        )
        native = llama_cpp.llama_batch(
            n_tokens=count,
            token=None,
            embd=piece.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
            pos=positions.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            n_seq_id=n_sequences.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            seq_id=ctypes.cast(pointers, ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
            logits=wants_output.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )
        if not part.is_whole:
            return self._context.decode_batch(native)
        llama_cpp.llama_set_causal_attn(self._context.pointer, False)
        try:
            return self._context.decode_batch(native)
        finally:
            llama_cpp.llama_set_causal_attn(self._context.pointer, True)
