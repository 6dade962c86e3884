"""The values a Go template works on, and how Go sees them: what is true, what they print, what their JSON is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

from inference.runner.go_template.errors import GoTemplateError


class NoValue:
    """A key that its map does not have."""


NO_VALUE = NoValue()


class Record:
    """A struct: it has certain fields and no others.

    Attributes:
        json: What the `json` function makes of it, and what it prints.
    """

    def __init__(self, type_name: str, fields: Mapping[str, Any], json: Any) -> None:
        self.type_name = type_name
        self.fields = fields
        self.json = json


class JsonMap(dict[str, Any]):
    """A map that prints as JSON, as the arguments of calls do."""


class JsonList(list[Any]):
    """A list that prints as JSON, as the list of tools does."""


class PropertyType(list[str]):
    """The `type` of a JSON schema: one name as a rule, which prints as itself."""


def is_true(value: Any) -> bool:
    if value is NO_VALUE or value is None:
        return False
    if isinstance(value, Record):
        return True
    return bool(value)


def field_of(value: Any, name: str) -> Any:
    if isinstance(value, Record):
        if name not in value.fields:
            raise GoTemplateError(f"can't evaluate field {name} in type {value.type_name}")
        return value.fields[name]
    if isinstance(value, Mapping):
        return value.get(name, NO_VALUE)
    if value is NO_VALUE or value is None:
        raise GoTemplateError(f"nil pointer evaluating interface {{}}.{name}")
    raise GoTemplateError(f"can't evaluate field {name} in type {type_name(value)}")


def type_name(value: Any) -> str:
    match value:
        case Record():
            return value.type_name
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case Mapping():
            return "map[string]interface {}"
        case list() | tuple():
            return "[]interface {}"
    return "nil"


def printed(value: Any, *, inside: bool = False) -> str:
    """Return what `{{ value }}` writes; `inside` of a list or a map."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return "<nil>" if inside else "<no value>"
        case NoValue():
            return "<no value>"
        case int():
            return str(value)
        case float():
            return _float(value)
        case PropertyType():
            return value[0] if len(value) == 1 else f"[{' '.join(value)}]" if value else ""
        case Record() | JsonMap() | JsonList():
            return to_json(value)
        case Mapping():
            pairs = (f"{key}:{printed(value[key], inside=True)}" for key in sorted(value))
            return f"map[{' '.join(pairs)}]"
        case list() | tuple():
            return f"[{' '.join(printed(item, inside=True) for item in value)}]"
    raise GoTemplateError(f"can't print {type_name(value)}")


def _float(value: float) -> str:
    """Return a number as Go's %v does: the shortest text that reads back, with an exponent only beyond 1e21."""
    if not isfinite(value):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(value)]
    is_usual = value == 0 or 1e-4 <= abs(value) < 1e21
    return format(Decimal(repr(value)), "f").removesuffix(".0") if is_usual else repr(value)


_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def to_json(value: Any) -> str:
    """Return JSON as Go writes it: no spaces, and `<`, `>` and `&` escaped."""
    try:
        text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise GoTemplateError("a number has no JSON") from None
    return text.translate(_ESCAPES)


def _plain(value: Any) -> Any:
    match value:
        case Record():
            return _plain(value.json)
        case NoValue():
            return None
        case PropertyType():
            return value[0] if len(value) == 1 else list(value)
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value
