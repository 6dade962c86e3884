"""E-mail addresses and passwords that come from a command line or the environment."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from webui.accounts.models import User
from webui.management.errors import CheckFailed


def refuse_bad_email(email: str, *, name: str) -> None:
    try:
        validate_email(email)
    except ValidationError as exc:
        raise CheckFailed(f"{name} is not an e-mail address: {email!r}.") from exc


def refuse_bad_password(password: str, *, email: str, name: str) -> None:
    """Hold it against the same rules as the sign-up page. The password itself is not repeated."""
    try:
        validate_password(password, User(email=email))
    except ValidationError as exc:
        raise CheckFailed(f"{name} is not good enough: {' '.join(exc.messages)}") from exc
