"""Bring a JSON schema into a flat form: no references, no allOf, anyOf or oneOf, but a list of plain alternatives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, cast
from urllib.parse import unquote

from inference.errors import InvalidRequest
from inference.runner.json_formats import FORMATS
from inference.runner.number_grammar import LONGEST_BOUND, Bounds

Schema = Mapping[str, Any] | bool
Type = Literal["null", "boolean", "integer", "number", "string", "array", "object"]
TYPES: tuple[Type, ...] = ("null", "boolean", "integer", "number", "string", "array", "object")

MAX_ALTERNATIVES = 256
MAX_NESTING = 64
MAX_PARTS = 50_000
MAX_DISTANCE = 6
"""How deep two alternatives of oneOf are compared."""

_UNHONOURED = (
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "maxContains",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "maxProperties",
    "minProperties",
    "multipleOf",
    "patternProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "$dynamicRef",
    "$recursiveRef",
)
_HARMLESS: Mapping[str, tuple[object, ...]] = {
    "uniqueItems": (False,),
    "minProperties": (0,),
    "minContains": (0,),
    "unevaluatedProperties": (True,),
    "unevaluatedItems": (True,),
    "dependentRequired": ({},),
    "dependentSchemas": ({},),
    "dependencies": ({},),
    "patternProperties": ({},),
    "propertyNames": ({}, True),
}
_TYPE_OF_KEYWORD: Mapping[str, tuple[Type, ...]] = {
    **dict.fromkeys(("properties", "required", "additionalProperties"), ("object",)),
    **dict.fromkeys(("items", "prefixItems", "additionalItems", "minItems", "maxItems"), ("array",)),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), ("string",)),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), ("integer", "number")),
}
_COMBINING = ("$ref", "allOf", "anyOf", "oneOf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """What one plain schema demands.

    Attributes:
        types: The types that a value may have.
        values: The values it may have, as JSON; None is any.
        additional: The schema of properties that are not listed; None is not said.
        rest: The schema of items behind the first ones.
        patterns: Regular expressions that all have to be found, formats among them.
        origin: The reference that this is as a whole; None when it is more than a reference.
    """

    types: frozenset[Type] = frozenset(TYPES)
    values: tuple[str, ...] | None = None
    properties: Mapping[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    additional: Schema | None = None
    first: Sequence[Schema] = ()
    rest: Schema = True
    min_items: int = 0
    max_items: int | None = None
    min_length: int = 0
    max_length: int | None = None
    patterns: tuple[str, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    origin: str | None = None

    @property
    def is_open(self) -> bool:
        """True when properties that are not listed may be there."""
        return self.additional not in (None, False) or (self.additional is None and not self.properties)

    @property
    def binds_strings(self) -> bool:
        return bool(self.patterns or self.min_length) or self.max_length is not None

    @property
    def binds_parts(self) -> bool:
        """True when it says something of the members or items of a value."""
        binds_members = self.properties or self.required or self.additional is not None
        return (
            bool(binds_members or self.first or self.min_items) or self.rest is not True or self.max_items is not None
        )


def refuse(keyword: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"the schema in format cannot be honoured: {keyword} {why}")


class Flattener:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._n_parts = 0

    def flatten(self, schema: Schema, nesting: int = 0, above: frozenset[str] = frozenset()) -> list[Flat]:
        """Return the alternatives of a schema; none when no value satisfies it.

        Raises:
            InvalidRequest: It is malformed, or has a keyword that cannot be honoured.
        """
        self._n_parts += 1
        if self._n_parts > MAX_PARTS:
            raise refuse("it", f"has more than {MAX_PARTS:,} parts, those counted that are used again")
        if isinstance(schema, bool):
            return [Flat()] if schema else []
        if not isinstance(schema, Mapping):
            raise refuse("a schema", "must be an object, true or false")
        if nesting > MAX_NESTING:
            raise refuse("it", f"is nested deeper than {MAX_NESTING} levels")
        if is_reference(schema):
            return [replace(Flat(), origin=_text(schema, "$ref"))]
        found = [_plain(schema)]
        if "$ref" in schema:
            found = self._both(found, self._target(_text(schema, "$ref"), nesting, above), nesting, above)
        for part in _schemas(schema, "allOf"):
            found = self._both(found, self.flatten(part, nesting + 1, above), nesting, above)
        for keyword in ("anyOf", "oneOf"):
            if keyword not in schema:
                continue
            choices = [self.flatten(part, nesting + 1, above) for part in _schemas(schema, keyword)]
            if keyword == "oneOf":
                self._check_apart(choices)
            found = self._both(found, [flat for choice in choices for flat in choice], nesting, above)
        return found

    def target(self, reference: str) -> Schema:
        """Return the schema that a reference names. Raises InvalidRequest when there is none in this document."""
        if not reference.startswith("#") or (len(reference) > 1 and reference[1] != "/"):
            raise refuse("$ref", f"{reference[:80]!r} does not point into the same schema, as #/$defs/… does")
        place: Any = self._root
        for step in unquote(reference[2:]).split("/") if len(reference) > 1 else ():
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(place, list) and key.isdecimal() and int(key) < len(place):
                place = place[int(key)]
            elif isinstance(place, Mapping) and key in place:
                place = place[key]
            else:
                raise refuse("$ref", f"{reference[:80]!r} points to nothing")
        if not isinstance(place, Mapping | bool):
            raise refuse("$ref", f"{reference[:80]!r} does not point to a schema")
        return place

    def _target(self, reference: str, nesting: int, above: frozenset[str]) -> list[Flat]:
        if reference in above:
            raise refuse("$ref", f"{reference[:80]!r} refers to itself")
        found = self.flatten(self.target(reference), nesting + 1, above | {reference})
        return [flat for part in found for flat in self._whole(part, nesting, above | {reference})]

    def _whole(self, flat: Flat, nesting: int, above: frozenset[str]) -> list[Flat]:
        """Return the alternatives behind one that only refers to them."""
        return [flat] if flat.origin is None else self._target(flat.origin, nesting + 1, above)

    def _both(self, left: list[Flat], right: list[Flat], nesting: int, above: frozenset[str]) -> list[Flat]:
        """Return what satisfies an alternative of each side."""
        if left == [Flat()]:
            return _bounded(right)
        if right == [Flat()]:
            return left
        left = [part for flat in left for part in self._whole(flat, nesting, above)]
        right = [part for flat in right for part in self._whole(flat, nesting, above)]
        _bounded([*left, *right])
        merged = [_merged(one, other) for one in left for other in right]
        return _bounded([flat for flat in merged if flat.types and flat.values != ()])

    def _check_apart(self, choices: Sequence[Sequence[Flat]]) -> None:
        """Raise InvalidRequest when a value made for one alternative of oneOf might satisfy another one too."""
        for index, choice in enumerate(choices):
            for other_index, other in enumerate(choices):
                if index != other_index and not self._are_apart(choice, other, 0):
                    first, second = sorted((index + 1, other_index + 1))
                    raise refuse("oneOf", f"may match both its alternatives {first} and {second}; anyOf allows that")

    def _are_apart(self, made: Iterable[Flat], other: Iterable[Flat], distance: int) -> bool:
        """Return whether nothing that is made for one schema satisfies another; False when that is not sure."""
        if distance > MAX_DISTANCE:
            return False
        left = [part for flat in made for part in self._whole(flat, 0, frozenset())]
        right = [part for flat in other for part in self._whole(flat, 0, frozenset())]
        return all(self._is_apart(one, two, distance) for one in left for two in right)

    def _is_apart(self, made: Flat, other: Flat, distance: int) -> bool:
        types = _common_types(made.types, other.types)
        if not types:
            return True
        if made.values is not None and other.values is not None:
            return not set(made.values) & set(other.values)
        if made.values is not None:
            return not any(_type_of(json.loads(value)) & types for value in made.values)
        if types != {"object"}:
            return False
        if any(name not in made.properties and not made.is_open for name in other.required):
            return True
        if other.additional is False and any(name not in other.properties for name in made.required):
            return True
        shared = [name for name in made.required if name in other.properties and name in made.properties]
        return any(
            self._are_apart(self.flatten(made.properties[name]), self.flatten(other.properties[name]), distance + 1)
            for name in shared
        )


def is_reference(schema: Schema) -> bool:
    """Return whether a schema says nothing beside where the real one is."""
    if isinstance(schema, bool) or "$ref" not in schema:
        return False
    return not any(
        key in _TYPE_OF_KEYWORD or key in _UNHONOURED or key in ("type", "enum", "const", "allOf", "anyOf", "oneOf")
        for key in schema
    )


def as_json(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # They are the same number, in JSON Schema too.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def _bounded(flats: list[Flat]) -> list[Flat]:
    if len(flats) > MAX_ALTERNATIVES:
        raise refuse("it", f"has more than {MAX_ALTERNATIVES} alternatives in one place")
    return flats


def _plain(schema: Mapping[str, Any]) -> Flat:
    """Read what a schema says itself, beside its references and alternatives."""
    for keyword in _UNHONOURED:
        if keyword in schema and schema[keyword] not in _HARMLESS.get(keyword, ()):
            raise refuse(keyword, "is not supported")
    first, rest = _items(schema)
    minimum, maximum = _number(schema, "minimum"), _number(schema, "maximum")
    low, excludes_low = _bound(schema, "exclusiveMinimum", minimum, max)
    high, excludes_high = _bound(schema, "exclusiveMaximum", maximum, min)
    return Flat(
        types=_types(schema),
        values=_values(schema),
        properties=_properties(schema),
        required=_required(schema),
        additional=_schema(schema, "additionalProperties"),
        first=first,
        rest=rest,
        min_items=_count(schema, "minItems") or 0,
        max_items=_count(schema, "maxItems"),
        min_length=_count(schema, "minLength") or 0,
        max_length=_count(schema, "maxLength"),
        patterns=_patterns(schema),
        bounds=Bounds(low=low, high=high, excludes_low=excludes_low, excludes_high=excludes_high),
    )


def _types(schema: Mapping[str, Any]) -> frozenset[Type]:
    given = schema.get("type")
    if given is None:
        # Such keywords only bind values of their type, but whoever writes them means that type.
        implied = [types for keyword, types in _TYPE_OF_KEYWORD.items() if keyword in schema]
        has_values = "enum" in schema or "const" in schema
        return (
            frozenset(name for types in implied for name in types) if implied and not has_values else frozenset(TYPES)
        )
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(name in TYPES for name in names):
        raise refuse("type", f"must be one of {', '.join(TYPES)}, or a list of them")
    return frozenset(cast(list[Type], names))


def _values(schema: Mapping[str, Any]) -> tuple[str, ...] | None:
    values: list[object] | None = None
    if "enum" in schema:
        values = schema["enum"]
        if not isinstance(values, list):
            raise refuse("enum", "must be a list")
    if "const" in schema:
        const = schema["const"]
        values = [const] if values is None or as_json(const) in map(as_json, values) else []
    if values is None:
        return None
    allowed = _types(schema)
    return tuple(dict.fromkeys(as_json(value) for value in values if _type_of(value) & allowed))


def _type_of(value: object) -> frozenset[Type]:
    match value:
        case None:
            return frozenset({"null"})
        case bool():
            return frozenset({"boolean"})
        case int():
            return frozenset({"integer", "number"})
        case float():
            return frozenset({"integer", "number"} if value.is_integer() else {"number"})
        case str():
            return frozenset({"string"})
        case list():
            return frozenset({"array"})
        case _:
            return frozenset({"object"})


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Schema]:
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping) or not all(isinstance(part, Mapping | bool) for part in properties.values()):
        raise refuse("properties", "must be an object of schemas")
    return properties


def _required(schema: Mapping[str, Any]) -> tuple[str, ...]:
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise refuse("required", "must be a list of names")
    return tuple(dict.fromkeys(required))


def _items(schema: Mapping[str, Any]) -> tuple[Sequence[Schema], Schema]:
    """Return the schemas of the first items, and that of all others; older drafts write both as `items`."""
    if isinstance(schema.get("items"), list):
        rest = _schema(schema, "additionalItems")
        return _schemas(schema, "items"), True if rest is None else rest
    rest = _schema(schema, "items")
    first = _schemas(schema, "prefixItems") if "prefixItems" in schema else ()
    return first, True if rest is None else rest


def _patterns(schema: Mapping[str, Any]) -> tuple[str, ...]:
    patterns = [_text(schema, "pattern")] if "pattern" in schema else []
    if "format" in schema:
        name = _text(schema, "format")
        if name not in FORMATS:
            raise refuse("format", f"{name[:40]!r} is not supported; {', '.join(FORMATS)} are")
        patterns.append(FORMATS[name])
    return tuple(patterns)


def _bound(
    schema: Mapping[str, Any], keyword: str, inclusive: Decimal | None, tighter: Any
) -> tuple[Decimal | None, bool]:
    """Return one end of the range of numbers, and whether it is left out itself."""
    value = schema.get(keyword)
    if isinstance(value, bool):  # As draft 4 has it.
        return inclusive, value and inclusive is not None
    exclusive = _number(schema, keyword)
    if exclusive is None or (
        inclusive is not None and exclusive != inclusive and tighter(exclusive, inclusive) == inclusive
    ):
        return inclusive, False
    return exclusive, True


def _number(schema: Mapping[str, Any], keyword: str) -> Decimal | None:
    value = schema.get(keyword)
    if value is None:
        return None
    try:
        number = Decimal(repr(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except (InvalidOperation, ValueError):  # Python does not spell integers of thousands of digits.
        number = None
    if number is None or not number.is_finite():
        raise refuse(keyword, "must be a number")
    if len(f"{number:f}") > LONGEST_BOUND:
        raise refuse(keyword, f"has more than {LONGEST_BOUND} digits")
    return number


def _count(schema: Mapping[str, Any], keyword: str) -> int | None:
    value = schema.get(keyword)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise refuse(keyword, "must be a whole number, and not negative")
    return value


def _text(schema: Mapping[str, Any], keyword: str) -> str:
    value = schema[keyword]
    if not isinstance(value, str):
        raise refuse(keyword, "must be a text")
    return value


def _schema(schema: Mapping[str, Any], keyword: str) -> Schema | None:
    value = schema.get(keyword)
    if value is None or isinstance(value, Mapping | bool):
        return value
    raise refuse(keyword, "must be a schema")


def _schemas(schema: Mapping[str, Any], keyword: str) -> Sequence[Schema]:
    values = schema.get(keyword, [])
    if not isinstance(values, list) or not all(isinstance(value, Mapping | bool) for value in values):
        raise refuse(keyword, "must be a list of schemas")
    if keyword in schema and not values and keyword in _COMBINING:
        raise refuse(keyword, "must not be empty")
    return values


def _common_types(left: frozenset[Type], right: frozenset[Type]) -> frozenset[Type]:
    common = left & right
    if ("number" in left and "integer" in right) or ("integer" in left and "number" in right):
        common |= {"integer"}
    return common


def _merged(left: Flat, right: Flat) -> Flat:
    """Return what satisfies both."""
    types = _common_types(left.types, right.types)
    return Flat(
        types=types,
        values=_common_values(left.values, right.values, types),
        properties=_merged_properties(left, right),
        required=tuple(dict.fromkeys([*left.required, *right.required])),
        additional=_all_of(left.additional, right.additional),
        first=_merged_first(left, right),
        rest=_all_of(left.rest, right.rest) or False,
        min_items=max(left.min_items, right.min_items),
        max_items=_least(left.max_items, right.max_items),
        min_length=max(left.min_length, right.min_length),
        max_length=_least(left.max_length, right.max_length),
        patterns=tuple(dict.fromkeys([*left.patterns, *right.patterns])),
        bounds=_merged_bounds(left.bounds, right.bounds),
    )


def _common_values(
    left: tuple[str, ...] | None, right: tuple[str, ...] | None, types: frozenset[Type]
) -> tuple[str, ...] | None:
    if left is None and right is None:
        return None
    values = left if right is None else right if left is None else [value for value in left if value in right]
    return tuple(value for value in values or () if _type_of(json.loads(value)) & types)


def _merged_properties(left: Flat, right: Flat) -> Mapping[str, Schema]:
    merged: dict[str, Schema] = {}
    for name in [*left.properties, *right.properties]:
        parts = [
            flat.properties.get(name, True if flat.additional is None else flat.additional) for flat in (left, right)
        ]
        both = _all_of(*parts)
        merged[name] = True if both is None else both
    return merged


def _merged_first(left: Flat, right: Flat) -> Sequence[Schema]:
    merged: list[Schema] = []
    for index in range(max(len(left.first), len(right.first))):
        parts = [flat.first[index] if index < len(flat.first) else flat.rest for flat in (left, right)]
        both = _all_of(*parts)
        merged.append(True if both is None else both)
    return merged


def _merged_bounds(left: Bounds, right: Bounds) -> Bounds:
    low = max((bound for bound in (left.low, right.low) if bound is not None), default=None)
    high = min((bound for bound in (left.high, right.high) if bound is not None), default=None)
    return Bounds(
        low=low,
        high=high,
        excludes_low=any(side.excludes_low and side.low == low for side in (left, right)),
        excludes_high=any(side.excludes_high and side.high == high for side in (left, right)),
    )


def _all_of(left: Schema | None, right: Schema | None) -> Schema | None:
    if left is None or left is True:
        return right if right is not None else left
    if right is None or right is True or left == right:
        return left
    return False if left is False or right is False else {"allOf": [left, right]}


def _least(left: int | None, right: int | None) -> int | None:
    return min((bound for bound in (left, right) if bound is not None), default=None)
