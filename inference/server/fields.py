"""Typed fields of JSON objects from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from inference.errors import InvalidRequest

T = TypeVar("T")

_TYPE_NAMES = {list: "an array", dict: "an object", str: "a string", bool: "true or false", int: "a whole number"}


def typed_field(body: Mapping[str, Any], name: str, kind: type[T], default: T) -> T:
    """Return a field of a certain type; null counts as missing."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InvalidRequest(f"{name} must be {_TYPE_NAMES[kind]}")
    return value


def objects(body: Mapping[str, Any], name: str, *, at_most: int) -> list[Mapping[str, Any]]:
    """Return a field that is an array of objects, empty when missing."""
    values = typed_field(body, name, list, [])
    if len(values) > at_most:
        raise InvalidRequest(f"{name} may hold at most {at_most} entries")
    if not all(isinstance(value, dict) for value in values):
        raise InvalidRequest(f"each of {name} must be an object")
    return values
