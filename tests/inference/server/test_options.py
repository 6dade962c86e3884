from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import InvalidRequest
from inference.runner.options import checked_options
from inference.server.options import _RANGES, parse_options

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = ("num_ctx", "num_predict", "temperature", "top_k", "top_p", "seed", "stop", "mirostat")


def test_valid_options_keep_their_values() -> None:
    given_options = {"num_ctx": 4096, "temperature": 1, "top_p": 0.5, "seed": -1, "stop": ["a"], "num_predict": -1}

    assert parse_options(given_options, baked={}) == given_options


def test_whole_floats_count_as_integers_and_null_as_missing() -> None:
    assert parse_options({"top_k": 40.0, "seed": None}, baked={}) == {"top_k": 40}


def test_unknown_names_are_left_out() -> None:
    assert parse_options({"warmth": 2}, baked={}) == {}


@pytest.mark.parametrize("name", ["mirostat", "tfs_z", "low_vram", "penalize_newline", "draft_num_predict"])
def test_options_of_older_versions_are_warned_of_and_do_not_fail(name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert parse_options({name: 1}, baked={name: 2}) == {}

    assert f"option '{name}' has no effect here" in caplog.text


def test_all_other_options_of_ollama_are_known() -> None:
    options = {
        "num_ctx": 2048, "num_batch": 256, "num_gpu": 3, "main_gpu": 0, "use_mmap": False, "num_thread": 2,
        "num_keep": 5, "num_predict": 9, "top_k": 1, "top_p": 0.5, "min_p": 0.1, "typical_p": 0.7, "temperature": 0.1,
        "repeat_last_n": 3, "repeat_penalty": 1.1, "presence_penalty": 0.2, "frequency_penalty": 0.3, "seed": 1,
        "stop": ["x"],
    }  # fmt: skip

    assert parse_options(options, baked={}) == options


def test_a_request_overrules_the_model() -> None:
    assert parse_options({"seed": 2}, baked={"seed": 1, "top_k": 3}) == {"seed": 2, "top_k": 3}


def test_a_model_s_wrong_option_is_left_out_instead_of_failing_every_request() -> None:
    assert parse_options({}, baked={"top_p": "much", "top_k": 3}) == {"top_k": 3}


def test_a_window_of_zero_means_the_server_s_own() -> None:
    assert parse_options({"num_ctx": 0}, baked={}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_ctx", "4096"), ("num_ctx", 1.5), ("num_ctx", True), ("num_ctx", 10**12), ("num_predict", -3),
        ("temperature", float("nan")), ("temperature", float("inf")), ("temperature", -0.1), ("top_p", 1.1),
        ("seed", 2**64), ("stop", 7), ("stop", [7]), ("stop", ["x"] * 65), ("stop", ["x" * 1001]), ("top_k", -1),
        ("use_mmap", 1), ("num_thread", -1), ("num_gpu", -2), ("num_batch", 0), ("main_gpu", 1.5),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=name):
        parse_options({name: value}, baked={})


@pytest.mark.parametrize("name", sorted(_RANGES))
def test_the_runner_takes_whatever_the_server_lets_through(name: str) -> None:
    bounds = _RANGES[name]

    for value in (bounds.low, bounds.high):
        assert checked_options(parse_options({name: value}, baked={}))


@given(st.dictionaries(st.sampled_from(NAMES), json_values))
def test_no_value_at_all_breaks_the_check(options: dict[str, Any]) -> None:
    try:
        parsed = parse_options(options, baked={})
    except InvalidRequest:
        return
    assert set(parsed) <= set(options)
