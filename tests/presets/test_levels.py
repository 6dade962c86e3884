"""Who has the last word about a question, and what each of them says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.factories import make_preset
from webui.accounts.models import User
from webui.presets.levels import Level, Source, effective_options, levels_of, model_level, sampling_at, told
from webui.presets.services import set_model_defaults, set_own_defaults

EVERY_LEVEL: list[Source] = ["model", "person", "preset", "chat"]


def levels(**options: dict[str, object]) -> list[Level]:
    return [Level(source=source, options=options.get(source, {})) for source in EVERY_LEVEL]


def test_the_most_special_value_holds_and_says_whose_it_is() -> None:
    effective = effective_options(
        levels(model={"top_k": 1, "top_p": 0.1, "seed": 1, "min_p": 0.1}, person={"top_k": 2, "top_p": 0.2, "seed": 2},
               preset={"top_k": 3, "top_p": 0.3}, chat={"top_k": 4})
    )  # fmt: skip

    assert {name: (one.value, one.level.source) for name, one in effective.items()} == {
        "top_k": (4, "chat"), "top_p": (0.3, "preset"), "seed": (2, "person"), "min_p": (0.1, "model"),
    }  # fmt: skip


def test_what_nobody_sets_is_not_sent() -> None:
    sampling = sampling_at(levels())

    assert (sampling.options, sampling.think, sampling.keep_alive_s, sampling.format) == ({}, None, None, None)


def test_a_value_that_does_not_fit_hides_no_other() -> None:
    effective = effective_options(levels(person={"temperature": 0.5}, chat={"temperature": 99}))

    assert (effective["temperature"].value, effective["temperature"].level.source) == (0.5, "person")


def test_what_is_taken_back_is_not_sent_unless_a_more_special_level_sets_it_again() -> None:
    said = levels(model={"top_k": 1, "seed": 1, "think": True}, person={"top_k": None, "seed": None, "think": None},
                  chat={"seed": 4, "mirostat": None})  # fmt: skip

    effective = effective_options(said)
    assert (effective["top_k"].value, effective["top_k"].level.source) == (None, "person")
    assert "mirostat" not in effective
    sampling = sampling_at(said)
    assert (sampling.options, sampling.think) == ({"seed": 4}, None)


def test_zero_and_off_are_values() -> None:
    sampling = sampling_at(levels(model={"think": True, "temperature": 1.0}, chat={"think": False, "temperature": 0}))

    assert (sampling.think, sampling.options) == (False, {"temperature": 0})


def test_system_prompts_are_told_one_after_the_other() -> None:
    said = [
        Level(source="model", system_prompt="Be kind."),
        Level(source="person"),
        Level(source="chat", system_prompt=" In verse.\n"),
    ]

    assert told(said) == ["Be kind.", "In verse."]


def test_what_administrators_and_people_say_is_found(alice: User, root: User) -> None:
    set_own_defaults(alice, system_prompt="Call me Al.", options={"seed": 2})
    set_model_defaults("tiny:latest", system_prompt="Be kind.", options={"seed": 1}, by=root)

    found = levels_of(User.objects.get(pk=alice.pk), "tiny:latest", make_preset(owner=alice, options={"seed": 3}))

    assert [(level.source, level.options) for level in found] == [
        ("model", {"seed": 1}), ("person", {"seed": 2}), ("preset", {"seed": 3}),
    ]  # fmt: skip
    assert told(found) == ["Be kind.", "Call me Al.", "You are Harbour master."]
    assert model_level("large:latest").options == {}


def test_defaults_are_read_once_for_many_questions(
    alice: User, root: User, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    set_model_defaults("tiny:latest", system_prompt="", options={"seed": 1}, by=root)

    with django_assert_num_queries(1):
        for model in ("tiny:latest", "large:latest", "tiny:latest"):
            levels_of(alice, model)


def test_a_change_holds_from_the_next_question_on(
    alice: User, root: User, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]]
) -> None:
    assert model_level("tiny:latest").options == {}

    with django_capture_on_commit_callbacks(execute=True):
        set_model_defaults("tiny:latest", system_prompt="", options={"seed": 1}, by=root)
    assert model_level("tiny:latest").options == {"seed": 1}

    with django_capture_on_commit_callbacks(execute=True):
        set_model_defaults("tiny:latest", system_prompt="", options={}, by=root)
    assert model_level("tiny:latest").options == {}
