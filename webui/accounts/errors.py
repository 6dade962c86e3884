"""What can go wrong with people.

AccountError
├── SignUpClosed        an administrator has closed sign-up
├── EmailTaken          somebody has that address already
├── GroupNameTaken      there is a group of that name
└── LastAdministrator   the change would leave the site without an administrator
"""

from __future__ import annotations


class AccountError(Exception):
    """Base of all errors here."""


class SignUpClosed(AccountError):
    pass


class EmailTaken(AccountError):
    pass


class GroupNameTaken(AccountError):
    pass


class LastAdministrator(AccountError):
    pass
