"""`hearth adduser EMAIL --role user --password-stdin`: create an account without the pages."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webui.accounts.errors import EmailTaken
from webui.accounts.models import Role
from webui.accounts.services import add_person
from webui.management.errors import CheckFailed
from webui.management.passwords import refuse_bad_email, refuse_bad_password


class Command(BaseCommand):
    help = "Create an account."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--role", choices=Role.values, default=Role.USER)
        parser.add_argument("--name", default="")
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read the password from standard input instead of asking."
        )

    def handle(self, *, email: str, role: str, name: str, password_stdin: bool, **options: Any) -> None:
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else getpass("Password: ")
        try:
            refuse_bad_email(email, name="EMAIL")
            refuse_bad_password(password, email=email, name="The password")
            user = add_person(email=email, password=password, role=Role(role), name=name)
        except CheckFailed as exc:
            raise CommandError(str(exc)) from exc
        except EmailTaken as exc:
            raise CommandError(f"{email} has an account already.") from exc
        self.stdout.write(f"{user.email} can sign in ({user.get_role_display()}).")
