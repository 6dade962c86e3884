from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from tests.database import put_database
from tests.factories import make_user
from tests.management.commands import ROOT, hearth
from webui.accounts.models import User
from webui.management import migrating

PASSWORD_LINE = "a long enough password\n"


def content_of(database: Path) -> list[str]:
    connection = sqlite3.connect(database)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of this version with one person in it."""
    data = tmp_path_factory.mktemp("prepared") / "data"
    put_database(data / "hearth.sqlite3")
    assert hearth(data, "adduser", "alice@example.org", "--password-stdin", stdin=PASSWORD_LINE).returncode == 0
    return data


def test_a_failing_migration_leaves_the_database_as_it_was(prepared: Path) -> None:
    before = content_of(prepared / "hearth.sqlite3")

    failed = hearth(
        prepared, "prepare", DJANGO_SETTINGS_MODULE="tests.management.broken_settings", PYTHONPATH=str(ROOT)
    )

    assert failed.returncode == 1
    assert "could not be brought to this version" in failed.stderr
    assert "broken_first" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert content_of(prepared / "hearth.sqlite3") == before
    assert hearth(prepared, "prepare").returncode == 0


def test_the_snapshot_of_before_is_kept_and_hidden(prepared: Path) -> None:
    hearth(prepared, "prepare", DJANGO_SETTINGS_MODULE="tests.management.broken_settings", PYTHONPATH=str(ROOT))

    snapshot = sorted((prepared / "snapshots").iterdir())[-1]
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    assert content_of(snapshot) == content_of(prepared / "hearth.sqlite3")


def test_web_refuses_a_database_of_another_version(tmp_path: Path) -> None:
    refused = hearth(tmp_path / "data", "web", "--port", "1")

    assert refused.returncode == 1
    assert "The database is not at this version" in refused.stderr


def test_a_database_of_a_newer_version_is_refused(prepared: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "hearth.sqlite3").write_bytes((prepared / "hearth.sqlite3").read_bytes())
    connection = sqlite3.connect(data / "hearth.sqlite3")
    connection.execute(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('chats', '9999_future', '2030-01-01')"
    )
    connection.commit()
    connection.close()

    refused = hearth(data, "prepare")

    assert refused.returncode == 1
    assert "A newer version of Hearth has written this database (it knows chats.9999_future)" in refused.stderr


def test_a_new_folder_is_announced_and_needs_no_snapshot(tmp_path: Path) -> None:
    prepared = hearth(tmp_path / "data", "prepare")

    assert "is new: the first account becomes the administrator" in prepared.stdout
    assert not (tmp_path / "data" / "snapshots").exists()


@pytest.mark.django_db(transaction=True)
def test_only_the_newest_snapshots_are_kept(tmp_path: Path) -> None:
    made = [migrating.take_snapshot(tmp_path) for _ in range(migrating.SNAPSHOTS_KEPT + 2)]

    assert sorted(tmp_path.iterdir()) == made[2:]


@pytest.mark.django_db(transaction=True)
def test_the_snapshot_to_be_restored_makes_no_room(tmp_path: Path) -> None:
    wanted = migrating.take_snapshot(tmp_path)
    for _ in range(migrating.SNAPSHOTS_KEPT):
        migrating.take_snapshot(tmp_path, spare=wanted)

    assert wanted in tmp_path.iterdir()


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_brings_back_what_was_deleted(tmp_path: Path) -> None:
    make_user(email="alice@example.org")
    snapshot = migrating.take_snapshot(tmp_path)
    assert snapshot is not None
    User.objects.all().delete()

    migrating.restore_snapshot(snapshot)

    assert User.objects.get().email == "alice@example.org"


@pytest.mark.django_db
def test_a_database_of_this_version_lacks_nothing() -> None:
    assert migrating.unapplied_migrations() == []
    assert migrating.unknown_migrations() == []


def test_a_snapshot_is_restored_by_its_name_and_the_present_is_kept(prepared: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "snapshots").mkdir(parents=True)
    snapshot = data / "snapshots" / "hearth-20300101.sqlite3"
    snapshot.write_bytes((prepared / "hearth.sqlite3").read_bytes())
    put_database(data / "hearth.sqlite3")
    present = content_of(data / "hearth.sqlite3")

    restored = hearth(data, "restore", snapshot.name)

    assert restored.returncode == 0
    assert content_of(data / "hearth.sqlite3") == content_of(snapshot)
    assert any(content_of(path) == present for path in (data / "snapshots").iterdir() if path != snapshot)


def test_restoring_what_is_no_snapshot_changes_nothing(prepared: Path) -> None:
    before = content_of(prepared / "hearth.sqlite3")
    (prepared / "notes.sqlite3").write_bytes(b"these are notes, long enough to be looked at" * 100)

    missing = hearth(prepared, "restore", "nothing.sqlite3")
    broken = hearth(prepared, "restore", str(prepared / "notes.sqlite3"))

    assert (missing.returncode, broken.returncode) == (1, 1)
    assert "There is no snapshot" in missing.stderr
    assert "could not be restored" in broken.stderr
    assert content_of(prepared / "hearth.sqlite3") == before
