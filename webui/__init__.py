"""Hearth: a self-hosted web chat over your own models and documents."""

from __future__ import annotations

__version__ = "0.1.0"
