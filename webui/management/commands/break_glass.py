"""`hearth break_glass EMAIL`: let an administrator in when nobody can sign in any more."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webui.accounts.services import let_in
from webui.management.errors import CheckFailed
from webui.management.passwords import refuse_bad_email


class Command(BaseCommand):
    help = (
        "Let somebody in as an administrator with a new password, when nobody else can. Suspension, role, former"
        " password, sessions and API keys of that person do not matter any more. The audit log tells of it."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="of an account, or of one to create")

    def handle(self, *, email: str, **options: Any) -> None:
        try:
            refuse_bad_email(email, name="EMAIL")
        except CheckFailed as exc:
            raise CommandError(str(exc)) from exc
        user, password = let_in(email)
        self.stdout.write(f"{user.email} administrates now. Password: {password}")
        self.stdout.write("Sign in and change it: it stands in the history of this terminal.")
