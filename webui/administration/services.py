"""Changes to the site's settings."""

from __future__ import annotations

from django.conf import settings

from webui.accounts.models import User
from webui.administration.errors import SettingLocked
from webui.administration.models import SiteSetting


def change_setting(name: str, value: str, *, by: User) -> SiteSetting:
    """Raises SettingLocked when the environment pins the value."""
    _refuse_if_locked(name)
    row, _ = SiteSetting.objects.update_or_create(name=name, defaults={"value": value, "changed_by": by})
    return row


def reset_setting(name: str) -> None:
    """Return to the default. Raises SettingLocked when the environment pins the value."""
    _refuse_if_locked(name)
    SiteSetting.objects.filter(name=name).delete()


def _refuse_if_locked(name: str) -> None:
    if name in settings.HEARTH_PINNED_SETTINGS:
        raise SettingLocked(name)
