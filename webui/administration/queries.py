"""Site settings with the place their value comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.db import connection

from webui.administration.declarations import BY_NAME, DECLARATIONS, Declaration
from webui.administration.models import SettingChange, SiteSetting

MAX_HISTORY = 50

_VALUE = f"SELECT value FROM {SiteSetting._meta.db_table} WHERE name = %s"  # noqa: S608  (our own table)

Provenance = Literal["default", "environment", "file", "administrator"]
"""Of "file", the file of variables is meant, which the environment outweighs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveSetting:
    """A setting as it is in force now."""

    declaration: Declaration
    value: str
    provenance: Provenance
    row: SiteSetting | None = None

    @property
    def is_locked(self) -> bool:
        return self.provenance in ("environment", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class PastChange:
    """One entry of a setting's history, in words."""

    declaration: Declaration
    change: SettingChange

    @property
    def value(self) -> str:
        return self.declaration.in_words(self.change.value)

    @property
    def former(self) -> str:
        return self.declaration.in_words(self.change.former)

    @property
    def can_be_chosen(self) -> bool:
        """Whether the value still is one that the setting can have."""
        return self.change.value is None or _may_be(self.declaration, self.change.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenVariable:
    """A variable of the environment. `shown` is empty for a secret."""

    name: str
    shown: str
    is_from_file: bool


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


def history_of(declaration: Declaration) -> list[PastChange]:
    """Return the latest changes of a setting, the newest first."""
    changes = SettingChange.objects.filter(name=declaration.name)[:MAX_HISTORY]
    return [PastChange(declaration=declaration, change=change) for change in changes]


def given_variables() -> list[GivenVariable]:
    """Return what the environment and its file have given to the site, by name."""
    return [
        GivenVariable(name=name, shown=shown, is_from_file=name in settings.HEARTH_ENV_FILE_DECIDES)
        for name, shown in settings.HEARTH_GIVEN_VARIABLES.items()
    ]


def _effective(declaration: Declaration, row: SiteSetting | None) -> EffectiveSetting:
    pinned = settings.HEARTH_PINNED_SETTINGS.get(declaration.name)
    if pinned is not None:
        provenance: Provenance = "file" if declaration.variable in settings.HEARTH_ENV_FILE_DECIDES else "environment"
        return EffectiveSetting(declaration=declaration, value=pinned, provenance=provenance)
    if row is None or not _may_be(declaration, row.value):
        return EffectiveSetting(declaration=declaration, value=declaration.default, provenance="default")
    return EffectiveSetting(declaration=declaration, value=row.value, provenance="administrator", row=row)


def _may_be(declaration: Declaration, value: str) -> bool:
    return not declaration.choices or value in dict(declaration.choices)
