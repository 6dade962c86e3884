"""What is refused about presets.

PresetError
├── PictureRefused
└── TooManyPresets
"""

from __future__ import annotations


class PresetError(Exception):
    """Base of all errors here."""


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
