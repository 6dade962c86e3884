from __future__ import annotations

from typing import Any, get_type_hints

import pytest

from inference.types import Options
from webui.presets.forms import OPTION_PREFIX, PresetForm, option_values
from webui.presets.options import BY_NAME, NOT_SAMPLING, OPTIONS, checked_options, sampling_of

EVERYTHING: dict[str, Any] = {
    "temperature": 0.2, "top_p": 0.9, "top_k": 20, "min_p": 0.05, "seed": 7, "stop": ["\n\n", "End \\ n"],
    "num_ctx": 4096, "num_predict": 300, "repeat_penalty": 1.1, "presence_penalty": -0.5, "frequency_penalty": 0.5,
    "think": "low", "keep_alive": -1, "format": {"type": "object", "required": ["year"]},
}  # fmt: skip


def filled_in(**values: str) -> PresetForm:
    data = {"name": "Clerk", "base_model": "tiny:latest"} | {OPTION_PREFIX + name: v for name, v in values.items()}
    return PresetForm(data, models=["tiny:latest"])


def test_the_table_has_an_example_of_each_here() -> None:
    assert set(EVERYTHING) == set(BY_NAME)
    assert checked_options(EVERYTHING) == EVERYTHING


def test_each_option_is_one_that_requests_know() -> None:
    assert {option.name for option in OPTIONS} - NOT_SAMPLING <= set(get_type_hints(Options))


def test_what_is_not_set_is_not_sent() -> None:
    assert sampling_of({}).options == {}
    assert (sampling_of({}).think, sampling_of({}).keep_alive_s) == (None, None)
    assert sampling_of({"temperature": 0}).options == {"temperature": 0}


def test_thinking_and_keeping_loaded_go_beside_the_options() -> None:
    sampling = sampling_of(EVERYTHING)

    assert (sampling.think, sampling.keep_alive_s) == ("low", -1.0)
    assert sampling.format == {"type": "object", "required": ["year"]}
    assert not NOT_SAMPLING & set(sampling.options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 2.1), ("temperature", -1), ("temperature", "hot"), ("temperature", True),
        ("temperature", float("nan")), ("top_k", 1.5), ("top_k", -1), ("seed", 2**31), ("num_ctx", 1),
        ("num_predict", 0), ("stop", "End"), ("stop", []), ("stop", ["x"] * 17), ("stop", ["x" * 101]), ("stop", [3]),
        ("format", "yaml"), ("format", {}), ("format", {"title": "x" * 20_000}), ("format", ["json"]),
        ("think", "on"), ("think", 1), ("keep_alive", -2), ("mirostat", 1),
    ],
)  # fmt: skip
def test_a_stored_value_that_does_not_fit_is_not_sent(name: str, value: object) -> None:
    assert checked_options({name: value, "top_p": 0.5}) == {"top_p": 0.5}


def test_a_form_gives_back_what_it_shows() -> None:
    form = PresetForm({}, models=[])
    shown = {name: str(form.fields[name].prepare_value(value)) for name, value in option_values(EVERYTHING).items()}

    again = PresetForm({"name": "Clerk", "base_model": "m", **shown}, models=["m"])

    assert again.is_valid(), again.errors
    assert again.chosen_options() == EVERYTHING


def test_thinking_can_be_switched_off_and_left_alone() -> None:
    off, unset = filled_in(think="off"), filled_in(think="")

    assert off.is_valid()
    assert off.chosen_options() == {"think": False}
    assert option_values({"think": False}) == {"option_think": "off"}
    assert unset.is_valid()
    assert unset.chosen_options() == {}


def test_zero_is_a_value() -> None:
    form = filled_in(temperature="0", seed="0", keep_alive="0")

    assert form.is_valid()
    assert form.chosen_options() == {"temperature": 0.0, "seed": 0, "keep_alive": 0}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "3"),
        ("top_k", "1.5"),
        ("num_ctx", "12"),
        ("think", "hard"),
        ("stop", "x" * 101),
        ("format", "yaml"),
        ("format", "[1]"),
        ("format", "{}"),
        ("format", "[" * 15_000),
    ],
)
def test_a_form_says_which_option_is_wrong(name: str, value: str) -> None:
    form = filled_in(**{name: value})

    assert not form.is_valid()
    assert list(form.errors) == [OPTION_PREFIX + name]
    assert form.has_options


def test_the_word_json_is_known_however_it_is_written() -> None:
    form = filled_in(format=" JSON ")

    assert form.is_valid()
    assert form.chosen_options() == {"format": "json"}
