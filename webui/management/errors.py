"""Why the installation does not start. The message is the sentence that the operator reads.

OperationError
├── CheckFailed         a condition on this machine is not met
└── MigrationFailed     the database could not be brought to this version
"""

from __future__ import annotations


class OperationError(Exception):
    """Base of all errors here."""


class CheckFailed(OperationError):
    pass


class MigrationFailed(OperationError):
    pass
