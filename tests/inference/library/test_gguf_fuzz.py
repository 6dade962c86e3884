"""Ten thousand mutated headers: each is read or refused, quickly, and without taking memory that the file has not."""

from __future__ import annotations

import os
import random
import struct
import time
import tracemalloc

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.errors import BadModelFile
from inference.library.gguf import GgufHeader, read_source
from inference.library.gguf_cursor import FIRST_WINDOW_BYTES

N_CASES = int(os.environ.get("HEARTH_FUZZ_CASES", "10000"))
PER_EXAMPLE = 100

_NUMBERS = (0, 1, 2, 3, 8, 9, 12, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1)


class Bytes:
    """A file in memory that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.size_bytes = len(data)
        self._data = data
        self.n_read = 0

    def read(self, start: int, n_bytes: int) -> bytes:
        piece = self._data[start : start + n_bytes]
        self.n_read += len(piece)
        return piece


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small file with a key of every kind."""
    path = tmp_path_factory.mktemp("fuzz") / "small.gguf"
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_name("small")
    writer.add_context_length(64)
    writer.add_embedding_length(8)
    writer.add_block_count(2)
    writer.add_head_count([2, 2])
    writer.add_head_count_kv([1, 2])
    writer.add_rope_freq_base(10_000.0)
    writer.add_causal_attention(True)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "b", "c"])
    writer.add_token_scores([0.0, 1.0, 2.0])
    writer.add_token_types([1, 1, 3])
    writer.add_chat_template("{{ messages }}")
    for name in ("token_embd.weight", "output.weight"):
        writer.add_tensor(name, np.ones((3, 8), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def mutated(data: bytes, chance: random.Random) -> bytes:
    body = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(body))
        kind = chance.randrange(6)
        if kind == 0:
            body[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            body[at : at + 8] = struct.pack("<Q", chance.choice(_NUMBERS))
        elif kind == 2:
            body[at : at + 4] = struct.pack("<I", chance.choice(_NUMBERS) % 2**32)
        elif kind == 3:
            del body[at : at + chance.randint(1, 16)]
        elif kind == 4:
            body[at:at] = chance.randbytes(chance.randint(1, 16))
        else:
            there = chance.randrange(len(body))
            body[at : at + 24] = body[there : there + 24]
        if not body:
            break
    return bytes(body[: chance.randrange(len(body) + 1)] if chance.random() < 0.1 else body)


def read_or_refuse(data: bytes) -> bool:
    """Return whether a header was taken; anything but a refusal with a reason is a fault."""
    source = Bytes(data)
    try:
        header = read_source(source, "mutated.gguf")
    except BadModelFile as exc:
        assert exc.detail
        return False
    finally:
        assert source.n_read <= 4 * len(data)
    assert isinstance(header, GgufHeader)
    assert header.size_bytes == len(data)
    return True


@settings(
    max_examples=N_CASES // PER_EXAMPLE,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(chance=st.randoms(use_true_random=True))
def test_mutated_headers_are_read_or_refused(header: bytes, chance: random.Random) -> None:
    began = time.process_time()

    for _ in range(PER_EXAMPLE):
        read_or_refuse(mutated(header, chance))

    assert time.process_time() - began < 5


def test_the_unchanged_header_is_taken(header: bytes) -> None:
    assert read_or_refuse(header)


def test_no_number_in_a_header_takes_memory_that_the_file_has_not(header: bytes) -> None:
    tracemalloc.start()
    try:
        for at in range(0, len(header) - 8, 2):
            for number in (2**31, 2**62, 2**64 - 1):
                read_or_refuse(header[:at] + struct.pack("<Q", number) + header[at + 8 :])
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < FIRST_WINDOW_BYTES + 20 * len(header)
