"""What can go wrong in administration.

AdministrationError
└── SettingLocked     an environment variable pins that setting
"""

from __future__ import annotations


class AdministrationError(Exception):
    """Base of all errors here."""


class SettingLocked(AdministrationError):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
