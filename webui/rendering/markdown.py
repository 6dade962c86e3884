"""Markdown to safe HTML: CommonMark, GFM's tables, strikethrough and task lists, footnotes, formulas, citations.

Raw HTML is off. Images are never loaded, they become links: an address in an answer can carry away what the answer
knows.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, MutableMapping, Sequence
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from . import limits
from .autolinks import bare_addresses
from .citations import citation_chip, citation_marks
from .code import render_code
from .delimiters import math_delimiters
from .emphasis import cjk_emphasis
from .folding import text_width
from .html_words import html_words
from .links import hidden_host
from .math import render_math, tex_as_code
from .sanitize import LINK_REL, clean, is_allowed_link

Env = MutableMapping[str, Any]
LONG_CELL_WIDTH = 18
"""A cell with more characters is kept from becoming as thin as a word, also where lines break after each of them."""


def render_markdown(text: str, *, citations: Collection[int] = ()) -> SafeString:
    """Return the HTML of a whole answer. Same text, same HTML; takes 2-3 ms per 1000 characters.

    Args:
        citations: Numbers that may become chips. Marks with other numbers stay text.
    """
    size = limits.TextSize()
    size.add(text)
    if size.is_too_large:
        return clean(plain_block(text, _("This text is too long to lay out; it is shown as it is.")))
    env: Env = {"citations": frozenset(citations), "docId": f"{zlib.crc32(text.encode('utf-8', 'replace')):08x}"}
    return clean(whole_parser.render(text, env))


def render_plain(text: str) -> SafeString:
    """Return text as a person typed it: nothing is markup, line breaks and spaces stay."""
    return clean(f'<div class="plain-text">{escape(text)}</div>')


def plain_block(text: str, note: str) -> str:
    return (
        f'<div class="plain-block"><p class="plain-block__note">{escape(note)}</p>'
        f'<pre tabindex="0">{_protect_newline(escape(text))}</pre></div>\n'
    )


def _protect_newline(html: str) -> str:
    """HTML drops a newline right after `<pre>`."""
    return f"\n{html}" if html.startswith("\n") else html


class _Parser(MarkdownIt):
    """Leaves the choice of addresses to `_tame_links`, so that a refused link shows its label and not its source."""

    def validateLink(self, url: str) -> bool:  # noqa: N802  (the parser's own name)
        return True

    def block_tokens(self, source: str, env: Env | None = None) -> list[Token]:
        """Return the blocks without their inline content: a tenth of the cost of rendering."""
        tokens: list[Token] = []
        self.block.parse(source, self, {} if env is None else env, tokens)
        return tokens


def build_parser(*, footnotes: bool) -> _Parser:
    md = _Parser("commonmark", {"html": False, "xhtmlOut": False, "maxNesting": 100, "tasklists": True})
    md.enable(["table", "strikethrough"])
    md.disable(["html_block", "html_inline"])
    md.use(math_delimiters).use(citation_marks).use(bare_addresses).use(cjk_emphasis).use(html_words)
    if footnotes:
        md.use(footnote_plugin, inline=False)
    md.block.ruler.before("table", "too_deep", _too_deep_rule)
    md.core.ruler.after("block", "cap_blocks", _cap_blocks)
    md.core.ruler.push("tame_links", _tame_links)
    md.core.ruler.push("directions", _set_directions)
    for name, rule in _RENDER_RULES.items():
        md.add_render_rule(name, rule)
    return md


# ---- caps -----------------------------------------------------------------------------------------------------------


def _too_deep_rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Take the rest of the container as text: beyond its own limit the parser would drop it without a word."""
    if silent or state.level < limits.MAX_BLOCK_NESTING:
        return False
    token = state.push("plain_block", "", 0)
    token.content = state.getLines(start_line, end_line, state.blkIndent, False)
    token.map = [start_line, end_line]
    token.info = "deep"
    state.line = end_line
    return True


def _cap_blocks(state: StateCore) -> None:
    """Replace top-level blocks that cost too much by their source, before their inline content is parsed."""
    capped: list[Token] = []
    lines: list[str] | None = None
    for block in top_level_blocks(state.tokens):
        cells = sum(token.type in {"th_open", "td_open"} for token in block)
        if cells <= limits.MAX_TABLE_CELLS:
            capped += [_capped_inline(token) for token in block]
            continue
        lines = state.src.split("\n") if lines is None else lines
        start, end = block[0].map or (0, len(lines))
        token = Token("plain_block", "", 0, block=True, map=[start, end], info="table")
        token.content = "\n".join(lines[start:end])
        capped.append(token)
    state.tokens = capped


def _capped_inline(token: Token) -> Token:
    if token.type == "inline" and len(token.content) > limits.MAX_INLINE_CHARS:
        token.type = "long_text"
    return token


def top_level_blocks(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the tokens of each block that lies in no other."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


# ---- links and images -----------------------------------------------------------------------------------------------


def _tame_links(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = list(_tamed(token.children))


def _tamed(tokens: list[Token]) -> Iterator[Token]:
    """Let links go to other sites only, in a new tab; let others be their label; turn images into links.

    A link says where it goes: its title is the address, and behind a name that is another address stands the host.
    """
    open_links: list[bool] = []
    address = ""
    label: list[Token] = []
    formulas = 0
    for token in tokens:
        if token.type == "link_open":
            address, label = str(token.attrs.get("href", "")), []
            is_kept = is_allowed_link(address)
            open_links.append(is_kept)
            if is_kept:
                token.attrs |= {"target": "_blank", "rel": LINK_REL}
                if token.markup != "autolink":
                    token.attrs["title"] = address
        if token.type in {"link_open", "link_close"} and not (open_links[-1] if open_links else True):
            if token.type == "link_close":
                open_links.pop()
            continue
        if token.type == "link_close" and open_links:
            open_links.pop()
        if token.type == "image":
            token.meta = {"is_in_link": bool(open_links) and open_links[-1]}
        if token.type in {"math_inline", "math_display"}:
            formulas += 1
            token.meta = {"is_shown": formulas <= limits.MAX_FORMULAS_PER_INLINE}
        label.append(token)
        yield token
        if token.type == "link_close" and (host := hidden_host("".join(_plain_words(label)), address)):
            yield Token("text", "", 0, level=token.level, content=f" ({host})")


def _set_directions(state: StateCore) -> None:
    """Let lists and quotes run as their first words do: their marks stand where reading begins."""
    for token in state.tokens:
        if token.type in {"bullet_list_open", "ordered_list_open", "blockquote_open"}:
            token.attrs["dir"] = "auto"


# ---- rendering of tokens --------------------------------------------------------------------------------------------


def _render_fence(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return render_code(tokens[index].content, tokens[index].info)


def _render_code_block(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return render_code(tokens[index].content, "")


def _render_plain_block(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    notes = {
        "table": _("This table is too large to lay out; it is shown as text."),
        "deep": _("This part is nested too deep to lay out; it is shown as text."),
    }
    return plain_block(tokens[index].content, notes[tokens[index].info])


def _render_long_text(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return escape(tokens[index].content)


def _render_math_inline(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    token = tokens[index]
    show = render_math if (token.meta or {}).get("is_shown", True) else tex_as_code
    return show(token.content, display=token.type == "math_display")


def _render_math_block(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    token = tokens[index]
    show = render_math if token.meta["is_closed"] else tex_as_code
    return f'<div class="math-block" tabindex="0">{show(token.content, display=True)}</div>\n'


def _render_citation(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return citation_chip(tokens[index].content)


def _render_image(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    token = tokens[index]
    address = str(token.attrs.get("src", ""))
    label = "".join(_plain_words(token.children or [])).strip() or _("Image")
    if token.meta.get("is_in_link") or not is_allowed_link(address):
        return f'<span class="image-link">{escape(label)}</span>'
    return (
        f'<a class="image-link" href="{escape(address)}" title="{escape(address)}" target="_blank" rel="{LINK_REL}">'
        f"{escape(label)}</a>"
    )


def _plain_words(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type in {"softbreak", "hardbreak"}:
            yield " "
        elif token.children:
            yield from _plain_words(token.children)
        else:
            yield token.content


def _render_table_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return '<div class="table-block" dir="auto"><div class="table-scroll" tabindex="0"><table>\n'


def _render_table_close(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return (
        '</table></div><div class="table-block__actions">'
        f'<button type="button" class="table-block__copy">{escape(_("Copy"))}</button>'
        f'<button type="button" class="table-block__download">{escape(_("Download as CSV"))}</button></div></div>\n'
    )


def _render_cell_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    """Say the alignment as a class: the page's policy allows no style attributes."""
    token = tokens[index]
    alignment = str(token.attrs.get("style", "")).removeprefix("text-align:")
    classes = [f"align-{alignment}"] if alignment else []
    if text_width(tokens[index + 1].content) > LONG_CELL_WIDTH:
        classes.append("long-cell")
    css_class = f' class="{" ".join(classes)}"' if classes else ""
    scope = ' scope="col"' if token.tag == "th" else ""
    return f"<{token.tag}{scope}{css_class}>"


def _render_footnotes_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return '<section class="footnotes" role="doc-endnotes">\n<ol class="footnotes-list">\n'


def _render_footnote_caption(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env
) -> str:
    return str(tokens[index].meta["id"] + 1)


def _render_footnote_anchor(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    meta = tokens[index].meta
    name = f"{env['docId']}-{meta['id'] + 1}" + (f":{meta['subId']}" if meta.get("subId") else "")
    label = escape(_("Back to the text"))
    return f' <a href="#fnref-{name}" class="footnote-backref" aria-label="{label}">\u21a9\ufe0e</a>'


def _render_list_item_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    """Give the box of a task a name; it stands for whether that is done, and cannot be changed."""
    opened = str(renderer.renderToken(tokens, index, options, env))
    is_done = tokens[index].meta.get("checked")
    if is_done is None:
        return opened
    name, checked = (_("Done"), ' checked=""') if is_done else (_("To do"), "")
    box = f'<input class="task-list-item-checkbox" disabled="" type="checkbox"{checked} aria-label="{escape(name)}">'
    return f"{opened}{box} "


_RENDER_RULES = {
    "list_item_open": _render_list_item_open,
    "fence": _render_fence,
    "code_block": _render_code_block,
    "plain_block": _render_plain_block,
    "long_text": _render_long_text,
    "math_inline": _render_math_inline,
    "math_display": _render_math_inline,
    "math_block": _render_math_block,
    "citation": _render_citation,
    "image": _render_image,
    "table_open": _render_table_open,
    "table_close": _render_table_close,
    "th_open": _render_cell_open,
    "td_open": _render_cell_open,
    "footnote_anchor": _render_footnote_anchor,
    "footnote_block_open": _render_footnotes_open,
    "footnote_caption": _render_footnote_caption,
}

whole_parser = build_parser(footnotes=True)
stream_parser = build_parser(footnotes=False)
"""Without footnotes: while an answer is written, their definitions are still to come. Till then they are text."""
