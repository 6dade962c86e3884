"""`hearth run`: get the model, then answer one question or talk."""

from __future__ import annotations

import sys
from contextlib import aclosing

import orjson
from rich.console import Console

from inference.connections.ollama import OllamaConnection
from inference.errors import ModelNotFound
from inference.terminal.answering import AnswerPrinter, Screen, print_answer
from inference.terminal.chat import Chat
from inference.terminal.display import Display
from inference.terminal.images import cut_images, read_images
from inference.terminal.pulling import show_progress
from inference.terminal.server import CommandFailed, named
from inference.terminal.spent import spent
from inference.types import ChatMessage, ModelCard

MAX_PIPED_BYTES = 32 * 1024 * 1024


def piped_text() -> str | None:
    """Return what is piped into the command; None when a person sits there. Raises CommandFailed."""
    if sys.stdin is None or sys.stdin.isatty():
        return None
    data = sys.stdin.buffer.read(MAX_PIPED_BYTES + 1)
    if len(data) > MAX_PIPED_BYTES:
        raise CommandFailed(f"more than {MAX_PIPED_BYTES // 2**20} MiB are piped in, which no model reads")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CommandFailed("what is piped in is no text in UTF-8") from None


def is_at_terminal() -> bool:
    """Tell whether a person reads and types here."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


async def card_of(ollama: OllamaConnection, model: str, *, insecure: bool = False) -> ModelCard:
    """Return what a model is; one that the server does not have is pulled first."""
    notes = Console(stderr=True)
    try:
        return await ollama.show_model(model)
    except ModelNotFound:
        async with aclosing(ollama.pull_model(model, insecure=insecure)) as steps:
            await show_progress(steps, notes)
    return await ollama.show_model(model)


async def answer_once(ollama: OllamaConnection, chat: Chat, display: Display, prompt: str) -> None:
    """Print the answer to one question. An empty one only loads the model, as Ollama's command does."""
    notes = Console(stderr=True)
    screen = Screen.of(sys.stdout)
    if chat.only_embeds:
        await _print_embedding(ollama, chat, prompt)
        return
    printer = AnswerPrinter(screen, display)
    request = chat.asking(question_of(chat, prompt, notes)) if prompt.strip() else chat.loading()
    await print_answer(ollama, request, printer, notes)
    if display.is_verbose and printer.usage is not None:
        notes.print(f"\n{spent(printer.usage)}", markup=False, highlight=False)


def question_of(chat: Chat, text: str, notes: Console) -> ChatMessage:
    """Return the question with the images that it names, where the model sees. Raises CommandFailed."""
    if not chat.can_see:
        return ChatMessage(role="user", content=text)
    text, paths = cut_images(text)
    images = read_images(paths)
    for path in paths:
        notes.print(f"Added image '{path}'", markup=False, highlight=False)
    return ChatMessage(role="user", content=text, images=images)


async def _print_embedding(ollama: OllamaConnection, chat: Chat, text: str) -> None:
    if not text.strip():
        raise CommandFailed(f"{chat.model} answers no questions; give it a text, and it prints its embedding")
    (vector,) = await ollama.embed([text], named(chat.model))
    sys.stdout.write(orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode() + "\n")
