"""What can go wrong in administration.

AdministrationError
├── SettingLocked        an environment variable pins that setting
└── ConfigFileRefused    a file of settings cannot be applied
"""

from __future__ import annotations


class AdministrationError(Exception):
    """Base of all errors here."""


class SettingLocked(AdministrationError):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class ConfigFileRefused(AdministrationError):
    """Its text says what is wrong with the file, one problem a line, each to stand behind the name of the file."""
