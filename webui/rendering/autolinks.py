"""Bare `https://` addresses as links. Nothing else is linked unasked: no `www.`, no bare mail address, no bare domain.

An address ends before CJK punctuation, and its host before any CJK character, because Chinese and Japanese text has no
space there.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

_SCHEME = re.compile(r"(?<![A-Za-z0-9])https?$")
_ADDRESS = re.compile(
    r"://[A-Za-z0-9.\-]+(?::\d{1,5})?(?:[/?#][^\s<>\"`\\^{}|\u3000-\u303f\uff00-\uffef\u2018-\u201d]*)?"
)
_MAX_ADDRESS_CHARS = 2_000


def bare_addresses(md: MarkdownIt) -> None:
    """Add the rule to a parser."""
    md.inline.ruler.before("emphasis", "bare_address", _address_rule)


def _address_rule(state: StateInline, silent: bool) -> bool:
    if state.linkLevel > 0 or not state.src.startswith("://", state.pos):
        return False
    scheme = _SCHEME.search(state.pending[-6:])
    match = _ADDRESS.match(state.src, state.pos, min(state.posMax, state.pos + _MAX_ADDRESS_CHARS))
    if scheme is None or match is None:
        return False
    rest = _without_trailing_punctuation(match[0])
    if len(rest) < len("://a"):
        return False
    if not silent:
        address = scheme[0] + rest
        state.pending = state.pending[: -len(scheme[0])]
        opening = state.push("link_open", "a", 1)
        opening.attrs = {"href": state.md.normalizeLink(address)}
        opening.markup = opening.info = "autolink"
        state.push("text", "", 0).content = address
        closing = state.push("link_close", "a", -1)
        closing.markup = closing.info = "autolink"
    state.pos += len(rest)
    return True


def _without_trailing_punctuation(address: str) -> str:
    """Cut what belongs to the sentence: full stops, quotes, emphasis marks, brackets that were not opened inside."""
    brackets = {")": "(", "]": "["}
    opened = {sign: address.count(sign) for sign in "()[]"}
    end = len(address)
    while end:
        last = address[end - 1]
        if last in brackets:
            if opened[last] <= opened[brackets[last]]:
                break
            opened[last] -= 1
        elif last not in "?!.,:;*_~'$":
            break
        end -= 1
    return address[:end]
