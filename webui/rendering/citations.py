"""Citation marks: `[1]` and `[1, 3]` become chips, in text only and only for numbers that there are passages for."""

from __future__ import annotations

import re

from django.utils.html import format_html
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

_MARK = re.compile(r"\[(\d{1,4}(?:\s*,\s*\d{1,4}){0,9})\](?!\()")


def citation_marks(md: MarkdownIt) -> None:
    """Add the rule to a parser. The numbers come as `env["citations"]`; it makes `citation` tokens."""
    md.inline.ruler.before("link", "citation", _citation_rule)


def _citation_rule(state: StateInline, silent: bool) -> bool:
    known = state.env.get("citations")
    if not known or state.linkLevel > 0 or state.src[state.pos] != "[":
        return False
    if silent:
        return False  # asked for the end of a link's label, where a mark is only a pair of brackets
    match = _MARK.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    numbers = [int(number) for number in match[1].split(",")]
    if not all(number in known for number in numbers):
        return False
    for number in numbers:
        state.push("citation", "button", 0).content = str(number)
    state.pos = match.end()
    return True


def citation_chip(number: str) -> str:
    return format_html(
        '<button type="button" class="citation" data-citation="{}" aria-label="{}">{}</button>',
        number,
        _("Citation %(number)s") % {"number": number},
        number,
    )
