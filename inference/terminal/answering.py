"""Ask, and print the answer as it comes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console

from inference.connections.ollama import OllamaConnection
from inference.terminal.display import Display
from inference.terminal.server import named
from inference.terminal.waiting import Waiting
from inference.terminal.wrapping import WordWrapper, printable
from inference.types import ChatRequest, Delta, Finished, Progress, Usage

DIM, PLAIN = "\x1b[2m", "\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Where answers go. `width` is None where no terminal is: there, text leaves as the model wrote it."""

    out: TextIO
    width: Callable[[], int] | None
    has_colours: bool = False

    @classmethod
    def of(cls, out: TextIO) -> Screen:
        console = Console(file=out)
        if not console.is_terminal:
            return cls(out=out, width=None)
        return cls(
            out=out,
            width=lambda: shutil.get_terminal_size().columns,
            has_colours=not (console.no_color or console.is_dumb_terminal),
        )


class AnswerPrinter:
    """Prints one answer, and keeps what has arrived of it."""

    def __init__(self, screen: Screen, display: Display) -> None:
        self.content = ""
        self.thinking = ""
        self.usage: Usage | None = None
        self._screen = screen
        self._display = display
        self._wrapper = WordWrapper()
        self._last = "\n"
        self._is_dim = False

    def add(self, delta: Delta) -> None:
        if delta.thinking:
            self._add_thinking(delta.thinking)
        if delta.content:
            self._add_content(delta.content)
        self._screen.out.flush()

    def finish(self) -> None:
        """End the last line; also where the answer was stopped."""
        if self._is_dim:
            self._dim(False)
        if self._last != "\n":
            self._write("\n")
        self._screen.out.flush()

    def _add_thinking(self, text: str) -> None:
        is_first = not self.thinking
        self.thinking += text
        if self._display.hides_thinking:
            return
        if is_first:
            self._dim(True)
            self._write("Thinking...\n")
        self._write(text)

    def _add_content(self, text: str) -> None:
        if not self.content and self.thinking and not self._display.hides_thinking:
            self._write("...done thinking.\n" if self._last == "\n" else "\n...done thinking.\n")
            self._dim(False)
            self._write("\n")
        self.content += text
        self._write(text)

    def _dim(self, is_dim: bool) -> None:
        self._is_dim = is_dim
        if self._screen.has_colours:
            self._screen.out.write(DIM if is_dim else PLAIN)

    def _write(self, text: str) -> None:
        self._last = text[-1:] or self._last
        self._screen.out.write(self._laid_out(text))

    def _laid_out(self, text: str) -> str:
        if self._screen.width is None:
            return text
        return self._wrapper.feed(text, self._screen.width()) if self._display.wraps_words else printable(text)


async def print_answer(ollama: OllamaConnection, request: ChatRequest, printer: AnswerPrinter, notes: Console) -> None:
    """Ask, and print what comes. What the printer has when this is cancelled was said until then."""
    try:
        with Waiting(notes) as waiting:
            async with aclosing(ollama.stream_chat(request, named(request.model))) as events:
                async for event in events:
                    match event:
                        case Progress():
                            waiting.tell(event, request.model)
                        case Delta():
                            waiting.stop()
                            printer.add(event)
                        case Finished():
                            printer.usage = event.usage
    finally:
        printer.finish()
