"""Makes the data folder fit for this version: migrations and the first administrator. Cheap when it is already."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.db import OperationalError, connection

from webui.accounts.errors import EmailTaken
from webui.accounts.services import ensure_first_administrator
from webui.management.errors import CheckFailed
from webui.management.migrating import migrate
from webui.management.passwords import refuse_bad_email, refuse_bad_password

DATABASE_PATIENCE_S = 120.0
DATABASE_POLL_S = 0.5


def prepare(say: Callable[[str], None]) -> None:
    """Raises OperationError."""
    is_new = (
        settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
        and not (settings.HEARTH_DATA / "hearth.sqlite3").exists()
    )
    if is_new:
        say(f"The data folder {settings.HEARTH_DATA} is new: the first account becomes the administrator.")
    # To ask SQLite is to make its file, so only now.
    _wait_for_database(say)
    if applied := migrate(data_folder=settings.HEARTH_DATA, snapshots=settings.HEARTH_SNAPSHOTS):
        say(f"The database is ready ({len(applied)} migrations applied).")
    if settings.HEARTH_ADMIN_EMAIL:
        _create_administrator(say)


def _wait_for_database(say: Callable[[str], None]) -> None:
    """Wait for a database server that is started beside us. Raises CheckFailed when it stays away.

    A supervisor that starts us again instead would wait longer every time, for minutes in the end.
    """
    patience_ends = time.monotonic() + DATABASE_PATIENCE_S
    told = ""
    while problem := _database_problem():
        if time.monotonic() > patience_ends:
            raise CheckFailed(f"The database does not answer: {problem}.")
        if problem != told:
            say(f"Waiting for the database: {problem}.")
            told = problem
        time.sleep(DATABASE_POLL_S)


def _database_problem() -> str:
    """Return the first line of what the driver says, which holds no password; empty when connected."""
    try:
        connection.ensure_connection()
    except OperationalError as exc:
        return str(exc).strip().partition("\n")[0].rstrip(".")
    return ""


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
