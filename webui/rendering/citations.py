"""Citation marks, in all forms of `rag.answers.markers`, become chips: never in code, formulas or links."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from django.utils.html import format_html
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from rag.answers.markers import MARKER, numbers_of

_CHIP = re.compile(r'<button type="button" class="citation" data-citation="(\d+)"')
# Marks in other brackets than the ones of Markdown.
_WIDE = re.compile("[【［(（]")


def citation_marks(md: MarkdownIt) -> None:
    """Add the rules to a parser. The numbers come as `env["citations"]`; they make `citation` tokens."""
    # Before links: a line "[1]: …" would make a link of every [1].
    md.inline.ruler.before("link", "citation", _citation_rule)
    md.core.ruler.after("inline", "wide_citations", _wide_rule)


def _citation_rule(state: StateInline, silent: bool) -> bool:
    known = state.env.get("citations")
    if not known or state.linkLevel > 0 or state.src[state.pos] != "[":
        return False
    if silent:
        return False  # asked for the end of a link's label, where a mark is only a pair of brackets
    match = MARKER.match(state.src, state.pos, state.posMax)
    if match is None or _is_footnote(state, match[0]):
        return False
    numbers = numbers_of(match, known)
    for number in numbers:
        state.push("citation", "button", 0).content = str(number)
    state.pos = match.end() if numbers else state.pos
    return bool(numbers)


def _is_footnote(state: StateInline, mark: str) -> bool:
    return mark.startswith("[^") and f":{mark[2:-1]}" in state.env.get("footnotes", {}).get("refs", {})


def _wide_rule(state: StateCore) -> None:
    known = state.env.get("citations")
    if not known:
        return
    for token in state.tokens:
        if token.type == "inline" and token.children and _WIDE.search(token.content):
            token.children = list(_with_chips(token.children, known))


def _with_chips(tokens: list[Token], known: Collection[int]) -> Iterator[Token]:
    n_open_links = 0
    for token in tokens:
        if token.type in {"link_open", "link_close"}:
            n_open_links += token.nesting
        if token.type == "text" and not n_open_links and _WIDE.search(token.content):
            yield from _cut(token, known)
        else:
            yield token


def _cut(text: Token, known: Collection[int]) -> Iterator[Token]:
    end = 0
    for match in MARKER.finditer(text.content):
        numbers = numbers_of(match, known)
        if not numbers:
            continue
        yield Token("text", "", 0, level=text.level, content=text.content[end : match.start()])
        for number in numbers:
            yield Token("citation", "button", 0, level=text.level, content=str(number))
        end = match.end()
    yield Token("text", "", 0, level=text.level, content=text.content[end:])


def citation_chip(number: str) -> str:
    return format_html(
        '<button type="button" class="citation" data-citation="{}" aria-label="{}">{}</button>',
        number,
        _("Citation %(number)s") % {"number": number},
        number,
    )


def cited_numbers(html: str) -> tuple[int, ...]:
    """Return the numbers of the chips in what was rendered, each once, by first mention."""
    return tuple(dict.fromkeys(map(int, _CHIP.findall(html))))
