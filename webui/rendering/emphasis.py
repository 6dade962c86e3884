"""Emphasis next to Chinese, Japanese and Korean text.

CommonMark decides by spaces and punctuation whether `**` may open or close, and so leaves the asterisks of
`**注意：**这是` on the page: a closing mark after punctuation must be followed by a space, and such text has no spaces
between words. Here a CJK character beside the mark counts as a space would, and nothing else changes.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter

_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u303f\u3040-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)


def cjk_emphasis(md: MarkdownIt) -> None:
    """Replace the parser's own rule for `*`; `_` keeps it."""
    md.inline.ruler.before("emphasis", "cjk_emphasis", _asterisk_rule)


def _asterisk_rule(state: StateInline, silent: bool) -> bool:
    if silent or state.src[state.pos] != "*":
        return False
    end = state.pos
    while end < state.posMax and state.src[end] == "*":
        end += 1
    before = state.src[state.pos - 1] if state.pos else " "
    after = state.src[end] if end < state.posMax else " "
    if not (_CJK.match(before) or _CJK.match(after)):
        return False
    length = end - state.pos
    can_open, can_close = _flanks(before, after)
    for _ in range(length):
        state.push("text", "", 0).content = "*"
        state.delimiters.append(
            Delimiter(
                marker=ord("*"), length=length, token=len(state.tokens) - 1, end=-1, open=can_open, close=can_close
            )
        )
    state.pos = end
    return True


def _flanks(before: str, after: str) -> tuple[bool, bool]:
    """Return whether a run of marks may open and may close, CJK characters counting as spaces on the outer side."""
    before_is_loose = isWhiteSpace(ord(before)) or bool(_CJK.match(before)) or _is_punctuation(before)
    after_is_loose = isWhiteSpace(ord(after)) or bool(_CJK.match(after)) or _is_punctuation(after)
    can_open = not isWhiteSpace(ord(after)) and (not _is_punctuation(after) or before_is_loose)
    can_close = not isWhiteSpace(ord(before)) and (not _is_punctuation(before) or after_is_loose)
    return can_open, can_close


def _is_punctuation(letter: str) -> bool:
    return isMdAsciiPunct(ord(letter)) or isPunctChar(letter)
