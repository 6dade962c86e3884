from __future__ import annotations

import math

import pytest

from inference.errors import InvalidRequest
from inference.runner.options import GenerationOptions, checked_options


def test_missing_options_get_the_defaults() -> None:
    assert checked_options({}) == GenerationOptions()


def test_null_means_missing() -> None:
    assert checked_options({"temperature": None, "stop": None}) == GenerationOptions()


def test_values_in_range_are_kept() -> None:
    options = checked_options({"temperature": 0, "top_k": 5.0, "seed": 42, "num_ctx": 2048, "stop": ["a", ""]})

    assert (options.temperature, options.top_k, options.seed, options.num_ctx) == (0.0, 5, 42, 2048)
    assert options.stop == ("a",)


def test_one_stop_string_may_stand_alone() -> None:
    assert checked_options({"stop": "###"}).stop == ("###",)


@pytest.mark.parametrize(("seed", "expected"), [(-1, None), (0, 0), (2**32 + 5, 5), (-2, 2**32 - 2)])
def test_any_seed_becomes_one_that_native_code_takes(seed: int, expected: int | None) -> None:
    assert checked_options({"seed": seed}).seed == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("temperature", "hot"),
        ("temperature", True),
        ("top_k", -2),
        ("top_k", 2**31),
        ("top_k", 1.5),
        ("top_k", True),
        ("top_p", 1.1),
        ("top_p", -0.1),
        ("min_p", 2),
        ("typical_p", -1),
        ("repeat_penalty", 0),
        ("repeat_penalty", -1.0),
        ("presence_penalty", 1e9),
        ("frequency_penalty", -1e9),
        ("repeat_last_n", -2),
        ("repeat_last_n", 2**40),
        ("num_predict", -3),
        ("num_predict", 10**30),
        ("num_ctx", -1),
        ("num_keep", -2),
        ("seed", 1.5),
        ("seed", 2**70),
        ("stop", 5),
        ("stop", [1]),
        ("stop", ["x"] * 1000),
        ("stop", ["x" * 10_000]),
    ],
)
def test_a_value_that_native_code_could_choke_on_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        checked_options({name: value})

    assert name in caught.value.detail
