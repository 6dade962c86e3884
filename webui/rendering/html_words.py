"""The little HTML that models write for want of Markdown: `<br>`, above all in tables, `<sub>`, `<sup>` and `<kbd>`.

They become tokens of ours, without attributes; all other HTML stays text.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

_BREAK = re.compile(r"<br ?/?>", re.I)
_WORD = re.compile(r"<(sub|sup|kbd)>([^<>\n]{1,80})</\1>", re.I)


def html_words(md: MarkdownIt) -> None:
    """Add the rule to a parser."""
    md.inline.ruler.before("autolink", "html_word", _html_word_rule)


def _html_word_rule(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "<":
        return False
    if found := _BREAK.match(state.src, state.pos, state.posMax):
        if not silent:
            state.push("hardbreak", "br", 0)
    elif found := _WORD.match(state.src, state.pos, state.posMax):
        if not silent:
            tag = found[1].lower()
            state.push("html_word_open", tag, 1)
            state.push("text", "", 0).content = found[2]
            state.push("html_word_close", tag, -1)
    else:
        return False
    state.pos = found.end()
    return True
