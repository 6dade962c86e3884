"""What can go wrong with people.

AccountError
├── SignUpClosed        an administrator has closed sign-up
├── EmailTaken          somebody has that address already
├── GroupNameTaken      there is a group of that name
├── NotPermitted        an administrator has given this to others only
└── LastAdministrator   the change would leave the site without an administrator
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class AccountError(Exception):
    """Base of all errors here."""


class SignUpClosed(AccountError):
    pass


class EmailTaken(AccountError):
    pass


class GroupNameTaken(AccountError):
    pass


class NotPermitted(AccountError, PermissionDenied):
    """Answered with 403. `action` says what was refused, as the permission is called."""

    def __init__(self, action: str | _StrPromise) -> None:
        super().__init__(str(action))
        self.action = action


class LastAdministrator(AccountError):
    pass
