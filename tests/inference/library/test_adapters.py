"""Adapters that llama.cpp would refuse or die of are told apart by their headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import pytest

from inference.errors import BadModelFile, ModelLoadFailed
from inference.library.adapters import check_adapter
from tests.doubles.gguf_files import Shape
from tests.doubles.gguf_lora import build_lora


def test_an_adapter_of_the_same_shape_belongs_to_the_model(tmp_path: Path, tiny_gguf: Path) -> None:
    check_adapter("tiny", build_lora(tmp_path / "a.gguf"), tiny_gguf)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"architecture": "llama"}, "was made for llama models, and this is a qwen2 model"),
        ({"shape": Shape(layers=2, hidden=128)}, "does not fit the shape of 'blk.0.attn_output.weight'"),
        ({"shape": Shape(layers=3, hidden=64)}, "'blk.2.attn_output.weight', which this model does not have"),
        ({"target": "attn_k.weight"}, "does not fit the shape of 'blk.0.attn_k.weight'"),
        ({"b_rank": 5}, "does not fit the shape"),
        ({"kind": "control_vector"}, "only 'lora' is supported"),
        ({"halves": ("lora_a",)}, "only one half of 'blk.0.attn_output.weight'"),
        ({"halves": ()}, "changes nothing"),
        ({"target": "token_embd.weight"}, "changes the token embeddings, which this model also uses as its output"),
        ({"alpha_type": gguf.GGUFValueType.FLOAT64}, "the key 'adapter.lora.alpha' has the wrong type 12"),
    ],
)
def test_an_adapter_of_another_model_is_refused(
    tmp_path: Path, tiny_gguf: Path, wrong: dict[str, Any], problem: str
) -> None:
    adapter = build_lora(tmp_path / "wrong.gguf", **wrong)

    with pytest.raises(ModelLoadFailed) as refusal:
        check_adapter("tiny", adapter, tiny_gguf)

    assert refusal.value.model == "tiny"
    assert refusal.value.detail.startswith("the adapter wrong.gguf ")
    assert problem in refusal.value.detail


def test_a_model_is_no_adapter(tiny_gguf: Path, scripted_gguf: Path) -> None:
    with pytest.raises(ModelLoadFailed, match="is not an adapter"):
        check_adapter("tiny", scripted_gguf, tiny_gguf)


def test_a_truncated_adapter_is_refused(tmp_path: Path, tiny_gguf: Path) -> None:
    adapter = build_lora(tmp_path / "short.gguf")
    adapter.write_bytes(adapter.read_bytes()[:-100])

    with pytest.raises(ModelLoadFailed, match="the file is truncated"):
        check_adapter("tiny", adapter, tiny_gguf)


def test_a_broken_model_is_not_blamed_on_the_adapter(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")

    with pytest.raises(BadModelFile):
        check_adapter("broken", build_lora(tmp_path / "a.gguf"), broken)
