"""Site settings with the place their value comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.db import connection

from webui.administration.declarations import BY_NAME, DECLARATIONS, Declaration
from webui.administration.models import SiteSetting

_VALUE = f"SELECT value FROM {SiteSetting._meta.db_table} WHERE name = %s"  # noqa: S608  (our own table)

Provenance = Literal["default", "environment", "administrator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveSetting:
    """A setting as it is in force now."""

    declaration: Declaration
    value: str
    provenance: Provenance
    row: SiteSetting | None = None

    @property
    def is_locked(self) -> bool:
        return self.provenance == "environment"


def site_setting(name: str) -> str:
    """Return the value in force; one query unless the environment pins it. Raises KeyError for unknown names."""
    declaration = BY_NAME[name]
    if name in settings.HEARTH_PINNED_SETTINGS:
        return str(settings.HEARTH_PINNED_SETTINGS[name])
    with connection.cursor() as cursor:
        # Before every answer from documents: the ORM takes ten times as long as the database.
        cursor.execute(_VALUE, [name])
        row = cursor.fetchone()
    return row[0] if row and _may_be(declaration, row[0]) else declaration.default


def effective_settings() -> list[EffectiveSetting]:
    """Return every setting, in the order of their declaration."""
    rows = {row.name: row for row in SiteSetting.objects.select_related("changed_by")}
    return [_effective(declaration, rows.get(declaration.name)) for declaration in DECLARATIONS]


def _effective(declaration: Declaration, row: SiteSetting | None) -> EffectiveSetting:
    pinned = settings.HEARTH_PINNED_SETTINGS.get(declaration.name)
    if pinned is not None:
        return EffectiveSetting(declaration=declaration, value=pinned, provenance="environment")
    if row is None or not _may_be(declaration, row.value):
        return EffectiveSetting(declaration=declaration, value=declaration.default, provenance="default")
    return EffectiveSetting(declaration=declaration, value=row.value, provenance="administrator", row=row)


def _may_be(declaration: Declaration, value: str) -> bool:
    return not declaration.choices or value in dict(declaration.choices)
