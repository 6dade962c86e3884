from __future__ import annotations

import json
import time
from typing import Any

import jsonschema
import pytest

from inference.errors import InvalidRequest
from inference.runner.flat_schema import Schema
from inference.runner.json_schema import format_grammar, schema_grammar


def accepted(schema: Schema, texts: list[str]) -> list[str]:
    grammar = format_grammar(schema)  # type: ignore[arg-type]
    states = {text: grammar.after(grammar.start(), text.encode()) for text in texts}
    return [text for text, state in states.items() if state is not None and state.may_end]


def string(**keywords: Any) -> dict[str, Any]:
    return {"type": "string", **keywords}


def an_object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


PERSON = an_object("name", name=string(), age={"type": "integer", "minimum": 0}, tags={"items": string()})
TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": an_object(
            "value", value={"type": "integer"}, children={"type": "array", "items": {"$ref": "#/$defs/node"}}
        )
    },
}
SHAPES = {
    "oneOf": [
        an_object("kind", "radius", kind={"const": "circle"}, radius={"type": "number", "exclusiveMinimum": 0}),
        an_object("kind", "side", kind={"const": "square"}, side={"type": "number"}),
    ]
}

OLD = {"$schema": "http://json-schema.org/draft-04/schema#"}

CASES: list[tuple[Schema, list[str], list[str]]] = [
    ({"type": "null"}, ["null"], ["0", "nul", '"null"']),
    ({"type": "boolean"}, ["true", "false"], ["True", "1"]),
    ({"type": "integer"}, ["0", "-17", "9007199254740993"], ["1.5", "01", "1e3", '"1"']),
    ({"type": "integer", "minimum": -5, "maximum": 17}, ["-5", "0", "17"], ["-6", "18", "170", "1.0"]),
    ({"type": "integer", "exclusiveMinimum": 9.5, "exclusiveMaximum": 12}, ["10", "11"], ["9", "12"]),
    ({**OLD, "type": "integer", "minimum": 3, "exclusiveMinimum": True}, ["4"], ["3"]),
    ({"type": "number", "minimum": 0, "maximum": 1}, ["0", "0.25", "1", "1.0"], ["-0.1", "1.1", "2", "1e1"]),
    ({"type": "number"}, ["-1.5e-3", "12", "0.1"], ["1.", ".5", "NaN", "1e"]),
    (string(), ['""', '"a\\n\\u00e9\\"\u4f60"', '"/"'], ['"\n"', '"', '"\\x"', '"\\ud800"', "a"]),
    (string(minLength=2, maxLength=3), ['"ab"', '"\\n\u00e9\\u00e9"'], ['"a"', '"abcd"']),
    (string(pattern="^[A-Z]{2}-\\d+$"), ['"AB-12"'], ['"ab-12"', '"AB-"', '"xAB-12"']),
    (string(pattern="b+"), ['"abc"', '"b"', '"\\nb\\\\"'], ['"ac"', '""']),
    (string(pattern="^a|b$"), ['"ax"', '"xb"', '"a"'], ['"xa"', '"bx"']),
    (string(pattern="^(a|(b|c))$"), ['"a"', '"c"'], ['"ab"']),
    (string(pattern="(^a$)|(^b$)"), ['"a"', '"b"'], ['"ab"', '""']),
    (string(pattern='^["\\\\/]$'), ['"\\""', '"\\\\"', '"/"'], ['"a"', '"""']),
    (string(pattern="^[a-z]+$", minLength=2, maxLength=3), ['"ab"', '"abc"'], ['"a"', '"abcd"']),
    (string(pattern="^x[a-z]*y$", maxLength=3), ['"xy"', '"xay"'], ['"xaay"', '"x"']),
    (string(format="date"), ['"2024-02-29"', '"1999-12-31"'], ['"2023-02-29"', '"2024-13-01"', '"1900-02-29"']),
    (string(format="date-time"), ['"2024-02-29T23:59:59.5Z"', '"2024-01-01T00:00:00+02:00"'], ['"2024-01-01"']),
    (string(format="uuid"), ['"123e4567-e89b-12d3-a456-426614174000"'], ['"123e4567"']),
    (string(format="email"), ['"jane.doe+x@mail.example.org"'], ['"jane"', '"a@b"', '"@b.org"']),
    (string(format="ipv4"), ['"127.0.0.1"', '"255.255.255.255"'], ['"256.1.1.1"', '"1.2.3"']),
    ({"enum": ["a b", 1, None, {"x": [1]}]}, ['"a b"', "1", "null", '{"x":[1]}'], ['"a"', "2", '{"x":[2]}']),
    ({"enum": ["a", 1], "type": "string"}, ['"a"'], ["1"]),
    ({"enum": ["a", "abc", "\u00e9"], "type": "string", "maxLength": 1}, ['"a"', '"\u00e9"'], ['"abc"']),
    ({"enum": [1, 5, 9, "x"], "minimum": 4, "maximum": 8}, ["5", '"x"'], ["1", "9"]),
    ({"const": "\u201cquoted\u201d \"text\""}, ['"\u201cquoted\u201d \\"text\\""'], ['"quoted"']),
    ({"type": ["string", "null"]}, ['"a"', "null"], ["1"]),
    ({"type": ["integer", "number"]}, ["1", "1.5"], ['"1"']),
    (PERSON, ['{"name":"A"}', '{"name": "A", "age": 7}', '{\n  "name": "A",\n  "tags": ["x", "y"]\n}'], [
        "{}", '{"age":1,"name":"A"}', '{"name":"A","age":-1}', '{"name":"A","more":1}', '{"name":"A",}',
    ]),
    (an_object(a={"type": "null"}, b={"type": "null"}, c={"type": "null"}), [
        "{}", '{"a":null}', '{"b":null}', '{"a":null,"c":null}', '{"a":null,"b":null,"c":null}',
    ], ['{,"b":null}', '{"b":null,"a":null}', '{"a":null "b":null}']),
    ({"type": "object"}, ["{}", '{"any": [1, {"x": null}]}'], ["[]"]),
    ({"type": "object", "required": ["a"]}, ['{"a":1}', '{"a":1,"b":2}'], ["{}", '{"b":2}']),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, ['{"x":1,"y":2}', "{}"], ['{"x":"1"}']),
    ({**an_object("a", a={"type": "null"}, ab={"type": "null"}), "additionalProperties": {"type": "integer"}}, [
        '{"a":null}', '{"a":null,"b":1,"abc":2,"":3}', '{"a":null,"ab":null,"aa":1}',
    ], ['{"a":1}', '{"a":null,"ab":1}', '{"a":null,"\\u0061":1}', '{"b":1}']),
    ({"type": "object", "additionalProperties": False}, ["{}"], ['{"a":1}']),
    ({"type": "array", "items": {"type": "integer"}}, ["[]", "[1]", "[1, 2,3]"], ["[1,]", '["a"]', "[,1]"]),
    ({"type": "array", "items": {"type": "null"}, "minItems": 2, "maxItems": 3}, ["[null,null]"], ["[null]", "[]"]),
    ({"type": "array", "maxItems": 0}, ["[]"], ["[1]"]),
    ({"type": "array", "minItems": 1}, ["[1]", '[{"a":1},2]'], ["[]"]),
    ({"prefixItems": [{"type": "null"}, {"type": "integer"}], "items": {"type": "string"}}, [
        "[]", "[null]", "[null,1]", '[null,1,"a","b"]',
    ], ["[1]", "[null,null]", '[null,"a"]']),
    ({"prefixItems": [{"type": "null"}, {"type": "integer"}], "items": False, "minItems": 1}, ["[null]", "[null,1]"], [
        "[]", "[null,1,1]",
    ]),
    ({**OLD, "items": [{"type": "null"}], "additionalItems": False, "minItems": 1}, ["[null]"], ["[]", "[null,1]"]),
    ({"prefixItems": [{"type": "null"}], "items": {"type": "integer"}, "minItems": 3}, ["[null,1,2]"], ["[null,1]"]),
    ({"anyOf": [{"type": "integer"}, string(maxLength=1)]}, ["1", '"a"'], ['"ab"', "null"]),
    ({"anyOf": [{"minimum": 3}, {"maximum": 1}], "type": "integer"}, ["0", "4"], ["2"]),
    ({"allOf": [an_object("a", a={"type": "integer"}), an_object("b", b={"type": "null"}, a={"minimum": 5})]}, [
        '{"a":7,"b":null}',
    ], ['{"a":3,"b":null}', '{"a":7}']),
    ({"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}], "maximum": 2}, ["2"], ["1", "3", "4"]),
    ({"allOf": [{"prefixItems": [{"minimum": 3}]}, {"items": {"type": "integer"}, "maxItems": 2}]}, ["[3,1]"], ["[2]"]),
    (SHAPES, ['{"kind":"circle","radius":0.5}', '{"kind":"square","side":-1}'], [
        '{"kind":"circle","side":1}', '{"kind":"circle","radius":0}',
    ]),
    (TREE, ['{"value":1}', '{"value":1,"children":[{"value":2,"children":[]}]}'], ['{"value":1,"children":[3]}']),
    ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"$ref": "#/$defs/%C3%A9"}, "\u00e9": {"const": 1}}}, ["1"], ["2"]),
    ({"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n", "maximum": 4}, ["4", "-1"], ["5", "0.5"]),
    ({"anyOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#"}}]}, ["null", "[[],[null]]"], ["[1]"]),
    (an_object("a", a=True, b=False), ['{"a":[1,"x"]}'], ['{"a":1,"b":1}', "{}"]),
    (True, ["1", "[]", '{"a":null}'], ["", "x"]),
    ({"title": "T", "description": "D", "default": 1, "examples": [], "type": "null"}, ["null"], ["1"]),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "yes", "no"), CASES, ids=lambda value: json.dumps(value)[:60])
def test_the_grammar_describes_what_satisfies_the_schema(schema: Schema, yes: list[str], no: list[str]) -> None:
    for text in yes:
        jsonschema.validate(json.loads(text), schema)

    assert accepted(schema, [*yes, *no]) == yes


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"not": {"type": "null"}}, "not is not supported"),
        ({"type": "integer", "multipleOf": 3}, "multipleOf is not supported"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems is not supported"),
        (an_object(a={"if": {}, "then": {}}), "if is not supported"),
        ({"type": "object", "patternProperties": {"^a": {}}}, "patternProperties is not supported"),
        ({"type": "text"}, "type must be one of null"),
        (string(format="color"), "format 'color' is not supported; date,"),
        (string(pattern="(?=a)"), "pattern is not supported: look-around"),
        (string(pattern="a(b"), "pattern is not supported: a ( has no )"),
        (string(pattern="\\bword\\b"), "pattern is not supported: \\b cannot be honoured"),
        (string(pattern="a^b"), "pattern is not supported: ^ or $ stands in the middle"),
        (string(pattern="(a)\\1"), "pattern is not supported: \\1 cannot be honoured"),
        (string(pattern="a.*b.*", maxLength=5), "pattern is not supported: its length is open in more than one place"),
        (string(pattern="a", format="date"), "pattern together with another pattern or format"),
        (string(maxLength=10**9), "maxLength is above 100,000"),
        (string(minLength=-1), "minLength must be a whole number"),
        ({"minimum": "1"}, "minimum must be a number"),
        ({"maximum": 1e300}, "maximum has more than 40 digits"),
        ({"properties": [1]}, "properties must be an object of schemas"),
        ({"required": "a"}, "required must be a list of names"),
        ({"enum": 1}, "enum must be a list"),
        ({"anyOf": []}, "anyOf must not be empty"),
        ({"items": 3}, "items must be a schema"),
        ({"$ref": "https://example.org/schema"}, "$ref 'https://example.org/schema' does not point into"),
        ({"$ref": "#/$defs/none"}, "$ref '#/$defs/none' points to nothing"),
        ({"$ref": "#"}, "$ref '#' refers to itself"),
        ({"allOf": [{"$ref": "#"}], "type": "null"}, "$ref '#' refers to itself"),
        ({"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "$ref refers to itself before any value begins"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf may match both its alternatives 1 and 2"),
        ({"enum": [[1]], "minItems": 2}, "enum lists objects or arrays beside keywords"),
        (False, "no value satisfies"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "no value satisfies"),
        ({"allOf": [{"type": "null"}, string()]}, "no value satisfies"),
        ({"enum": []}, "no value satisfies"),
        (an_object("a", a=False), "no value satisfies"),
        (an_object("a", a={"$ref": "#"}), "no value satisfies"),
        ({"type": "array", "items": False, "minItems": 1}, "no value satisfies"),
        (string(pattern="^ab$", maxLength=1), "no value satisfies"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_its_name(schema: Schema, problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        format_grammar(schema)  # type: ignore[arg-type]

    assert problem in caught.value.detail


def nested(depth: int) -> Schema:
    schema: Schema = {"type": "null"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def alternatives(depth: int, width: int) -> Schema:
    schema: dict[str, Any] = {"type": "null"}
    for level in range(depth):
        schema = {"oneOf": [an_object("k", "v", k={"const": [level, n]}, v=schema) for n in range(width)]}
    return schema


HOSTILE: list[Schema] = [
    nested(500),
    {"allOf": [{"anyOf": [{"minimum": n} for n in range(50)]}] * 10},
    {"$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {"type": "null"}},
     "$ref": "#/$defs/d0"},
    alternatives(12, 8),
    an_object(**{"n" * 5000: True}) | {"additionalProperties": True},
    an_object(**{f"p{n}": string(pattern="^" + "[a-z]" * 300 + "$") for n in range(2000)}),
    string(pattern="(" * 1000 + ")" * 1000),
    string(pattern="((a|b)(c|d)^)"),
    string(pattern="^" + "(^a|b)" * 30),
    {"enum": ["x" * 1000] * 5000},
]  # fmt: skip


@pytest.mark.parametrize("schema", HOSTILE, ids=range(len(HOSTILE)))
def test_a_schema_that_would_grow_without_bound_is_refused_or_read_in_time(schema: Schema) -> None:
    began = time.perf_counter()

    try:
        text = schema_grammar(schema)
    except InvalidRequest as error:
        assert error.detail.startswith("the schema in format cannot be honoured: ")
    else:
        assert len(text) < 1_000_000

    assert time.perf_counter() - began < 10


def test_any_json_object_is_an_answer_in_the_form_json() -> None:
    grammar = format_grammar("json")

    ends = {}
    for text in ('{"a": [1, {"b": null}]}', "{}", "[]", '"a"', "{} ", "{'a': 1}"):
        state = grammar.after(grammar.start(), text.encode())
        ends[text] = state is not None and state.may_end

    assert [text for text in ends if ends[text]] == ['{"a": [1, {"b": null}]}', "{}"]


def test_white_space_does_not_go_on_for_ever() -> None:
    assert accepted({"type": "object"}, ["{" + " " * 5 + "}", "{\n" + " " * 100 + "}", "{ }"]) == ["{ }"]
