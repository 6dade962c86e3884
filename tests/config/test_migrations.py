"""What the migrations build is what the models say."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

OWN_PACKAGES = ("webui", "rag", "inference")
# The tables behind them are no model's, and differ from one database to the other.
NOT_FROM_MODELS = {("rag", "0002_lexical_index"), ("chats", "0002_search_index")}


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    # Exits, naming what is missing, when there is any.
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=1)


@pytest.mark.django_db
def test_nothing_is_released_so_each_app_has_its_first_migration_alone() -> None:
    own = {app.label for app in apps.get_app_configs() if app.name.split(".")[0] in OWN_PACKAGES}
    loader = MigrationLoader(connection)

    migrations = {key for key in loader.disk_migrations if key[0] in own}

    assert migrations - NOT_FROM_MODELS == {(label, "0001_initial") for label, _ in migrations}
