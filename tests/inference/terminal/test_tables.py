from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from inference.dialects.ollama import ModelDetails
from inference.terminal import tables
from inference.types import LoadedModel, ModelCard

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DIGEST = "sha256:a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72"


def loaded_model(**fields: object) -> LoadedModel:
    values = {"name": "llama3.2:3b", "size_bytes": 4_000_000_000, "context_length": 4096, "expires_at": None}
    return LoadedModel(**{**values, **fields})  # type: ignore[arg-type]


def test_the_list_has_the_columns_that_scripts_cut() -> None:
    model = ModelDetails(
        name="llama3.2:3b", digest=DIGEST, size_bytes=2_019_393_189, modified_at=NOW - timedelta(days=14), family=None,
        parameter_size=None, quantization=None,
    )  # fmt: skip

    head, row = tables.listed([model], now=NOW).splitlines()

    assert head.split() == ["NAME", "ID", "SIZE", "MODIFIED"]
    assert re.split(" {2,}", row) == ["llama3.2:3b", "a80c4f17acd5", "2.0 GB", "2 weeks ago"]
    assert head.index("ID") == row.index("a80c4f17acd5")


def test_what_a_server_does_not_say_is_no_error() -> None:
    unknown = ModelDetails(
        name="x:latest", digest=None, size_bytes=None, modified_at=None, family=None, parameter_size=None,
        quantization=None,
    )  # fmt: skip

    assert tables.listed([unknown]).splitlines()[1].split() == ["x:latest", "-", "-"]


def test_an_empty_list_is_its_head() -> None:
    assert tables.loaded([]).split() == ["NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"]


def test_a_loaded_model_tells_until_when() -> None:
    row = tables.loaded([loaded_model(digest=DIGEST, expires_at=NOW + timedelta(minutes=5))], now=NOW).splitlines()[1]

    assert re.split(" {2,}", row) == [
        "llama3.2:3b", "a80c4f17acd5", "4.0 GB", "100% CPU", "4096", "5 minutes from now"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("gpu_bytes", "words"), [(0, "100% CPU"), (4_000_000_000, "100% GPU"), (2_080_000_000, "48%/52% CPU/GPU")]
)
def test_where_a_model_is_computed(gpu_bytes: int, words: str) -> None:
    assert tables.processor(loaded_model(gpu_bytes=gpu_bytes)) == words


def test_a_card_shows_its_sections_and_leaves_out_the_empty_ones() -> None:
    card = ModelCard(
        architecture="qwen2", parameter_size="3.1B", quantization="Q4_K_M", context_length=32768,
        capabilities=("completion", "tools"), parameters="stop    \"<|im_end|>\"\ntemperature    0.7",
        license="Apache License\nVersion 2.0\nJanuary 2004",
    )  # fmt: skip

    assert tables.shown(card) == "\n".join(
        [
            "  Model",
            "    architecture      qwen2",
            "    parameters        3.1B",
            "    context length    32768",
            "    quantization      Q4_K_M",
            "",
            "  Capabilities",
            "    completion",
            "    tools",
            "",
            "  Parameters",
            '    stop           "<|im_end|>"',
            "    temperature    0.7",
            "",
            "  License",
            "    Apache License",
            "    Version 2.0",
            "    ...",
        ]
    )


def test_a_card_shows_keys_and_tensors_when_it_is_told_to() -> None:
    card = ModelCard(
        metadata={"qwen2.block_count": "2"},
        tensors=(("output.weight", "F32", "[64, 512]"), ("blk.0.attn_q.bias", "F16", "[64]")),
        parameters="odd",
    )

    assert tables.shown(card, verbose=True).splitlines() == [
        "  Parameters",
        "    odd",
        "",
        "  Metadata",
        "    qwen2.block_count    2",
        "",
        "  Tensors",
        "    output.weight        F32    [64, 512]",
        "    blk.0.attn_q.bias    F16    [64]",
    ]
    assert "Tensors" not in tables.shown(card)
