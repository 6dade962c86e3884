"""Changes to the site's settings, each with an entry in the history."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.models import User
from webui.administration.errors import SettingLocked
from webui.administration.models import SettingChange, SiteSetting


def change_setting(name: str, value: str, *, by: User | None, file_name: str = "") -> None:
    """Choose a value; nothing happens where it is chosen already.

    Args:
        file_name: Where the value stands, when nobody chose it in the pages.

    Raises SettingLocked when the environment pins the value.
    """
    _refuse_if_locked(name)
    with transaction.atomic():
        row = SiteSetting.objects.select_for_update().filter(name=name).first()
        if row and row.value == value:
            return
        _keep_change(name, row.value if row else None, value, by, file_name)
        chosen = {"value": value, "changed_by": by, "file_name": file_name}
        SiteSetting.objects.update_or_create(name=name, defaults=chosen)


def reset_setting(name: str, *, by: User | None, file_name: str = "") -> None:
    """Return to the default. Raises SettingLocked when the environment pins the value."""
    _refuse_if_locked(name)
    with transaction.atomic():
        if row := SiteSetting.objects.select_for_update().filter(name=name).first():
            _keep_change(name, row.value, None, by, file_name)
            row.delete()


def _keep_change(name: str, former: str | None, value: str | None, by: User | None, file_name: str) -> None:
    SettingChange.objects.create(
        name=name, former=former, value=value, changed_by=by, person=str(by) if by else "", file_name=file_name
    )
    event = Event.SETTING_RESET if value is None else Event.SETTING_CHANGED
    record(event, name, detail=value or "", by=by or file_name or None)


def _refuse_if_locked(name: str) -> None:
    if name in settings.HEARTH_PINNED_SETTINGS:
        raise SettingLocked(name)
