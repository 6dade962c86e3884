"""Turns what a model wrote into HTML that is safe to put into a page.

No models, no requests: text in, `SafeString` out. Everything that leaves has passed `sanitize.clean`.
"""

from __future__ import annotations

from .citations import cited_numbers
from .folding import is_long
from .incremental import IncrementalRenderer, RenderedUpdate
from .markdown import render_markdown, render_plain
from .plain_text import plain_text
from .previews import FRAME_POLICY, preview_document, previewed_source

__all__ = [
    "FRAME_POLICY",
    "IncrementalRenderer",
    "RenderedUpdate",
    "cited_numbers",
    "is_long",
    "plain_text",
    "preview_document",
    "previewed_source",
    "render_markdown",
    "render_plain",
]
