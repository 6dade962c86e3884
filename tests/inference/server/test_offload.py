"""What a graphics card takes of a model. No card is needed: numbers in, numbers out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference.library.gguf import read_header
from inference.runner.types import RunnerSpec
from inference.server.forecast import batch_bytes, cache_by_layer, forecast
from inference.server.offload import CARD_MARGIN_BYTES, Offload, Weights, offload, weights_of
from tests.doubles.gguf_files import TINY
from tests.inference.server.conftest import Server
from tests.inference.server.fakes import make_header, make_model

MB = 10**6
HEADER = make_header()
"""32 layers; each token takes 1024 bytes in each of them."""

WEIGHTS = Weights((100 * MB,) * 32, output=200 * MB)
SPEC = RunnerSpec(kind="llama", model="tiny", path=Path("/models/tiny.gguf"), n_ctx=4096, n_slots=2)
N_TOKENS = SPEC.n_ctx * SPEC.n_slots
WORK = batch_bytes(HEADER, SPEC.n_ctx, is_plain=False, n_rows=512)
LAYER = 100 * MB + 1024 * N_TOKENS
CARD = {"id": "card", "name": "CUDA0", "description": "A card", "memory_bytes": 8 * 10**9}


def on(*room: int, spec: RunnerSpec = SPEC) -> Offload:
    """Ask for cards that have so much room beyond their margins."""
    return offload(HEADER, WEIGHTS, spec, [CARD_MARGIN_BYTES + size for size in room])


@pytest.mark.parametrize(
    ("room", "n_layers"),
    [
        (0, 0),
        (WORK + 200 * MB - 1, 0),
        (WORK + 200 * MB, 1),
        (WORK + 200 * MB + LAYER - 1, 1),
        (WORK + 200 * MB + LAYER, 2),
        (WORK + 200 * MB + 20 * LAYER, 21),
        (WORK + 200 * MB + 32 * LAYER, 33),
        (10**12, 33),
    ],
)
def test_the_output_comes_first_and_then_the_layers_from_the_last(room: int, n_layers: int) -> None:
    found = on(room)

    assert (found.n_layers, found.n_all) == (n_layers, 33)
    assert found.card_bytes == (WORK + 200 * MB + (n_layers - 1) * LAYER if n_layers else 0)


def test_a_larger_window_leaves_room_for_fewer_layers() -> None:
    room = WORK + 200 * MB + 20 * LAYER

    exact = on(room, spec=replace(SPEC, n_ctx=32768)).n_layers
    assert 0 < exact < 21
    assert exact < on(room, spec=replace(SPEC, n_ctx=32768, kv_type="q8_0")).n_layers < 21


def test_each_card_keeps_its_margin_and_together_they_hold_more() -> None:
    room = WORK + 200 * MB + 20 * LAYER

    assert on(room // 2, room // 2).n_layers == 21
    assert offload(HEADER, WEIGHTS, SPEC, [CARD_MARGIN_BYTES // 2] * 8).n_layers == 0


def test_the_shares_of_the_layers_are_the_whole_cache() -> None:
    model = make_model()

    shares = cache_by_layer(HEADER, n_ctx=4096, n_slots=2, kv_type="q8_0")

    assert len(shares) == 32
    assert sum(shares) == forecast(model, n_ctx=4096, n_slots=2, kv_type="q8_0").cache


def test_layers_without_attention_have_no_share() -> None:
    header = replace(HEADER, head_counts=(16, 0, 16), head_counts_kv=(4, 0, 4), block_count=3)

    assert cache_by_layer(header, n_ctx=1, n_slots=1, kv_type="f16") == [1024, 0, 1024]


def test_weights_of_the_layers_are_read_from_the_file(tiny_gguf: Path) -> None:
    weights = weights_of(tiny_gguf, "tiny", TINY.layers)

    assert weights is not None
    assert len(weights.layers) == TINY.layers
    assert len(set(weights.layers)) == 1
    assert 0 < sum(weights.layers) + weights.output < tiny_gguf.stat().st_size
    vocabulary = read_header(tiny_gguf).vocabulary_size
    assert weights.output == 4 * TINY.hidden * (vocabulary or 0)


def test_a_file_that_has_gone_has_no_weights(tmp_path: Path) -> None:
    assert weights_of(tmp_path / "gone.gguf", "gone", 2) is None


def find_cards(server: Server, *free_bytes: int) -> None:
    cards = [{**CARD, "type": "gpu", "free_bytes": free} for free in free_bytes]
    server.state.devices._found = {"devices": cards, "no_gpu_reason": ""}  # type: ignore[typeddict-item]


async def test_without_a_card_nothing_is_proposed(server: Server) -> None:
    library = (await server.http.get("/hearth/library")).json()

    assert [model["fit"]["offload"] for model in library["models"]] == [None] * len(library["models"])


async def test_a_card_that_is_too_small_gets_a_proposal(server: Server) -> None:
    find_cards(server, CARD_MARGIN_BYTES + 1)

    library = (await server.http.get("/hearth/library")).json()
    fits = {model["name"]: model["fit"] for model in library["models"]}

    assert fits["tiny:latest"]["offload"] == {"n_layers": 0, "n_all": 3, "card_bytes": 0}
    assert fits["embedder:latest"]["offload"] is None


async def test_a_card_that_is_large_enough_needs_none(server: Server) -> None:
    find_cards(server, 80 * 10**9)

    fit = (await server.post("/hearth/forecast", model="tiny", settings={})).json()

    assert fit["offload"] is None


async def test_nothing_is_proposed_to_who_asks_for_no_more_than_fits(server: Server) -> None:
    find_cards(server, CARD_MARGIN_BYTES)

    asked = {n: (await server.post("/hearth/forecast", model="tiny", settings={"num_gpu": n})).json() for n in (0, 1)}

    assert asked[0]["offload"] is None
    assert asked[1]["offload"]["n_layers"] == 0
