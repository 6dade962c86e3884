"""The functions that a chat template may call: those of text/template, and Ollama's own.

Source: https://pkg.go.dev/text/template#hdr-Functions; ollama's template/template.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import quote_plus

from inference.runner.go_template.errors import GoTemplateError
from inference.runner.go_template.values import (
    NO_VALUE,
    PropertyType,
    Record,
    is_true,
    printed,
    to_json,
    type_name,
)

MAX_WIDTH = 1000

_VERB = re.compile(r"%([-+# 0]*)([0-9]*)(?:\.([0-9]*))?(.|$)", re.DOTALL)
_BASIC = (bool, int, float, str)


def _kind(value: Any) -> type:
    if value is NO_VALUE or value is None:
        return type(None)
    return next((kind for kind in _BASIC if isinstance(value, kind)), object)


def _equal(first: Any, second: Any) -> bool:
    kinds = _kind(first), _kind(second)
    if type(None) in kinds:
        return kinds[0] is kinds[1]
    if object in kinds or kinds[0] is not kinds[1]:
        raise GoTemplateError(f"incompatible types for comparison: {type_name(first)} and {type_name(second)}")
    return bool(first == second)


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise GoTemplateError("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _less(first: Any, second: Any) -> bool:
    kind = _kind(first)
    if kind is not _kind(second) or kind not in (int, float, str):
        raise GoTemplateError(f"incompatible types for comparison: {type_name(first)} and {type_name(second)}")
    return bool(first < second)


def _len(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Mapping | list | tuple):
        return len(value)
    raise GoTemplateError(f"len of type {type_name(value)}")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = _indexed(value, key)
    return value


def _indexed(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        if not isinstance(key, str):
            raise GoTemplateError(f"{type_name(key)} is no key of {type_name(value)}")
        return value.get(key, NO_VALUE)
    if not isinstance(value, str | list | tuple):
        raise GoTemplateError(f"can't index item of type {type_name(value)}")
    sequence = value.encode() if isinstance(value, str) else value
    return sequence[_position(key, len(sequence) - 1)]


def _slice(value: Any, *bounds: Any) -> Any:
    if not isinstance(value, str | list | tuple) or len(bounds) > 2:
        raise GoTemplateError(f"can't slice item of type {type_name(value)}")
    sequence = value.encode() if isinstance(value, str) else value
    end = _position(bounds[1], len(sequence)) if len(bounds) > 1 else len(sequence)
    start = _position(bounds[0], end) if bounds else 0
    cut = sequence[start:end]
    return cut.decode("utf-8", "replace") if isinstance(cut, bytes) else cut


def _position(value: Any, highest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise GoTemplateError(f"cannot index slice/array with type {type_name(value)}")
    if not 0 <= value <= highest:
        raise GoTemplateError(f"index out of range: {value}")
    return value


def _print(*values: Any) -> str:
    text = ""
    for number, value in enumerate(values):
        apart = number and not isinstance(value, str) and not isinstance(values[number - 1], str)
        text += (" " if apart else "") + printed(value)
    return text


def _println(*values: Any) -> str:
    return " ".join(map(printed, values)) + "\n"


def _printf(layout: Any, *values: Any) -> str:
    if not isinstance(layout, str):
        raise GoTemplateError("printf wants a string first")
    rest = iter(values)
    n_taken = 0

    def written(match: re.Match[str]) -> str:
        nonlocal n_taken
        flags, width, precision, verb = match.groups()
        if verb == "%":
            return "%"
        if max(int(width or 0), int(precision or 0)) > MAX_WIDTH:
            raise GoTemplateError("printf with a width without end")
        n_taken += 1
        if n_taken > len(values):
            return f"%!{verb}(MISSING)"
        return _padded(_verb(next(rest), verb, flags, precision), flags, int(width or 0))

    text = _VERB.sub(written, layout)
    extra = ", ".join(f"{type_name(value)}={printed(value)}" for value in rest)
    return f"{text}%!(EXTRA {extra})" if extra else text


def _verb(value: Any, verb: str, flags: str, precision: str | None) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if verb in "vs" and (verb == "v" or not is_number):
        text = printed(value)
        return text[: int(precision or 0)] if precision is not None and verb == "s" else text
    if verb == "q" and isinstance(value, str):
        return to_json(value).replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&")
    if verb in "dxXobc" and is_number and isinstance(value, int):
        return format(value, ("+" if "+" in flags and verb == "d" else "") + verb)
    if verb in "feEgG" and isinstance(value, float):
        return format(value, ("+" if "+" in flags else "") + f".{precision or 6}{verb}")
    if verb == "t" and isinstance(value, bool):
        return printed(value)
    if verb == "T":
        return type_name(value)
    return f"%!{verb}({type_name(value)}={printed(value)})"


def _padded(text: str, flags: str, width: int) -> str:
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags and text.lstrip("+-").replace(".", "", 1).isdigit():
        return text.zfill(width)
    return text.rjust(width)


def _current_date(*_layout: Any) -> str:
    return f"{datetime.now().astimezone():%Y-%m-%d}"


def _yesterday_date(*_layout: Any) -> str:
    return f"{datetime.now().astimezone() - timedelta(days=1):%Y-%m-%d}"


_TYPESCRIPT = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "array": "any[]",
    "object": "Record<string, any>",
    "null": "null",
}


def _typescript_type(schema: Any) -> str:
    """Return the type of a tool's parameter as TypeScript writes it."""
    if not isinstance(schema, Record) or schema.type_name != "api.ToolProperty":
        return "any"
    if schema.fields["AnyOf"]:
        return " | ".join(map(_typescript_type, schema.fields["AnyOf"]))
    names = schema.fields["Type"]
    known = names if isinstance(names, PropertyType) else PropertyType()
    return " | ".join(_TYPESCRIPT.get(name, "any") for name in known) or "any"


def _not(value: Any) -> bool:
    return not is_true(value)


FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int, int]] = {
    "eq": (_eq, 1, 100),
    "ne": (lambda first, second: not _equal(first, second), 2, 2),
    "lt": (_less, 2, 2),
    "le": (lambda first, second: not _less(second, first), 2, 2),
    "gt": (lambda first, second: _less(second, first), 2, 2),
    "ge": (lambda first, second: not _less(first, second), 2, 2),
    "not": (_not, 1, 1),
    "len": (_len, 1, 1),
    "index": (_index, 1, 100),
    "slice": (_slice, 1, 3),
    "print": (_print, 0, 100),
    "println": (_println, 0, 100),
    "printf": (_printf, 1, 100),
    "html": (lambda *values: escape(_print(*values)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"), 0, 100),
    "urlquery": (lambda *values: quote_plus(_print(*values)), 0, 100),
    "json": (to_json, 1, 1),
    "currentDate": (_current_date, 0, 1),
    "yesterdayDate": (_yesterday_date, 0, 1),
    "toTypeScriptType": (_typescript_type, 1, 1),
}
"""The functions with the least and the most arguments that each takes. `and` and `or` are the evaluator's own."""
