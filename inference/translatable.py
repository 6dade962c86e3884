"""Sentences for people that this package says in English, and pages translate."""

from __future__ import annotations


def gettext_noop(message: str) -> str:
    """Mark a sentence for the catalogues. Django's own needs settings, which are not there yet where these are read."""
    return message
