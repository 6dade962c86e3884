"""Makes the data folder fit for this version: migrations and the first administrator. Cheap when it is already."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from webui.accounts.errors import EmailTaken
from webui.accounts.services import ensure_first_administrator
from webui.management.errors import CheckFailed
from webui.management.migrating import migrate
from webui.management.passwords import refuse_bad_email, refuse_bad_password


def prepare(say: Callable[[str], None]) -> None:
    """Raises OperationError."""
    is_new = (
        settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
        and not (settings.HEARTH_DATA / "hearth.sqlite3").exists()
    )
    if is_new:
        say(f"The data folder {settings.HEARTH_DATA} is new: the first account becomes the administrator.")
    if applied := migrate(data_folder=settings.HEARTH_DATA, snapshots=settings.HEARTH_SNAPSHOTS):
        say(f"The database is ready ({len(applied)} migrations applied).")
    if settings.HEARTH_ADMIN_EMAIL:
        _create_administrator(say)


def _create_administrator(say: Callable[[str], None]) -> None:
    email, password = settings.HEARTH_ADMIN_EMAIL, settings.HEARTH_ADMIN_PASSWORD
    refuse_bad_email(email, name="HEARTH_ADMIN_EMAIL")
    refuse_bad_password(password, email=email, name="HEARTH_ADMIN_PASSWORD")
    try:
        user = ensure_first_administrator(email=email, password=password)
    except EmailTaken as exc:
        raise CheckFailed(f"HEARTH_ADMIN_EMAIL: {email} belongs to somebody who is no administrator.") from exc
    if user is not None:
        say(f"The first administrator is {user.email}.")
