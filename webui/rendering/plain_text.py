"""Markdown to text without marks, for places that know none: lists stay lists, formulas are TeX, code is code."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from django.utils.translation import gettext as _
from markdown_it.token import Token

from .limits import TextSize
from .markdown import whole_parser
from .sanitize import is_allowed_link

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def plain_text(text: str, *, citations: Collection[int] = ()) -> str:
    """Return what a reader of the rendered answer reads. Cells of a table are parted by tabs, blocks by empty lines.

    Args:
        citations: As for `render_markdown`; marks look alike whether they are known or not.
    """
    size = TextSize()
    size.add(text)
    if size.is_too_large:
        return text
    tokens = whole_parser.parse(text, {"citations": frozenset(citations), "docId": ""})
    return _Blocks(tokens).read().strip("\n")


class _Blocks:
    """Goes through the block tokens once. A container gives its lines to the one around it, indented."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = iter(tokens)

    def read(self, until: str = "", *, is_tight: bool = False) -> str:
        """Return the blocks up to the closing token, with an empty line between them, or none in a tight list."""
        blocks: list[str] = []
        for token in self._tokens:
            if token.type == until:
                break
            if token.type == "paragraph_open":
                is_tight = is_tight or token.hidden
            block = self._block(token)
            if block:
                blocks.append(block)
        return ("\n" if is_tight else "\n\n").join(blocks)

    def _block(self, token: Token) -> str:
        match token.type:
            case "inline":
                return "".join(_inline(token.children or []))
            case "fence" | "code_block" | "plain_block" | "math_block" | "long_text":
                return token.content.strip("\n")
            case "hr":
                return "* * *"
            case "blockquote_open":
                return _indented(self.read("blockquote_close"), "> ", "> ")
            case "bullet_list_open" | "ordered_list_open":
                return self._list(token.type.replace("open", "close"))
            case "table_open":
                return self._table()
            case "footnote_open":
                mark = _superscript(token.meta["id"] + 1)
                return f"{mark} {self.read('footnote_close')}"
        return ""

    def _list(self, until: str) -> str:
        items: list[str] = []
        is_tight = True
        for token in self._tokens:
            if token.type == until:
                break
            if token.type != "list_item_open":
                continue
            content = self.read("list_item_close")
            mark = _item_mark(token)
            items.append(_indented(content, mark, " " * len(mark)))
            is_tight = is_tight and "\n\n" not in content
        return ("\n" if is_tight else "\n\n").join(items)

    def _table(self) -> str:
        rows: list[list[str]] = []
        for token in self._tokens:
            if token.type == "table_close":
                break
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline":
                rows[-1].append(" ".join("".join(_inline(token.children or [])).split()))
        return "\n".join("\t".join(row) for row in rows)


def _item_mark(token: Token) -> str:
    if "checked" in token.meta:
        return "[x] " if token.meta["checked"] else "[ ] "
    return f"{token.info}{token.markup} " if token.info else "- "


def _indented(text: str, first: str, others: str) -> str:
    lines = enumerate(text.split("\n"))
    return "\n".join(((others if number else first) + line).rstrip() for number, line in lines)


def _inline(tokens: Sequence[Token]) -> Iterator[str]:
    address = ""
    label: list[str] = []
    for token in tokens:
        words = _words(token)
        label.append(words)
        yield words
        if token.type == "link_open":
            address, label = str(token.attrs.get("href", "")), []
        elif token.type == "link_close" and address.removeprefix("mailto:") != "".join(label):
            yield f" ({address})"


def _words(token: Token) -> str:
    match token.type:
        case "softbreak" | "hardbreak":
            return "\n"
        case "citation":
            return f"[{token.content}]"
        case "footnote_ref":
            return _superscript(token.meta["id"] + 1)
        case "math_inline" | "math_display":
            return token.content.strip()
        case "image":
            return _image(token)
    return token.content


def _image(token: Token) -> str:
    label = "".join(_inline(token.children or [])).strip() or _("Image")
    address = str(token.attrs.get("src", ""))
    return f"{label} ({address})" if is_allowed_link(address) else label


def _superscript(number: int) -> str:
    return str(number).translate(_SUPERSCRIPTS)
