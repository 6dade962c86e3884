"""Site settings with the place their value comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.conf import settings

from webui.administration.declarations import BY_NAME, DECLARATIONS, Declaration
from webui.administration.models import SiteSetting

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
    row = SiteSetting.objects.filter(name=name).first()
    return _effective(declaration, row).value


def effective_settings() -> list[EffectiveSetting]:
    """Return every setting, in the order of their declaration."""
    rows = {row.name: row for row in SiteSetting.objects.select_related("changed_by")}
    return [_effective(declaration, rows.get(declaration.name)) for declaration in DECLARATIONS]


def _effective(declaration: Declaration, row: SiteSetting | None) -> EffectiveSetting:
    pinned = settings.HEARTH_PINNED_SETTINGS.get(declaration.name)
    if pinned is not None:
        return EffectiveSetting(declaration=declaration, value=pinned, provenance="environment")
    if row is None or (declaration.choices and row.value not in dict(declaration.choices)):
        return EffectiveSetting(declaration=declaration, value=declaration.default, provenance="default")
    return EffectiveSetting(declaration=declaration, value=row.value, provenance="administrator", row=row)
