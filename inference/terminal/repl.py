"""A chat at the terminal: read, ask, print, again. What it consists of is in `chat`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from rich.console import Console

from inference.connections.ollama import OllamaConnection
from inference.errors import InferenceError
from inference.terminal import settings, tables
from inference.terminal.answering import AnswerPrinter, Screen, print_answer
from inference.terminal.chat import Chat
from inference.terminal.display import Display
from inference.terminal.entry import Entered, Entry
from inference.terminal.help import help_on
from inference.terminal.history import QuestionHistory
from inference.terminal.images import cut_images
from inference.terminal.running import question_of
from inference.terminal.server import CommandFailed, sentence
from inference.terminal.spent import spent
from inference.terminal.wrapping import printable
from inference.types import ChatRequest

PROMPT, PROMPT_INSIDE = ">>> ", "... "
PLACEHOLDER = FormattedText([("ansibrightblack", "Send a message (/? for help)")])
LEAVE_HINT = "Ctrl-D or /bye leaves."


class Repl:
    """Talks with one person until they leave."""

    def __init__(self, ollama: OllamaConnection, chat: Chat, display: Display, history: QuestionHistory) -> None:
        self._ollama = ollama
        self._chat = chat
        self._display = display
        self._notes = Console(stderr=True)
        self._screen = Screen.of(sys.stdout)
        self._history = history
        self._prompt: PromptSession[str] = PromptSession(history=history, enable_suspend=True)
        self._entry = Entry()
        self._running: asyncio.Task[None] | None = None
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "/set": self._set,
            "/show": self._show,
            "/load": self._load,
            "/save": self._save,
            "/list": self._list,
            "/ls": self._list,
            "/clear": self._clear,
            "/?": self._help,
            "/help": self._help,
        }

    async def run(self) -> None:
        """Load the model, then talk. Returns when the person leaves."""
        with self._interrupts():
            await self._request(self._chat.loading())
            while (entered := await self._read()) is not None:
                if entered.is_command and entered.text.lower() in ("/bye", "/exit"):
                    return
                await self._take(entered)

    async def _read(self) -> Entered | None:
        """Return the next thing that is entered, or None for the wish to leave."""
        while True:
            try:
                line = await self._prompt.prompt_async(
                    PROMPT_INSIDE if self._entry.is_open else PROMPT,
                    placeholder=None if self._entry.is_open else PLACEHOLDER,
                    handle_sigint=False,
                )
            except EOFError:
                return None
            except KeyboardInterrupt:
                if not self._entry.is_open and not self._prompt.default_buffer.text:
                    self._say(LEAVE_HINT)
                self._entry.abandon()
                continue
            self._tell_history_problem()
            entered = self._entry.feed(line)
            if entered is not None and entered.text:
                return entered

    def _tell_history_problem(self) -> None:
        if self._history.problem and self._display.keeps_history:
            self._display.keeps_history = False
            self._say(f"Questions are not kept: {self._history.problem}.")

    async def _take(self, entered: Entered) -> None:
        try:
            if entered.is_command and not self._is_image(entered.text):
                await self._obey(entered.text)
            else:
                await self._ask(entered.text)
        except CommandFailed as exc:
            self._say(f"Error: {exc}")
        except InferenceError as exc:
            self._say(f"Error: {sentence(exc)}")

    def _is_image(self, text: str) -> bool:
        """Tell the path of an image at the beginning of a question from a command."""
        return self._chat.can_see and bool(cut_images(text.split(None, 1)[0])[1])

    async def _ask(self, text: str) -> None:
        question = question_of(self._chat, text, self._notes)
        answer = await self._request(self._chat.asking(question))
        self._chat.keep(question, answer.content, answer.thinking)
        self._say("")
        if self._display.is_verbose and answer.usage is not None:
            self._say(spent(answer.usage) + "\n")

    async def _request(self, request: ChatRequest) -> AnswerPrinter:
        """Print an answer up to its end, or to a Ctrl-C: leaving the stream lets the server stop."""
        printer = AnswerPrinter(self._screen, self._display)
        self._running = asyncio.ensure_future(print_answer(self._ollama, request, printer, self._notes))
        try:
            await self._running
        except asyncio.CancelledError:
            if (me := asyncio.current_task()) is not None and me.cancelling():
                raise
        finally:
            self._running = None
        return printer

    @contextmanager
    def _interrupts(self) -> Iterator[None]:
        """Let Ctrl-C stop what is running, and nothing else. At the prompt it is a key and no signal."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._stop)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()

    async def _obey(self, text: str) -> None:
        name, _, words = text.partition(" ")
        command = self._commands.get(name.lower())
        if command is None:
            raise CommandFailed(f"unknown command '{name}'; type /? for help")
        await command(words)

    async def _set(self, words: str) -> None:
        self._say(settings.change(self._chat, self._display, words))

    async def _show(self, words: str) -> None:
        self._say(settings.show(self._chat, words))

    async def _load(self, words: str) -> None:
        model = words.strip()
        if not model:
            raise CommandFailed("type /load and the name of a model")
        card = await self._ollama.show_model(model)
        await self._request(replace(self._chat.loading(), model=model))
        self._chat.change_model(model, card)
        self._say(f"Now with {model}.")

    async def _save(self, words: str) -> None:
        name = words.strip()
        if not name:
            raise CommandFailed("type /save and a name for the new model")
        async with aclosing(self._ollama.create_model(self._chat.as_model(name))) as steps:
            async for _step in steps:
                pass
        self._say(f"Saved as {name}.")

    async def _list(self, words: str) -> None:
        self._say(tables.listed(await self._ollama.listed_models()))

    async def _clear(self, words: str) -> None:
        self._chat.clear()
        self._say("Forgot what was said.")

    async def _help(self, words: str) -> None:
        self._say(help_on(words))

    def _say(self, text: str) -> None:
        self._screen.out.write(printable(text) + "\n")
        self._screen.out.flush()
