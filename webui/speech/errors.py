"""What is refused about speech. What a voice server answers with is told by `inference.errors`.

SpeechError
├── NotOffered             no server is set for it
├── NothingHeard           there are no words in the recording
├── RecordingRefused       it is empty, too large, too long or no sound
└── TooOften               this person has asked for too much within a minute
"""

from __future__ import annotations


class SpeechError(Exception):
    """Base of all errors here."""


class NotOffered(SpeechError):
    pass


class NothingHeard(SpeechError):
    pass


class RecordingRefused(SpeechError):
    """`problem` is one of the four."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_LONG = "too_long"
    NO_SOUND = "no_sound"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class TooOften(SpeechError):
    pass
