"""What is refused about presets.

PresetError
├── CommandTaken           another prompt of the same person has it
├── ImportRefused          the file as a whole cannot be read
├── PictureRefused
└── TooManyPresets
"""

from __future__ import annotations


class PresetError(Exception):
    """Base of all errors here."""


class CommandTaken(PresetError):
    def __init__(self, command: str) -> None:
        super().__init__(command)
        self.command = command


class ImportRefused(PresetError):
    """`problem` is one of the three."""

    TOO_LARGE = "too_large"
    NO_JSON = "no_json"
    NOTHING = "nothing"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class PictureRefused(PresetError):
    """`problem` is one of the two."""

    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class TooManyPresets(PresetError):
    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit
