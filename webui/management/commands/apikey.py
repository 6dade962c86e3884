"""`hearth apikey EMAIL --name N`: make an API key and print it, for automation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from webui.accounts.keys import create_key
from webui.accounts.models import ApiKey, User

USUAL = (ApiKey.Scope.ANSWERS, ApiKey.Scope.EMBEDDINGS)


class Command(BaseCommand):
    help = "Make an API key for somebody and print it. It is not shown again."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", required=True, help="What its owner knows it by.")
        parser.add_argument(
            "--scope",
            action="append",
            choices=ApiKey.Scope.values,
            help="What it may do; to ask and embed if none.",
        )
        parser.add_argument("--days", type=int, help="How long it works; for ever if not given.")

    def handle(self, *, email: str, name: str, scope: list[str] | None, days: int | None, **options: Any) -> None:
        owner = User.objects.filter(email=email.lower()).first()
        if owner is None:
            raise CommandError(f"Nobody here has the address {email}.")
        if not name.strip() or len(name) > 100:
            raise CommandError("--name must have between 1 and 100 characters.")
        if days is not None and not 1 <= days <= 36500:
            raise CommandError("--days must be between 1 and 36500.")
        scopes = [ApiKey.Scope(value) for value in scope or USUAL]
        expires_at = None if days is None else timezone.now() + timedelta(days=days)
        _key, token = create_key(owner, name=name.strip(), scopes=scopes, expires_at=expires_at)
        self.stdout.write(token)
