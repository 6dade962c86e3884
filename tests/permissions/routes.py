"""Every address of the site with ids put into it, found by introspection: a new one is covered from its first day."""

from __future__ import annotations

import functools
import itertools
import re
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from django import forms
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import IntConverter, PathConverter, SlugConverter, StringConverter, UUIDConverter

OTHERS = {IntConverter: 1, SlugConverter: "seven", StringConverter: "seven", PathConverter: "seven"}


@dataclass(frozen=True)
class Route:
    name: str
    parameters: tuple[tuple[str, type], ...]

    @property
    def ids(self) -> list[str]:
        return [name for name, converter in self.parameters if converter is UUIDConverter]

    def url(self, ids: Iterable[str]) -> str:
        given = iter(ids)
        values = {
            name: next(given) if converter is UUIDConverter else OTHERS[converter]
            for name, converter in self.parameters
        }
        return reverse(self.name, kwargs=values)


def routes() -> list[Route]:
    """Return the addresses of members; what is for administrators alone is proved by the access matrix."""
    return all_routes("member")


def all_routes(whose: Literal["member", "administrator"]) -> list[Route]:
    """Return the addresses of members, or those that are for administrators alone."""
    is_for_administrators = whose == "administrator"
    return [
        route
        for route in _walk(get_resolver().url_patterns, "")
        if route.name.startswith("administration:") == is_for_administrators
    ]


def _walk(patterns: list[URLPattern | URLResolver], namespace: str) -> Iterator[Route]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, inner)
        else:
            converters = pattern.pattern.converters.items()
            parameters = tuple((name, type(converter)) for name, converter in converters)
            yield Route(f"{namespace}{pattern.name}", parameters)


def with_ids(
    route: Route, pool: Sequence[str], inner: Sequence[str] | None = None, leading: Collection[str] | None = None
) -> Iterator[tuple[str, ...]]:
    """Yield the ways to put the ids of a pool into an address; where it takes two, the second comes from `inner`.

    With `leading`, ids that are not among them stand before one of `inner` only.
    """
    second = pool if inner is None else inner
    for ids in itertools.product(*([pool] + [second] * (len(route.ids) - 1))[: len(route.ids)]):
        if leading is None or len(ids) < 2 or ids[0] in leading or ids[1] == second[0]:
            yield ids


def filled(value: str, **fields: str) -> str:
    """Return a body with a value in every field of every form of the site, and others in these."""
    return urlencode(dict.fromkeys(_field_names(), value) | fields)


@functools.cache
def _field_names() -> list[str]:
    """Return the names of all fields of all forms of the site, which is what bodies are made of, and some besides."""
    classes: list[type] = [forms.BaseForm]
    names = {"document", "documents", "knowledge", "target", "folder", "chat", "all", "q", "before", "passage"}
    while classes:
        found = classes.pop()
        classes += found.__subclasses__()
        if found.__module__.startswith("webui."):
            names |= set(getattr(found, "base_fields", {}))
    return sorted(names)


NOBODYS = str(uuid.UUID(int=7))
"""An id that nothing has."""
_TABLES_WITH_IDS = re.compile(r'"(\w+)"\."uuid"')


@contextmanager
def tables_looked_into() -> Iterator[set[str]]:
    """Note the tables in which addresses look for the id that nothing has, as they are asked for it."""
    tables: set[str] = set()

    def note(
        execute: Callable[..., object], sql: str, params: object, many: bool, context: dict[str, object]
    ) -> object:
        if uuid.UUID(NOBODYS).hex in str(params).replace("-", ""):
            tables.update(_TABLES_WITH_IDS.findall(sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield tables
