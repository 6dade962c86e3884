"""Where a formula begins and ends in Markdown: `$..$`, `$$..$$`, `\\(..\\)`, `\\[..\\]`, and when a dollar is money.

A block formula starts a line with `$$` or `\\[`. TeX allows no blank line inside, and so the block ends there at the
latest (blank lines next to the delimiters are forgiven): an answer that is still being written cannot turn paragraphs
that were already shown into a formula.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

_CLOSING = {"$$": "$$", r"\[": r"\]", r"\(": r"\)"}
_PROSE = re.compile(r"[^\W\d_]{2,}[,;:]?\s+[^\W\d_]{2,}|^\d[\d.,]*\s.*[^\W\d_]{3,}", re.DOTALL)
_TEX_SIGN = re.compile(r"[\\^_={}<>|]")


def math_delimiters(md: MarkdownIt) -> None:
    """Add the rules to a parser; they make `math_block`, `math_display` and `math_inline` tokens with TeX inside."""
    md.block.ruler.before(
        "blockquote", "math_block", _block_rule, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    md.inline.ruler.before("escape", "math_bracket", _bracket_rule)
    md.inline.ruler.before("escape", "math_dollar", _dollar_rule)


def _block_rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if state.is_code_block(start_line):
        return False
    first = _line(state, start_line)
    opening = first[:2]
    if opening not in ("$$", r"\[") or first.startswith("$$$"):
        return False
    closing = _CLOSING[opening]
    rest = first[2:]
    if closing in rest:
        # On one line, and nothing may follow: otherwise it is part of a paragraph.
        tex, _, after = rest.partition(closing)
        if after.strip() or not tex.strip():
            return False
        if not silent:
            _push_block(state, start_line, start_line + 1, tex, opening, is_closed=True)
        return True
    if silent:
        return True
    body, next_line, is_closed = _body(state, start_line + 1, end_line, closing)
    _push_block(state, start_line, next_line, "\n".join([rest, *body]), opening, is_closed=is_closed)
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()


def _body(state: StateBlock, line: int, end_line: int, closing: str) -> tuple[list[str], int, bool]:
    """Return the lines up to the closing delimiter or the blank line, the next line, and whether it closed."""
    body: list[str] = []
    blank_from: int | None = None
    while line < end_line:
        if not state.isEmpty(line) and state.sCount[line] < state.blkIndent:
            break  # the list item or quote ends here
        text = _line(state, line)
        if closing in text:
            tex, _, after = text.partition(closing)
            if blank_from is not None and tex.strip():
                break
            body.append(tex)
            if after.strip():
                body.append(after)
            return body, line + 1, not after.strip()
        if text and blank_from is not None:
            break
        if not text and any(part.strip() for part in body):
            blank_from = line if blank_from is None else blank_from
        body.append(text)
        line += 1
    if blank_from is not None:
        return body[: len(body) - (line - blank_from)], blank_from, False
    return body, line, False


def _push_block(state: StateBlock, start: int, end: int, tex: str, opening: str, *, is_closed: bool) -> None:
    state.line = end
    token = state.push("math_block", "math", 0)
    token.block = True
    token.content = tex.strip()
    token.markup = opening
    token.map = [start, end]
    token.meta = {"is_closed": is_closed}


def _bracket_rule(state: StateInline, silent: bool) -> bool:
    opening = state.src[state.pos : state.pos + 2]
    if opening not in (r"\(", r"\["):
        return False
    end = state.src.find(_CLOSING[opening], state.pos + 2, state.posMax)
    if end < 0 or not state.src[state.pos + 2 : end].strip():
        return False
    return _push_inline(state, state.pos + 2, end, 2, display=opening == r"\[", silent=silent)


def _dollar_rule(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "$":
        return False
    if state.src.startswith("$$", state.pos):
        return _double_dollar(state, silent)
    return _single_dollar(state, silent)


def _double_dollar(state: StateInline, silent: bool) -> bool:
    start = state.pos + 2
    end = state.src.find("$$", start, state.posMax)
    if end < 0 or not state.src[start:end].strip():
        # Not a formula, and its second dollar does not open one either.
        return _as_text(state, 2, silent)
    return _push_inline(state, start, end, 2, display=True, silent=silent)


def _single_dollar(state: StateInline, silent: bool) -> bool:
    """Pandoc's rule (no space inside of the delimiters, no digit after the closing one), and no prose between."""
    start = state.pos + 1
    before = state.src[state.pos - 1] if state.pos else " "
    if start >= state.posMax or state.src[start].isspace() or (before.isalnum() and before.isascii()):
        return False
    end = _closing_dollar(state.src, start, state.posMax)
    if end < 0 or _is_money(state.src[start:end]):
        return False
    return _push_inline(state, start, end, 1, display=False, silent=silent)


def _closing_dollar(source: str, start: int, limit: int) -> int:
    position = source.find("$", start, limit)
    while position >= 0:
        following = source[position + 1 : position + 2]
        if source[position - 1] != "\\":
            closes = position > start and not source[position - 1].isspace() and not following.isdigit()
            # The first dollar decides: `$5 and $6 or x$` is not a formula that spans an amount.
            return position if closes and following != "$" else -1
        position = source.find("$", position + 1, limit)
    return -1


def _is_money(tex: str) -> bool:
    """Tell `$5, and (US$` from `$5 x$`: words in a row or after an amount, without anything of TeX."""
    return _PROSE.search(tex) is not None and _TEX_SIGN.search(tex) is None


def _as_text(state: StateInline, length: int, silent: bool) -> bool:
    if not silent:
        state.append_pending(state.src[state.pos : state.pos + length])
    state.pos += length
    return True


def _push_inline(state: StateInline, start: int, end: int, delimiter: int, *, display: bool, silent: bool) -> bool:
    if not silent:
        token = state.push("math_display" if display else "math_inline", "math", 0)
        token.content = state.src[start:end]
        token.markup = state.src[start - delimiter : start]
    state.pos = end + delimiter
    return True
