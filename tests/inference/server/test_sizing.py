from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference.server.sizing import EMBEDDING_SLOTS, SMALLEST_WISH, Sizing, Window
from tests.inference.server.fakes import GIGABYTE, make_model


@pytest.mark.parametrize(
    ("n_ctx", "wished_ctx", "window"),
    [
        (None, 0, Window()),
        (None, SMALLEST_WISH, Window()),
        (None, SMALLEST_WISH + 1, Window(n_ctx=8192, is_wish=True)),
        (None, 100_000, Window(n_ctx=16384, is_wish=True)),
        (2048, 100_000, Window(n_ctx=2048)),
        (50_000, 0, Window(n_ctx=16384)),
    ],
)
def test_a_request_gets_a_window_that_the_model_knows(n_ctx: int | None, wished_ctx: int, window: Window) -> None:
    assert Sizing().window(make_model(context_length=16384), n_ctx, wished_ctx) == window


def test_a_fixed_window_hears_no_wishes() -> None:
    assert Sizing(context_length=2048).window(make_model(), None, 100_000) == Window()


def test_an_embedding_model_serves_many_callers_in_turns() -> None:
    model = make_model(capabilities=frozenset({"embedding"}), context_length=512)

    spec, _needs = Sizing(num_parallel=1).plan(model, Window(), 64 * GIGABYTE)

    assert (spec.n_ctx, spec.n_slots, spec.embedding) == (512, EMBEDDING_SLOTS, True)


def test_a_model_is_started_with_its_adapters() -> None:
    model = replace(make_model(), adapters=(Path("/models/lora.gguf"),))

    spec, _needs = Sizing().plan(model, Window(), 64 * GIGABYTE)

    assert spec.adapters == (Path("/models/lora.gguf"),)


def test_the_smallest_choice_is_planned_when_none_is_comfortable() -> None:
    spec, needs = Sizing().plan(make_model(), Window(), 0)

    assert (spec.n_ctx, spec.n_slots) == (4096, 1)
    assert needs > GIGABYTE
