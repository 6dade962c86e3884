"""A loaded model, and a context that decodes batches of rows. Only this module and `sampling` call llama.cpp.

Everything here may end the process when it is called wrongly, so callers check counts and ranges first.
"""

from __future__ import annotations

import ctypes
import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp

from inference.errors import ModelLoadFailed, OutOfMemory
from inference.library.gguf_format import PoolingName
from inference.runner.attention import Attention
from inference.runner.grammar import Vocabulary
from inference.runner.literals import VocabularyMarks
from inference.runner.types import KvType

Tokens = npt.NDArray[np.int32]

DECODED, CACHE_FULL, INTERRUPTED = 0, 1, 2
"""What `Context.decode` returns. Source: llama.h, `llama_decode`."""

KV_TYPES: Mapping[KvType, int] = {
    "f16": llama_cpp.GGML_TYPE_F16,
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
    "q4_0": llama_cpp.GGML_TYPE_Q4_0,
}
FLASH_ATTENTION = {
    None: llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    False: llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    True: llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
}

POOLING: Mapping[PoolingName, int] = {"mean": 1, "cls": 2, "last": 3, "rank": 4}
"""Source: llama.h, `llama_pooling_type`."""

LOG_LEVEL_WARN, LOG_LEVEL_ERROR = 3, 4


class NativeLog:
    """Keeps llama.cpp's last lines, to explain a failed load, and passes errors on to standard error."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=40)
        self.is_quiet = False
        """Set while a decode is interrupted on purpose, which llama.cpp reports as three errors."""
        # llama.cpp keeps the pointer only: without this reference the next log line would crash the process.
        self.callback = llama_cpp.llama_log_callback(self._write)
        llama_cpp.llama_log_set(self.callback, ctypes.c_void_p(0))

    def _write(self, level: int, text: bytes, _data: object) -> None:
        line = text.decode("utf-8", "replace")
        if level < LOG_LEVEL_WARN or self.is_quiet or not line.strip(" .\n"):  # Dots are a progress bar.
            return
        self.lines.append(line.strip())
        if level == LOG_LEVEL_ERROR:
            os.write(2, line.encode())

    def last_words(self) -> str:
        return "; ".join(list(self.lines)[-3:])

    def failure(self, model: str, otherwise: str) -> ModelLoadFailed:
        """Return the error for a NULL of llama.cpp's, which tells nothing but in its log."""
        words = self.last_words()
        if "failed to allocate" in words or "unable to allocate" in words:
            return OutOfMemory(model, f"there is not enough memory ({self.lines[-1]})")
        return ModelLoadFailed(model, words or otherwise)


class Model:
    """Weights and vocabulary of one GGUF file. Its vocabulary may be used by several threads."""

    def __init__(
        self,
        name: str,
        path: Path,
        log: NativeLog,
        *,
        n_gpu_layers: int | None = None,
        main_gpu: int | None = None,
        maps_file: bool = True,
    ) -> None:
        """Pass `maps_file=False` for weights that are rearranged while they are read.

        A map of the file would stay in memory beside what was made of it.
        """
        self.name = name
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        params.load_mode = llama_cpp.LLAMA_LOAD_MODE_MMAP if maps_file else llama_cpp.LLAMA_LOAD_MODE_NONE
        if n_gpu_layers is not None:
            params.n_gpu_layers = n_gpu_layers
        if main_gpu is not None and main_gpu < llama_cpp.llama_max_devices():
            params.main_gpu = main_gpu
        pointer = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not pointer:
            raise log.failure(name, "llama.cpp could not load the file")
        self.pointer = pointer
        self._vocab = llama_cpp.llama_model_get_vocab(pointer)
        self.n_vocab: int = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self.n_ctx_train: int = llama_cpp.llama_model_n_ctx_train(pointer)
        self.n_params: int = llama_cpp.llama_model_n_params(pointer)
        self.size_bytes: int = llama_cpp.llama_model_size(pointer)
        self.n_dims: int = llama_cpp.llama_model_n_embd_out(pointer)
        self.n_scores: int = llama_cpp.llama_model_n_cls_out(pointer)
        """How many numbers a reranker gives; reading more of them reads foreign memory."""
        self.has_encoder: bool = llama_cpp.llama_model_has_encoder(pointer)
        self.keeps_every_position: bool = not (
            llama_cpp.llama_model_is_recurrent(pointer) or llama_cpp.llama_model_is_hybrid(pointer)
        )
        """False for models that fold the past into one state, of which no part can be cut or copied."""
        self.bos: int = llama_cpp.llama_vocab_bos(self._vocab)
        self.eos: int = llama_cpp.llama_vocab_eos(self._vocab)
        self.fill_in: tuple[int, int, int] = (
            llama_cpp.llama_vocab_fim_pre(self._vocab),
            llama_cpp.llama_vocab_fim_suf(self._vocab),
            llama_cpp.llama_vocab_fim_mid(self._vocab),
        )
        """The tokens that mark what comes before a gap, what follows it, and what fills it; negative when missing."""
        self.adds_bos: bool = llama_cpp.llama_vocab_get_add_bos(self._vocab) and self.bos >= 0
        self.sep: int = llama_cpp.llama_vocab_sep(self._vocab)
        self.adds_eos: bool = llama_cpp.llama_vocab_get_add_eos(self._vocab) and self.eos >= 0
        self.adds_sep: bool = llama_cpp.llama_vocab_get_add_sep(self._vocab) and self.sep >= 0
        self._pieces: dict[int, bytes] = {}
        self.ends: frozenset[int] = frozenset(
            token for token in range(self.n_vocab) if llama_cpp.llama_vocab_is_eog(self._vocab, token)
        )
        self._shown_marks: frozenset[bytes] = frozenset()

    def close(self) -> None:
        llama_cpp.llama_model_free(self.pointer)

    def is_end(self, token: int) -> bool:
        return token in self.ends

    def token_text(self, token: int) -> str:
        """Return how the vocabulary spells a token; empty when there is no such token."""
        if token < 0:
            return ""
        return str(llama_cpp.llama_vocab_get_text(self._vocab, token).decode("utf-8", "replace"))

    def tokenize(self, text: str, *, parse_special: bool, add_special: bool = False) -> list[int]:
        """Return the tokens of a text; control tokens are recognised only with `parse_special`."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        while True:
            tokens = (ctypes.c_int32 * room)()
            n_tokens = llama_cpp.llama_tokenize(self._vocab, data, len(data), tokens, room, add_special, parse_special)
            if n_tokens >= 0:
                return list(tokens[:n_tokens])
            room = -n_tokens

    def piece(self, token: int) -> bytes:
        """Return the bytes that a generated token adds to the answer; control tokens add none."""
        known = self._pieces.get(token)
        if known is None:
            known = self._piece(token, special=False)
            if not known and (shown := self._piece(token, special=True)) in self._shown_marks:
                known = shown
            self._pieces[token] = known
        return known

    def vocabulary(self) -> Vocabulary:
        """Return the tokens as a grammar sees them; takes about a second for a large vocabulary."""
        tokens = range(self.n_vocab)
        controls = [token for token in tokens if not self._piece(token, special=False)]
        return Vocabulary([self.piece(token) for token in tokens], self.ends, controls)

    def spelled(self, token: int) -> bytes:
        """Return the bytes of a token, also of one that adds nothing to an answer."""
        return self._piece(token, special=True)

    def show_marks(self, marks: Iterable[str]) -> None:
        """Let `piece` spell these control tokens out. Call it before the first token is generated."""
        self._shown_marks = frozenset(mark.encode() for mark in marks)

    def marks(self) -> VocabularyMarks:
        control_or_unknown = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
        control, user_defined = [], []
        for token in range(self.n_vocab):
            attributes = llama_cpp.llama_vocab_get_attr(self._vocab, token)
            if attributes & control_or_unknown:
                control.append(self.token_text(token))
            elif attributes & llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED:
                user_defined.append(self.token_text(token))
        return VocabularyMarks(control=tuple(filter(None, control)), user_defined=tuple(filter(None, user_defined)))

    def _piece(self, token: int, *, special: bool) -> bytes:
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            n_bytes = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, room, 0, special)
            if n_bytes >= 0:
                return buffer.raw[:n_bytes]
            room = -n_bytes


class Adapters:
    """LoRA files that change one model, each in full. The model owns and frees them.

    Load only files that `check_adapter` let pass.
    """

    def __init__(self, model: Model, paths: Sequence[Path], log: NativeLog) -> None:
        self._pointers = [_loaded_adapter(model, path, log) for path in paths]

    def apply(self, context: Any) -> None:
        """Let a context use them; they count for that one only."""
        count = len(self._pointers)
        pointers = (llama_cpp.llama_adapter_lora_p_ctypes * count)(*self._pointers)
        scales = (ctypes.c_float * count)(*[1.0] * count)
        llama_cpp.llama_set_adapters_lora(context, pointers, count, scales)


def _loaded_adapter(model: Model, path: Path, log: NativeLog) -> Any:
    pointer = llama_cpp.llama_adapter_lora_init(model.pointer, str(path).encode())
    if not pointer:
        raise ModelLoadFailed(model.name, f"the adapter {path.name} cannot be used: {log.last_words()}")
    if llama_cpp.llama_adapter_get_alora_n_invocation_tokens(pointer):
        raise ModelLoadFailed(model.name, f"the adapter {path.name} works from a certain text on only (aLoRA)")
    return pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextShape:
    """How a context is laid out.

    Attributes:
        n_ctx: Tokens of all sequences together.
        is_divided: Each sequence has an equal part of the cache for itself, so that none reads past what others have
            there. Rows of sequences whose numbers follow each other then go through the weights together, in the order
            of these numbers; others go one after the other.
        n_batch: Most rows of one decode.
        attention: The rows that go through the layers together are as many as one decode has, unless it says less.
        pooling: How a sequence becomes one embedding or score; None for contexts that predict tokens.
        kv_type: See `RunnerSpec`.
    """

    n_ctx: int
    n_sequences: int
    n_batch: int
    n_threads: int
    is_divided: bool = False
    pooling: PoolingName | None = None
    kv_type: KvType = "f16"
    attention: Attention = Attention()


class Context:
    """The cache and compute buffers for a fixed number of sequences over one model. Used by one thread.

    Only `interrupt` may be called by another thread.
    """

    def __init__(self, model: Model, shape: ContextShape, log: NativeLog, *, adapters: Adapters | None = None) -> None:
        """Make a context. Adapters must be loaded before it, because its buffers have to hold their work too."""
        if shape.kv_type != "f16" and shape.attention.flash is False:
            detail = f"a cache of type {shape.kv_type} needs flash attention, which is switched off"
            raise ModelLoadFailed(model.name, detail)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = shape.n_ctx
        params.n_batch = shape.n_batch
        params.n_ubatch = shape.attention.n_rows or shape.n_batch
        params.n_seq_max = shape.n_sequences
        params.n_threads = params.n_threads_batch = shape.n_threads
        params.type_k = params.type_v = KV_TYPES[shape.kv_type]
        params.flash_attn_type = FLASH_ATTENTION[shape.attention.flash]
        params.kv_unified = not shape.is_divided
        params.swa_full = True
        params.no_perf = True
        self._log = log
        self._flag = ctypes.create_string_buffer(2)
        # strlen() of the flag is "shall it stop?" without any Python inside the decode.
        strlen = ctypes.cast(ctypes.CDLL(None).strlen, llama_cpp.ggml_abort_callback)
        params.abort_callback = strlen
        params.abort_callback_data = ctypes.cast(self._flag, ctypes.c_void_p)
        self._keep_alive = strlen
        if shape.pooling is not None:
            params.embeddings = True
            params.pooling_type = POOLING[shape.pooling]
        else:
            # One row of scores per sequence is all that is ever asked for; the default reserves one per batch row.
            params.n_outputs_max = shape.n_sequences
        pointer = llama_cpp.llama_init_from_model(model.pointer, params)
        if not pointer:
            raise log.failure(model.name, "llama.cpp could not make its context")
        self.pointer = pointer
        if adapters is not None:
            adapters.apply(pointer)
        self._memory = llama_cpp.llama_get_memory(pointer)
        # Models without a cache (BERT) only know how to encode.
        self._run = llama_cpp.llama_decode if self._memory else llama_cpp.llama_encode
        self._n_vocab = model.n_vocab
        self.batch = Batch(shape.n_batch)

    def close(self) -> None:
        llama_cpp.llama_free(self.pointer)

    def decode(self) -> int:
        """Decode the rows of `batch`. Raises RuntimeError on a batch that llama.cpp refuses."""
        return self.decode_batch(self.batch.native)

    def decode_batch(self, native: Any) -> int:
        """Decode a batch of any kind, as `decode` does."""
        result = int(self._run(self.pointer, native))
        if result < 0:
            raise RuntimeError(f"llama_decode returned {result}")
        return result

    def scores(self, row: int) -> npt.NDArray[np.float32]:
        """Return the scores of all tokens after a row of the last decode that asked for output, shape (n_vocab,).

        They are llama.cpp's own memory: not to be changed, and overwritten by the next decode.
        """
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.pointer, row), (self._n_vocab,))

    def warm_up(self) -> None:
        """Decode two rows for nobody: what a first decode sets up, or fails in, belongs to the load."""
        tokens = np.zeros(min(2, self.batch.capacity), np.int32)
        self.batch.clear()
        self.batch.add(0, 0, tokens, output_last=True)
        llama_cpp.llama_set_warmup(self.pointer, True)
        self.decode()
        llama_cpp.llama_set_warmup(self.pointer, False)
        self.batch.clear()
        self.forget_all()

    def interrupt(self) -> None:
        """Make the running decode, or the next one, return INTERRUPTED at once."""
        self._log.is_quiet = True
        self._flag[0] = b"\1"

    def clear_interrupt(self) -> None:
        self._flag[0] = b"\0"
        self._log.is_quiet = False

    def cut(self, sequence: int, length: int) -> bool:
        """Forget all positions of a sequence from `length` on. False: it can only be forgotten as a whole."""
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def forget(self, sequence: int) -> None:
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def forget_all(self) -> None:
        if self._memory:
            llama_cpp.llama_memory_clear(self._memory, False)

    @property
    def can_shift(self) -> bool:
        return bool(llama_cpp.llama_memory_can_shift(self._memory))

    def shift(self, sequence: int, start: int, count: int) -> None:
        """Forget some positions of a sequence, and let those after them move up.

        The next decode does it: it must not be interrupted, and until then `state` tells something else.
        """
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, start, start + count)
        llama_cpp.llama_memory_seq_add(self._memory, sequence, start + count, -1, -count)

    def state_bytes(self, sequence: int) -> int:
        return int(llama_cpp.llama_state_seq_get_size(self.pointer, sequence))

    def state(self, sequence: int) -> memoryview:
        """Return what the cache holds of a sequence, for `restore`."""
        size = self.state_bytes(sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = llama_cpp.llama_state_seq_get_data(self.pointer, buffer, size, sequence)
        return memoryview(buffer)[:written]

    def restore(self, sequence: int, state: memoryview | bytes) -> bool:
        """Put a state into an empty sequence; False when the cache has no room for it or it is of another model."""
        buffer = np.frombuffer(state, np.uint8).ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        return bool(llama_cpp.llama_state_seq_set_data(self.pointer, buffer, len(state), sequence))

    def pooled(self, sequence: int, n_dims: int) -> npt.NDArray[np.float32]:
        """Return what the last decode made of a sequence: `Model.n_dims` numbers, or `n_scores` with pooling `rank`."""
        row = llama_cpp.llama_get_embeddings_seq(self.pointer, sequence)
        return np.ctypeslib.as_array(row, (n_dims,)).copy()


class Batch:
    """Rows for one decode, in numpy arrays that llama.cpp reads in place."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._n_sequences = np.ones(capacity, np.int32)
        self._sequences = np.zeros(capacity, np.int32)
        self._wants_output = np.zeros(capacity, np.int8)
        first = self._sequences.ctypes.data
        self._sequence_pointers = (ctypes.POINTER(ctypes.c_int32) * capacity)(
            *(ctypes.cast(first + 4 * row, ctypes.POINTER(ctypes.c_int32)) for row in range(capacity))
        )
        self.native = llama_cpp.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._n_sequences, ctypes.c_int32),
            seq_id=ctypes.cast(self._sequence_pointers, ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
            logits=_pointer(self._wants_output, ctypes.c_int8),
        )
        self.n_rows = 0

    def clear(self) -> None:
        self.n_rows = self.native.n_tokens = 0

    def add(self, sequence: int, position: int, tokens: Tokens, *, output_last: bool) -> int:
        """Add consecutive tokens of one sequence; return the row of the last one."""
        start, end = self.n_rows, self.n_rows + len(tokens)
        if end > self.capacity:
            raise RuntimeError("the batch is full")
        self._tokens[start:end] = tokens
        self._positions[start:end] = np.arange(position, position + len(tokens), dtype=np.int32)
        self._sequences[start:end] = sequence
        self._wants_output[start:end] = 0
        self._wants_output[end - 1] = output_last
        self.n_rows = self.native.n_tokens = end
        return end - 1


def _pointer(array: npt.NDArray[Any], kind: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))
