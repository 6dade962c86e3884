from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.database import put_database
from tests.factories import PASSWORD, make_user
from tests.management.commands import hearth
from webui.accounts import audit
from webui.accounts.audit_events import Event
from webui.accounts.keys import create_key
from webui.accounts.models import ApiKey, AuditRecord, Role, Roster, User
from webui.management.errors import CheckFailed
from webui.management.preparing import prepare


def add_user(monkeypatch: pytest.MonkeyPatch, *arguments: str, password: str = PASSWORD) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    call_command("adduser", *arguments, "--password-stdin", stdout=io.StringIO())


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role.values)
def test_a_person_is_added_with_a_role(monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    add_user(monkeypatch, "Alice@Example.org", "--role", role)

    user = User.objects.get()
    assert (user.email, user.role) == ("alice@example.org", role)
    assert user.check_password(PASSWORD)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("email", "password", "problem"),
    [
        ("nonsense", PASSWORD, "EMAIL is not an e-mail address"),
        ("alice@example.org", "short", "The password is not good enough"),
        ("alice@example.org", "", "The password is not good enough"),
        ("bob@example.org", PASSWORD, "has an account already"),
    ],
)
def test_a_wrong_person_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, email: str, password: str, problem: str
) -> None:
    make_user(email="bob@example.org")

    with pytest.raises(CommandError, match=problem):
        add_user(monkeypatch, email, password=password)
    assert User.objects.count() == 1


def break_glass(email: str) -> str:
    """Return the password that was printed."""
    out = io.StringIO()
    call_command("break_glass", email, stdout=out)
    told = re.match(r"(\S+) administrates now\. Password: (\S+)\n", out.getvalue())
    assert told is not None
    assert told[1] == email.lower()
    return told[2]


@pytest.mark.django_db
def test_who_is_locked_out_is_let_in_as_an_administrator(client: Client) -> None:
    locked = make_user(email="ann@example.org", role=Role.PENDING, is_active=False)
    create_key(locked, name="Left behind", scopes=[ApiKey.Scope.MANAGEMENT])
    client.force_login(locked)

    password = break_glass("Ann@example.org")

    assert client.get("/administration/people/").status_code == 302
    assert not ApiKey.objects.exists()
    assert not locked.check_password(password)
    signed_in = client.post(reverse("account_login"), {"login": "ann@example.org", "password": password})
    assert signed_in.status_code == 302
    assert client.get("/administration/people/").status_code == 200
    row = AuditRecord.objects.get(event=Event.LET_IN)
    assert (row.actor, password in str(vars(row))) == (audit.COMMAND_LINE, False)


@pytest.mark.django_db
def test_an_administrator_is_made_where_nobody_has_the_address(client: Client) -> None:
    password = break_glass("root@example.org")

    client.post(reverse("account_login"), {"login": "root@example.org", "password": password})
    assert client.get("/administration/people/").status_code == 200
    # Who comes next is not the first person of the site.
    assert Roster.objects.get().setup_finished_at is not None


@pytest.mark.django_db
def test_nobody_is_let_in_by_nonsense() -> None:
    with pytest.raises(CommandError, match="EMAIL is not an e-mail address"):
        break_glass("nonsense")

    assert not User.objects.exists()


def provision(settings: Settings, email: str, password: str) -> list[str]:
    settings.HEARTH_ADMIN_EMAIL, settings.HEARTH_ADMIN_PASSWORD = email, password
    said: list[str] = []
    prepare(said.append)
    return said


@pytest.mark.django_db(transaction=True)
def test_the_first_administrator_comes_from_the_environment_once(settings: Settings) -> None:
    first = provision(settings, "root@example.org", PASSWORD)
    second = provision(settings, "root@example.org", "a later password changes nothing")

    assert any("The first administrator is root@example.org." in line for line in first)
    assert not any("administrator is" in line for line in second)
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("email", "password"), [("nonsense", PASSWORD), ("root@example.org", "12345678")])
def test_wrong_provisioning_stops_the_start(settings: Settings, email: str, password: str) -> None:
    with pytest.raises(CheckFailed, match="HEARTH_ADMIN_") as refused:
        provision(settings, email, password)

    assert "12345678" not in str(refused.value)
    assert not User.objects.exists()


def test_the_password_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    put_database(tmp_path / "data" / "hearth.sqlite3")

    prepared = hearth(
        tmp_path / "data", "prepare", HEARTH_ADMIN_EMAIL="root@example.org", HEARTH_ADMIN_PASSWORD_FILE=str(secret)
    )

    assert prepared.returncode == 0
    assert "The first administrator is root@example.org." in prepared.stdout
    assert PASSWORD not in prepared.stdout + prepared.stderr
