"""What can go wrong with a Go template."""

from __future__ import annotations


class GoTemplateError(Exception):
    """The template is no template, or cannot be run; the text tells why and, where known, in which line."""
