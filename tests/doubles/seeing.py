"""Answer a question about an image with llama.cpp's own helpers, one prompt and no cache: what our runner must equal.

Run as `python -m tests.doubles.seeing MODEL PROJECTOR IMAGE...`; prints the answer as JSON.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import orjson
from llama_cpp import llama_cpp, mtmd_cpp

from inference.runner.native import Context, ContextShape, Model, NativeLog

N_TOKENS = 16
PROMPT = "<|im_start|>user\n{marks}what?<|im_end|>\n<|im_start|>assistant\n"


def main(model_path: str, projector_path: str, *images: str) -> None:
    log = NativeLog()
    model = Model("reference", Path(model_path), log)
    context = Context(model, ContextShape(n_ctx=2048, n_sequences=1, n_batch=512, n_threads=1), log)
    params = mtmd_cpp.mtmd_context_params_default()
    params.n_threads = 1
    eyes = mtmd_cpp.mtmd_init_from_file(projector_path.encode(), model.pointer, params)
    position = _read(eyes, context, images)
    text = b""
    for _ in range(N_TOKENS):
        scores = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context.pointer, -1), (model.n_vocab,))
        token = int(scores.argmax())
        if model.is_end(token):
            break
        text += model.piece(token)
        context.batch.clear()
        context.batch.add(0, position, np.array([token], np.int32), output_last=True)
        context.decode()
        position += 1
    sys.stdout.buffer.write(orjson.dumps(text.decode("utf-8", "replace")))


def _read(eyes: object, context: Context, images: tuple[str, ...]) -> int:
    """Decode the prompt and return the position after it."""
    marker = mtmd_cpp.mtmd_default_marker().decode()
    prompt = PROMPT.format(marks=marker * len(images)).encode()
    text = mtmd_cpp.mtmd_input_text(text=prompt, text_len=len(prompt), add_special=False, parse_special=True)
    options = mtmd_cpp.mtmd_helper_init_opt_default()
    bitmaps = (mtmd_cpp.mtmd_bitmap_p_ctypes * len(images))()
    for index, path in enumerate(images):
        data = Path(path).read_bytes()
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        bitmaps[index] = mtmd_cpp.mtmd_helper_bitmap_init_from_buf_wrapper(
            eyes, buffer, len(data), False, options
        ).bitmap
    chunks = mtmd_cpp.mtmd_input_chunks_init()
    if mtmd_cpp.mtmd_tokenize(eyes, chunks, ctypes.byref(text), bitmaps, len(images)) != 0:
        raise RuntimeError("mtmd_tokenize failed")
    end = ctypes.c_int32(0)
    if mtmd_cpp.mtmd_helper_eval_chunks(eyes, context.pointer, chunks, 0, 0, 512, True, ctypes.byref(end)) != 0:
        raise RuntimeError("mtmd_helper_eval_chunks failed")
    return end.value


if __name__ == "__main__":
    main(*sys.argv[1:])
