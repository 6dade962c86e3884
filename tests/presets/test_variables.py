from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.presets.variables import MAX_FIELDS, Asked, Field, Known, Text, parse, with_person


def test_a_text_without_braces_is_one_text() -> None:
    parsed = parse("Say hello.")

    assert (parsed.parts, parsed.fields) == ([Text("Say hello.")], [])


def test_names_are_asked_for_once_and_known_ones_are_not() -> None:
    parsed = parse("{{topic}} on {{ CURRENT_DATE }}, {{topic}} for {{who}}")

    assert parsed.parts == [
        Asked("topic"), Text(" on "), Known("CURRENT_DATE"), Text(", "), Asked("topic"), Text(" for "), Asked("who"),
    ]  # fmt: skip
    assert parsed.fields == [Field(name="topic"), Field(name="who")]


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ("{{a | textarea}}", Field(name="a", kind="textarea")),
        ('{{a|text:placeholder="e.g. {{b}}":required}}', Field(name="a", placeholder="e.g. {{b}}", is_required=True)),
        (
            '{{a | select:options=["a","b: }} c"]:default="a"}}',
            Field(name="a", kind="select", options=["a", "b: }} c"], default="a"),
        ),
        ("{{a|number:min=1:max=5}}", Field(name="a", kind="number", bounds={"min": "1", "max": "5"})),
        ('{{a|number:default=3:label="How many"}}', Field(name="a", kind="number", default="3", label="How many")),
        ("{{a | checkbox:default=true}}", Field(name="a", kind="checkbox", default="true")),
        ("{{a | map}}", Field(name="a")),
        ('{{a | "odd" : = }}', Field(name="a")),
        ("{{日期 | date}}", Field(name="日期", kind="date")),
    ],
)
def test_typed_forms_are_read(written: str, field: Field) -> None:
    assert parse(written).fields == [field]


def test_of_a_name_that_stands_there_twice_the_typed_form_counts() -> None:
    assert parse("{{a}} {{a | number}} {{a}}").fields == [Field(name="a", kind="number")]


@pytest.mark.parametrize(
    "text", ["{{}}", "{{#if x}}", "{{ 1 }}", "{{a", "{{a\nb}}", "{a}", "{{" + "x" * 61 + "}}", "}}{{"]
)
def test_what_is_no_variable_stays(text: str) -> None:
    assert parse(text) == parse(text).__class__(parts=[Text(text)], fields=[])


def test_what_is_known_of_the_person_is_put_in_and_not_read_again() -> None:
    parsed = with_person(parse("I am {{USER_NAME}} ({{USER_LANGUAGE}})."), name="{{topic}}", language="de")

    assert parsed.parts == [Text("I am {{topic}} (de).")]


def test_no_form_has_more_fields_than_can_be_filled_in() -> None:
    parsed = parse(" ".join(f"{{{{v{n}}}}}" for n in range(MAX_FIELDS + 1)))

    assert len(parsed.fields) == MAX_FIELDS
    assert parsed.parts[-1] == Text(f" {{{{v{MAX_FIELDS}}}}}")


@given(st.text(alphabet=st.sampled_from('{}"|:=[]\\ab1 \n,'), max_size=60))
def test_any_text_is_taken_apart_and_what_is_no_variable_is_kept(text: str) -> None:
    parts = parse(text).parts

    at = 0
    for part in parts:
        if isinstance(part, Text):
            at = text.index(part.text, at) + len(part.text)
    assert {part.name for part in parts if isinstance(part, Asked)} == {field.name for field in parse(text).fields}
