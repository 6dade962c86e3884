"""A preset as a Modelfile and back: the text alone, and the two sides of the editor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from inference import catalog
from inference.library.modelfile import KEYWORDS, Instruction, Keyword, Modelfile, parse, printed
from tests.doubles.upstream import Upstream
from tests.factories import make_preset
from webui.accounts.models import User
from webui.presets import services
from webui.presets.forms import PresetForm, option_values
from webui.presets.modelfile_forms import Editor, sent_editor
from webui.presets.modelfiles import (
    ModelfileRefused,
    Said,
    modelfile_of,
    read_modelfile,
    rest_as_json,
    rest_of_json,
    unused_in_chats,
)
from webui.presets.models import ModelPreset
from webui.presets.options import OPTIONS, THINK_CHOICES, Option

MODELS = ["tiny:latest", "work/large:latest"]
CLERK = """\
FROM tiny:latest
PARAMETER temperature 0.3
PARAMETER stop "User: "
PARAMETER num_gpu 99
TEMPLATE \"\"\"{{ .System }}
{{ .Prompt }}\"\"\"
SYSTEM You are a clerk.
ADAPTER ./harbour.gguf
MESSAGE user Which ships are in?
MESSAGE assistant "The Ida.
The Olga."
LICENSE MIT
REQUIRES 0.14.0
"""


def value_of(option: Option) -> st.SearchStrategy[Any]:
    match option.kind:
        case "texts":
            return st.lists(st.text(min_size=1, max_size=100).filter(str.strip), min_size=1, max_size=4)
        case "think":
            return st.sampled_from([*THINK_CHOICES.values()])
        case "format":
            return st.sampled_from(["json", {"type": "object"}])
        case "number":
            return st.floats(option.least, option.most)
        case _:
            return st.integers(int(option.least), int(option.most))


def options(*, with_all: bool) -> st.SearchStrategy[dict[str, Any]]:
    known = [o for o in OPTIONS if with_all or o.kind not in ("think", "seconds", "format")]
    return st.fixed_dictionaries({}, optional={option.name: value_of(option) for option in known})


@st.composite
def rests(draw: st.DrawFn) -> list[Instruction]:
    """What a text can say beside the fields, as it is read."""
    others: list[Keyword] = [keyword for keyword in KEYWORDS if keyword not in ("FROM", "SYSTEM", "PARAMETER")]
    items = []
    for keyword in draw(st.lists(st.sampled_from([*others, "PARAMETER"]), max_size=5)):
        name = {"MESSAGE": st.sampled_from(["user", "assistant", "system"]),
                "PARAMETER": st.sampled_from(["mirostat", "f16_kv"])}.get(keyword, st.just(""))  # fmt: skip
        items.append(Instruction(keyword, draw(st.text(max_size=60)), draw(name)))
    return [*parse(printed(Modelfile((Instruction("FROM", "x"), *items)))).instructions[1:]]


@settings(max_examples=150, deadline=None)
@given(system=st.text(max_size=80), chosen=options(with_all=False), rest=rests())
def test_what_a_preset_says_comes_back_from_its_modelfile(
    system: str, chosen: dict[str, Any], rest: list[Instruction]
) -> None:
    stops = {"stop": [stop for stop in chosen["stop"] if parses(stop)]} if "stop" in chosen else {}
    chosen = {name: value for name, value in {**chosen, **stops}.items() if value != []}
    said = Said(base_model="tiny:latest", system_prompt=system, options=chosen, rest=rest)

    assert read_modelfile(modelfile_of(said), MODELS, now=system) == said


def parses(text: str) -> bool:
    """Whether a Modelfile can hold a text: a line of it that ends in three quotation marks it cannot."""
    item = Instruction("PARAMETER", text, "stop")
    return parse(printed(Modelfile((Instruction("FROM", "x"), item)))).instructions[1] == item


@settings(max_examples=60, deadline=None)
@given(system=st.text(max_size=80), chosen=options(with_all=True), rest=rests())
def test_the_fields_come_back_from_the_modelfile_of_the_editor(
    system: str, chosen: dict[str, Any], rest: list[Instruction]
) -> None:
    system = system.replace("\r", "").replace("\x00", "").strip()
    stops = {"stop": [stop for stop in chosen["stop"] if parses(stop) and "\r" not in stop]} if "stop" in chosen else {}
    chosen = {name: value for name, value in {**chosen, **stops}.items() if value != []}
    rest = [item for item in rest if "\r" not in item.value]
    initial = {"system_prompt": system, "modelfile_rest": rest_as_json(rest), **option_values(chosen)}
    form = PresetForm(initial={"name": "Clerk", "base_model": "tiny:latest", **initial}, models=MODELS)

    text_side = sent(fields_of(form) | {"side": "fields", "show": "modelfile"})
    back = sent(fields_of(text_side.form) | {"side": "modelfile", "modelfile": text_side.text.replace("\n", "\r\n"),
                                             "show": "fields"}, system)  # fmt: skip

    assert (text_side.side, back.side) == ("modelfile", "fields")
    assert back.is_right, (back.problems, back.form.errors)
    assert back.form.chosen_options() == chosen
    assert back.form.cleaned_data["system_prompt"] == system
    assert back.form.cleaned_data["modelfile_rest"] == rest


def fields_of(form: PresetForm) -> dict[str, str]:
    """Return what a browser sends, without files and lists: a box that is not ticked is not sent at all."""
    left_out = ("picture", "documents", "knowledge")
    values = {field.name: field.value() for field in form if field.name not in left_out}
    return {name: "" if value is None else str(value) for name, value in values.items() if value is not False}


def sent(fields: dict[str, str], system_prompt: str = "") -> Editor:
    data = QueryDict(mutable=True)
    data.update(fields)
    return sent_editor(data, MultiValueDict(), models=MODELS, system_prompt=system_prompt)


def test_a_text_is_read_into_fields_and_the_rest() -> None:
    said = read_modelfile(CLERK, MODELS)

    assert (said.base_model, said.system_prompt) == ("tiny:latest", "You are a clerk.")
    assert said.options == {"temperature": 0.3, "stop": ["User: "]}
    assert [item.keyword for item in said.rest] == [
        "PARAMETER", "TEMPLATE", "ADAPTER", "MESSAGE", "MESSAGE", "LICENSE", "REQUIRES",
    ]  # fmt: skip
    assert unused_in_chats(said.rest) == ["PARAMETER num_gpu", "TEMPLATE", "ADAPTER", "LICENSE", "REQUIRES"]


def test_a_model_may_be_named_without_its_tag_and_values_beyond_a_field_stay_in_the_text() -> None:
    said = read_modelfile("FROM tiny\nPARAMETER num_predict -1\n", MODELS)

    assert said == Said(base_model="tiny:latest", rest=[Instruction("PARAMETER", "-1", "num_predict")])
    assert "num_predict 20" in modelfile_of(Said(base_model="tiny:latest", options={"num_predict": 20}, rest=said.rest))
    assert "-1" not in modelfile_of(Said(base_model="tiny:latest", options={"num_predict": 20}, rest=said.rest))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("FROM tiny\nSYSTEM hi\nFORM x", [3]),
        ("SYSTEM hi", [0]),
        ("FROM tiny\n\nPARAMETER seed much\nPARAMETER top_k x", [3, 4]),
        ("FROM gone:latest\nPARAMETER seed much", [1, 2]),
        ("FROM ./tiny.gguf", [1]),
        ("FROM tiny\nFROM tiny", [2]),
        ('FROM tiny\nSYSTEM """never closed', [2]),
        ("FROM tiny\nMESSAGE robot hi", [2]),
        ("FROM tiny\nSYSTEM " + "x" * 20_001, [2]),
        ("x" * 400_001, [0]),
    ],
)
def test_what_is_wrong_is_said_by_line(text: str, lines: list[int]) -> None:
    with pytest.raises(ModelfileRefused) as refused:
        read_modelfile(text, MODELS)

    assert [problem.line for problem in refused.value.problems] == lines


@pytest.mark.parametrize(
    "stored",
    ["[]", {}, [["SYSTEM", "", "x"]], [["FROM", "", "x"]], [["MESSAGE", "robot", "x"]], [["PARAMETER", "a b", "1"]],
     [["TEMPLATE", "x", "y"]], [["TEMPLATE", "", 7]], [["TEMPLATE"]], [["TEMPLATE", "", "x" * 200_001]],
     [["LICENSE", "", "x"]] * 301],
)  # fmt: skip
def test_what_a_browser_sends_back_as_the_rest_is_checked(stored: Any) -> None:
    with pytest.raises(ValueError, match="instruction|list|long"):
        rest_of_json(stored)


# ---- pages ---------------------------------------------------------------------------------------


@pytest.fixture
def models(upstream: Upstream, settings: Settings) -> Upstream:
    settings.HEARTH_INFERENCE_URL = upstream.url
    catalog.forget()
    return upstream


def test_a_preset_is_changed_as_a_modelfile_and_keeps_the_rest(
    models: Upstream, alice: User, alice_client: Client
) -> None:
    preset = make_preset(owner=alice, description="Knows ships", suggestions=["Who is in?"], symbol="⚓",
                         options={"think": True, "temperature": 1.0})  # fmt: skip
    url = reverse("presets:change", args=[preset.uuid])
    fields = {"name": "Clerk", "description": "Knows ships", "suggestions": "Who is in?", "symbol": "⚓",
              "option_think": "on", "side": "modelfile"}  # fmt: skip

    wrong = alice_client.post(url, {**fields, "modelfile": "FROM tiny\r\nPARAMETER seed much"})
    alice_client.post(url, {**fields, "modelfile": CLERK.replace("\n", "\r\n")})

    assert wrong.status_code == 422
    assert "Line 2:" in wrong.content.decode()
    stored = ModelPreset.objects.get()
    assert stored.options == {"think": True, "temperature": 0.3, "stop": ["User: "]}
    assert (stored.system_prompt, stored.description, stored.symbol) == ("You are a clerk.", "Knows ships", "⚓")
    assert stored.suggestions == ["Who is in?"]
    assert ["TEMPLATE", "", "{{ .System }}\n{{ .Prompt }}"] in stored.modelfile_rest
    file = alice_client.get(reverse("presets:modelfile", args=[preset.uuid])).content.decode()
    assert parse(file) == parse(modelfile_of(read_modelfile(CLERK, MODELS)))


def test_turning_to_the_other_side_stores_nothing_and_complains_of_nothing(
    models: Upstream, alice_client: Client
) -> None:
    url = reverse("presets:create")

    text = alice_client.post(
        url, {"side": "fields", "show": "modelfile", "base_model": "tiny:latest", "system_prompt": "Hi"}
    )
    back = alice_client.post(url, {"side": "modelfile", "show": "fields", "modelfile": "FROM tiny\nSYSTEM <b>Ho</b>"})

    assert (text.status_code, back.status_code) == (200, 200)
    assert "FROM tiny:latest\nSYSTEM Hi\n" in text.content.decode()
    assert "&lt;b&gt;Ho&lt;/b&gt;" in back.content.decode()
    assert not ModelPreset.objects.exists()


def test_a_version_brings_the_modelfile_back(alice: User) -> None:
    preset = make_preset(owner=alice, modelfile_rest=[["LICENSE", "", "MIT"]])
    now = services.content_of(preset, alice)
    services.change_preset(preset, replace(now, modelfile_rest=[]), alice)

    restored = services.restore_version(preset.versions.get(number=1), alice)

    assert restored.modelfile_rest == [["LICENSE", "", "MIT"]]


def test_charlie_gets_no_modelfile(models: Upstream, alice: User, charlie_client: Client) -> None:
    preset = make_preset(owner=alice)

    assert charlie_client.get(reverse("presets:modelfile", args=[preset.uuid])).status_code == 404
