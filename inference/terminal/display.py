"""How a chat is shown; nothing of it reaches the model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Display:
    """The switches of `/set`, and of the flags with the same names.

    Attributes:
        is_verbose: Tell counts, durations and rates after each answer.
        keeps_history: Write the questions to the history file.
    """

    is_verbose: bool = False
    wraps_words: bool = True
    hides_thinking: bool = False
    keeps_history: bool = True
