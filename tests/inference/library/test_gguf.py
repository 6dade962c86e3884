from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.errors import BadModelFile
from inference.library import gguf as gguf_module
from inference.library.gguf import ArrayHead, GgufHeader, read_array_heads, read_arrays, read_header
from inference.library.gguf_format import BLOCKS
from tests.doubles import gguf_files

HUGE = 2**63 - 1


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a GGUF with one tensor; keyword arguments replace or drop (None) what makes it valid."""

    def write(tokens: list[str] | None = None, scores: list[float] | None = None, **keys: object) -> Path:
        path = tmp_path / "made.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        counts = {"context_length": 64, "embedding_length": 8, "block_count": 1, "attention.head_count": 2} | keys
        for key, value in counts.items():
            if isinstance(value, list):
                writer.add_array(f"llama.{key}", value)
            elif isinstance(value, str):
                writer.add_string(f"llama.{key}", value)
            elif isinstance(value, int):
                writer.add_uint32(f"llama.{key}", value)
        if tokens is not None:
            writer.add_token_list(tokens)
        if scores is not None:
            writer.add_token_scores(scores)
        writer.add_tensor("token_embd.weight", np.zeros((4, 8), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return write


def refusal(path: Path, **options: bool) -> str:
    with pytest.raises(BadModelFile) as caught:
        read_header(path, **options)
    assert caught.value.model == path.name
    return caught.value.detail


def raw(
    path: Path, *, magic: bytes = b"GGUF", version: int = 3, tensors: int = 0, keys: int = 0, rest: bytes = b""
) -> Path:
    path.write_bytes(magic + struct.pack("<IQQ", version, tensors, keys) + rest)
    return path


def key(name: bytes, type_id: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(name)) + name + struct.pack("<I", type_id) + value


def test_it_tells_what_a_chat_model_is(tiny_gguf: Path) -> None:
    header = read_header(tiny_gguf, check_vocabulary=True)

    assert (header.architecture, header.name, header.context_length) == ("qwen2", "tiny", 4096)
    assert (header.embedding_length, header.block_count) == (64, 2)
    assert (header.head_counts, header.head_counts_kv) == ((4,), (2,))
    assert header.quantization == "F32"
    assert header.chat_template == gguf_files.CHATML
    assert header.size_bytes == tiny_gguf.stat().st_size
    assert header.metadata["qwen2.context_length"] == 4096
    assert not header.is_embedding


def test_it_counts_the_parameters(tiny_gguf: Path) -> None:
    reader = gguf.GGUFReader(tiny_gguf)

    assert read_header(tiny_gguf).parameter_count == sum(int(tensor.n_elements) for tensor in reader.tensors)


def test_it_recognises_an_embedding_model(embedding_gguf: Path) -> None:
    header = read_header(embedding_gguf)

    assert header.is_embedding
    assert header.pooling_type == "mean"
    assert not header.is_causal


def test_the_block_sizes_are_those_of_the_format() -> None:
    # The reference counts an obsolete type of intermediate results in another way; it never stands in files.
    ours = {type_id: sizes for type_id, (name, *sizes) in BLOCKS.items() if name != "Q8_1"}
    theirs = {int(type_id): list(sizes) for type_id, sizes in gguf.GGML_QUANT_SIZES.items() if type_id.name != "Q8_1"}

    assert ours == theirs


def test_head_counts_may_differ_by_layer(write: Callable[..., Path]) -> None:
    assert read_header(write(**{"attention.head_count": [2, 0, 4]})).head_counts == (2, 0, 4)


def test_state_space_models_have_no_heads(write: Callable[..., Path]) -> None:
    assert read_header(write(**{"attention.head_count": 0, "ssm.state_size": 16})).head_counts == (0,)


@pytest.mark.parametrize(
    ("keys", "detail"),
    [
        ({"block_count": 0}, "llama.block_count is 0"),
        ({"block_count": None}, "llama.block_count is missing"),
        ({"embedding_length": 0}, "llama.embedding_length is 0"),
        ({"context_length": "4096"}, "llama.context_length is not a whole number"),
        ({"attention.head_count": 0}, "llama.attention.head_count is 0"),
        ({"attention.head_count": [0, 0]}, "zero in every layer"),
        ({"attention.head_count": 2**31}, "llama.attention.head_count is 2147483648"),
        ({"pooling_type": 9}, "pooling_type is 9"),
    ],
)
def test_it_refuses_impossible_counts(write: Callable[..., Path], keys: dict[str, object], detail: str) -> None:
    assert detail in refusal(write(**keys))


def test_it_refuses_a_duplicate_token(write: Callable[..., Path]) -> None:
    path = write(tokens=["a", "b", "a"])

    assert "'a' twice" in refusal(path, check_vocabulary=True)
    assert read_header(path).vocabulary_size == 3


def test_it_refuses_fewer_scores_than_tokens(write: Callable[..., Path]) -> None:
    assert "scores" in refusal(write(tokens=["a", "b"], scores=[1.0]))


def test_it_refuses_a_file_that_is_something_else(tmp_path: Path) -> None:
    path = tmp_path / "picture.gguf"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))

    assert refusal(path) == "this is not a GGUF file"


def test_it_refuses_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.gguf"
    path.touch()

    assert refusal(path) == "the file is empty"


def test_it_refuses_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.gguf") == "No such file or directory"


def test_it_refuses_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "this is not a regular file"


@pytest.mark.parametrize(("version", "detail"), [(1, "version 1"), (4, "version 4"), (3 << 24, "big-endian")])
def test_it_refuses_other_versions(tmp_path: Path, version: int, detail: str) -> None:
    assert detail in refusal(raw(tmp_path / "x.gguf", version=version))


@pytest.mark.parametrize(
    "lie",
    [
        {"tensors": HUGE},
        {"keys": HUGE},
        {"keys": 1, "rest": struct.pack("<Q", HUGE)},
        {"keys": 1, "rest": key(b"a", 8, struct.pack("<Q", HUGE))},
        {"keys": 1, "rest": key(b"a", 9, struct.pack("<IQ", 0, HUGE))},
        {"keys": 1, "rest": key(b"a", 9, struct.pack("<IQ", 8, HUGE))},
        {"keys": 1, "rest": key(b"a", 9, struct.pack("<IQQ", 8, 2, HUGE) + bytes(64))},
        {"keys": 1, "rest": key(b"a", 9, struct.pack("<IQ", 9, 1) + bytes(64))},
        {"keys": 1, "rest": key(b"a", 13, bytes(64))},
        {"keys": 2, "rest": key(b"a", 7, b"\1") * 2 + bytes(64)},
        {"keys": 1, "rest": key(b"general.alignment", 4, struct.pack("<I", 0)) + bytes(64)},
        {"keys": 1, "rest": key(b"general.alignment", 4, struct.pack("<I", 33)) + bytes(64)},
        {"tensors": 1, "rest": struct.pack("<Q1sIQIQ", 1, b"t", 1, 0, 0, 0) + bytes(64)},
        {"tensors": 1, "rest": struct.pack("<Q1sIQIQ", 1, b"t", 1, 8, 99, 0) + bytes(64)},
        {"tensors": 1, "rest": struct.pack("<Q1sIQIQ", 1, b"t", 1, 8, 0, 7) + bytes(64)},
        {"tensors": 1, "rest": struct.pack("<Q1sIQIQ", 1, b"t", 1, 33, 2, 0) + bytes(64)},
        {"tensors": 1, "rest": struct.pack("<Q1sI", 1, b"t", 5) + bytes(64)},
        {"tensors": 1, "rest": struct.pack("<Q1sIQQQIQ", 1, b"t", 3, HUGE, HUGE, HUGE, 0, 0) + bytes(64)},
        {"tensors": 1, "rest": struct.pack("<Q1sIQIQ", 1, b"t", 1, 8, 0, 2**40) + bytes(64)},
    ],
    ids=str,
)
def test_it_refuses_lies_about_sizes_at_once(tmp_path: Path, lie: dict[str, object]) -> None:
    path = raw(tmp_path / "liar.gguf", **lie)  # type: ignore[arg-type]
    started = time.perf_counter()

    assert refusal(path)

    assert time.perf_counter() - started < 1


def test_it_refuses_a_file_cut_anywhere(tiny_gguf: Path, tmp_path: Path) -> None:
    data = tiny_gguf.read_bytes()
    path = tmp_path / "cut.gguf"

    for length in [*range(0, 12_000, 97), len(data) // 2, len(data) - 1]:
        path.write_bytes(data[:length])

        assert refusal(path)


def test_a_cut_file_names_its_real_size(tiny_gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny_gguf.read_bytes()[:-1])

    assert refusal(path) == "the file is truncated: it has 374,143 of 374,144 bytes"


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 6000), st.binary(min_size=1, max_size=9)),
        min_size=1,
        max_size=6,
    ),
)
def test_a_mutated_header_is_read_or_refused(tiny_gguf: Path, tmp_path: Path, edits: list[tuple[int, bytes]]) -> None:
    data = bytearray(tiny_gguf.read_bytes()[:40_000])
    for position, patch in edits:
        data[position : position + len(patch)] = patch
    path = tmp_path / "mutated.gguf"
    path.write_bytes(data)

    try:
        header = read_header(path, check_vocabulary=True)
    except BadModelFile as exc:
        assert exc.detail
    else:
        assert isinstance(header, GgufHeader)


def test_a_large_vocabulary_is_stepped_over_quickly(tmp_path: Path) -> None:
    path = tmp_path / "large.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(8)
    writer.add_embedding_length(8)
    writer.add_block_count(1)
    writer.add_token_list([f"token{number}" for number in range(150_000)])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    started = time.process_time()

    assert read_header(path).vocabulary_size == 150_000

    assert time.process_time() - started < 0.5


def test_the_lists_of_a_header_are_read_when_they_are_asked_for(tiny_gguf: Path) -> None:
    arrays = read_arrays(tiny_gguf)

    tokens, types = arrays["tokenizer.ggml.tokens"], arrays["tokenizer.ggml.token_type"]
    assert len(tokens) == len(types) == read_header(tiny_gguf).vocabulary_size
    assert "<|im_end|>" in tokens
    assert "t h" in arrays["tokenizer.ggml.merges"]
    assert set(types) == {1, 3, 4}


def test_lists_that_are_too_long_are_left_out(tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_module, "MAX_ARRAY_BYTES", 2000)

    assert list(read_arrays(tiny_gguf)) == ["tokenizer.ggml.token_type", "tokenizer.ggml.merges"]


def test_lists_of_a_cut_file_are_refused(tiny_gguf: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny_gguf.read_bytes()[:2000])

    with pytest.raises(BadModelFile):
        read_arrays(cut)


def test_the_beginning_of_every_list_is_read(write: Callable[..., Path]) -> None:
    path = write(tokens=["a", "", "ccc", "d"], scores=[1.5, 2.0, 3.0, 4.0], **{"attention.head_count": [3]})

    assert read_array_heads(path, 2) == {
        "llama.attention.head_count": ArrayHead([3], 1),
        "tokenizer.ggml.tokens": ArrayHead(["a", ""], 4),
        "tokenizer.ggml.scores": ArrayHead([1.5, 2.0], 4),
    }


def test_lists_of_a_file_that_became_shorter_are_refused(write: Callable[..., Path]) -> None:
    path = write(tokens=["a", "b"])
    path.write_bytes(path.read_bytes()[:200])

    with pytest.raises(BadModelFile):
        read_array_heads(path, 2)
