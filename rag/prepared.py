"""Statements of the ORM whose text is written once: to write the one that says who may read what takes 5 ms."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

# Stand where the values of each question go. No row has these numbers, and no text is like these.
SOMEBODY = -7_264_002
_LIST = "the numbers of {}"

_MEMBERS_OF_LIST = {
    "sqlite": "SELECT value FROM json_each(%s)",
    "postgresql": "SELECT value::bigint FROM json_array_elements_text(%s)",
}


def listed(name: str) -> Any:
    """Return what stands for a list of ids in `__in`; the statement does not grow with the list."""
    return RawSQL(_MEMBERS_OF_LIST[connection.vendor], [_LIST.format(name)])  # noqa: S611  (a closed set)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query with places for a person's id and for lists of ids. Rows come as the database gives them."""

    sql: str
    parameters: tuple[Any, ...]

    @classmethod
    def of(cls, query: QuerySet[Any, Any]) -> Self:
        """Take the statement of a query that was made for SOMEBODY and with `listed` ids."""
        sql, parameters = query.query.sql_with_params()
        return cls(sql, tuple(parameters))

    def rows(self, lists: Mapping[str, Collection[int]], *, user_id: int | None = None) -> list[tuple[Any, ...]]:
        values: dict[Any, Any] = {_LIST.format(name): json.dumps(list(ids)) for name, ids in lists.items()}
        if user_id is not None:
            values[SOMEBODY] = user_id
        with connection.cursor() as cursor:
            cursor.execute(self.sql, [values.get(parameter, parameter) for parameter in self.parameters])
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
