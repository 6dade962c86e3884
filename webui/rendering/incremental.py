"""Render an answer while it is being written, without I/O: finished blocks once, the open tail as often as asked.

What was handed out as finished, in order, followed by the tail, is what `render_markdown` makes of the text so far. One
thing in Markdown makes that impossible: a definition (of a link or a footnote) that follows its use changes blocks that
are long on the page. Then `finish` returns the whole answer rendered anew, to replace them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from . import limits
from .markdown import plain_block, render_markdown, stream_parser, top_level_blocks
from .sanitize import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedUpdate:
    """What changed since the update before.

    finished_blocks: to append, never to change again (one entry may hold several blocks).
    tail: replaces the tail before; empty where nothing is open.
    whole: only from `finish`, and only where the blocks handed out are not the answer: replaces everything.
    """

    finished_blocks: tuple[SafeString, ...]
    tail: SafeString
    whole: SafeString | None = None


class IncrementalRenderer:
    """The renderer of one running answer; not to be shared between threads at a time."""

    def __init__(self, *, citations: Collection[int] = ()) -> None:
        self._citations = frozenset(citations)
        self._pieces: list[str] = []
        self._size = limits.TextSize()
        self._open = ""
        """The source from the first unfinished block on."""
        self._new = ""
        self._ends_in_return = False
        self._references: dict[str, Any] = {}
        self._has_bracket = False
        """Finished blocks hold a `[`, so that a later definition could change them."""
        self._must_replace = False

    def feed(self, delta: str) -> None:
        """Take the next piece of text. Cheap: nothing is rendered."""
        self._pieces.append(delta)
        self._size.add(delta)
        if not delta:
            return
        follows_return, self._ends_in_return = self._ends_in_return, delta.endswith("\r")
        if follows_return:
            delta = delta.removeprefix("\n")
        self._new += delta.replace("\r\n", "\n").replace("\r", "\n")

    def take(self) -> RenderedUpdate:
        """Render what is new. Costs about 2-3 ms per 1000 characters of the open block; keep it off the event loop."""
        has_new_line = "\n" in self._new
        self._open += self._new
        self._new = ""
        if self._size.is_too_large:
            return RenderedUpdate(finished_blocks=(), tail=self._render_tail())
        finished = self._finish_blocks() if has_new_line else ()
        return RenderedUpdate(finished_blocks=finished, tail=self._render_tail())

    def finish(self) -> RenderedUpdate:
        """Render the rest; everything is finished then."""
        update = self.take()
        blocks = (*update.finished_blocks, update.tail) if update.tail else update.finished_blocks
        self._note_definitions(self._references_of(self._open))
        text = "".join(self._pieces)
        must_replace = self._must_replace or self._size.is_too_large or "[^" in text
        self._open = ""
        return RenderedUpdate(
            finished_blocks=blocks,
            tail=SafeString(""),
            whole=render_markdown(text, citations=self._citations) if must_replace else None,
        )

    def _env(self) -> dict[str, Any]:
        return {"citations": self._citations, "references": dict(self._references)}

    def _finish_blocks(self) -> tuple[SafeString, ...]:
        cut = self._end_of_finished()
        if not cut:
            return ()
        source, self._open = self._open[:cut], self._open[cut:]
        env = self._env()
        html = clean(stream_parser.render(source, env))
        self._note_definitions(env["references"])
        self._references = {k: v for k, v in env["references"].items() if not k.startswith("^")}
        self._has_bracket = self._has_bracket or "[" in source
        return (html,) if html else ()

    def _end_of_finished(self) -> int:
        """Return how much of the open source will not change any more, whatever follows.

        Only whole lines count: `1` can become a list and `#` a word. All blocks but the last are finished. Cutting at
        the end of the last but one keeps definitions, which make no block, with the open rest.
        """
        whole_lines = self._open[: self._open.rfind("\n") + 1]
        tokens = stream_parser.block_tokens(whole_lines)
        spans = [block[0].map for block in top_level_blocks(tokens) if block[0].map]
        if len(spans) < 2:
            return 0
        line = min(spans[-2][1], spans[-1][0])
        position = 0
        for _line in range(line):
            position = whole_lines.index("\n", position) + 1
        return position

    def _references_of(self, source: str) -> dict[str, Any]:
        env = self._env()
        stream_parser.block_tokens(source, env)
        return env["references"]  # type: ignore[no-any-return]

    def _note_definitions(self, references: dict[str, Any]) -> None:
        if self._has_bracket and references.keys() - self._references.keys():
            self._must_replace = True

    def _render_tail(self) -> SafeString:
        if not self._open:
            return SafeString("")
        if self._size.is_too_large:
            return clean(plain_block(self._open, _("This text is too long to lay out; it is shown as it is.")))
        return clean(stream_parser.render(self._open, self._env()))
