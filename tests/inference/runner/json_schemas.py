"""JSON schemas for property tests: everything that a format can ask for, small enough to be answered quickly."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from inference.runner.json_formats import FORMATS

PATTERNS = ("^[a-c]{2,4}$", "^(x|yz)+$", "b[0-9]$", r"^\d{3}-\d{2}$", r"^[\w.]{1,5}@x$", '^"[^"]{0,2}"$', "^[^a]$")
NAMES = st.sampled_from(["a", "b", "ab", "name", "\u00fc", 'quo"te', "x y"])


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    return st.recursive(plain_schemas(), composed_schemas, max_leaves=6)


def plain_schemas() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.just({"type": "null"}),
        st.just({"type": "boolean"}),
        bounded("integer"),
        bounded("number"),
        lengths(3).map(lambda ends: {"type": "string", "minLength": ends[0], "maxLength": ends[1]}),
        st.sampled_from(PATTERNS).map(lambda pattern: {"type": "string", "pattern": pattern}),
        st.sampled_from(sorted(FORMATS)).map(lambda name: {"type": "string", "format": name}),
        st.lists(constants(), min_size=1, max_size=3).map(lambda values: {"enum": values}),
        constants().map(lambda value: {"const": value}),
    )


@st.composite
def bounded(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    number = st.integers(-1000, 1000) if kind == "integer" else st.integers(-10_000, 10_000).map(lambda n: n / 100)
    low, high = sorted([draw(number), draw(number)])
    schema: dict[str, Any] = {"type": kind}
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = low
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = high + 2
    return schema


def constants() -> st.SearchStrategy[Any]:
    scalars = st.one_of(st.none(), st.booleans(), st.integers(-50, 50), st.text(max_size=4).filter(is_text))
    return st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(NAMES, scalars, max_size=2))


def is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def lengths(most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, most), st.integers(0, most)).map(lambda ends: (min(ends), max(ends)))


def composed_schemas(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        objects(inner),
        st.tuples(inner, lengths(3)).map(
            lambda parts: {"type": "array", "items": parts[0], "minItems": parts[1][0], "maxItems": parts[1][1]}
        ),
        st.tuples(st.lists(inner, min_size=1, max_size=2), st.integers(0, 2)).map(
            lambda parts: {"prefixItems": parts[0], "items": False, "minItems": min(parts[1], len(parts[0]))}
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
        inner.map(lambda part: {"allOf": [part, {"title": "only a note"}]}),
        inner.map(lambda part: {"$defs": {"part": part}, "type": "array", "items": part, "maxItems": 1}),
    )


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    properties = draw(st.dictionaries(NAMES, inner, max_size=3))
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    schema["required"] = draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    schema["additionalProperties"] = draw(st.one_of(st.just(False), inner)) if draw(st.booleans()) else False
    return schema


def plainly(value: Any) -> str:
    """Spell a value in one of the ways that programs do."""
    return json.dumps(value, ensure_ascii=False)
