from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from inference.connections.ollama import OllamaConnection
from inference.server.conf import is_on
from inference.server.durations import parse_duration
from inference.terminal import running, server
from inference.terminal.chat import Chat
from inference.terminal.command import ModelCommand
from inference.terminal.display import Display
from inference.terminal.formats import read_format
from inference.types import Think

THINK: dict[str, Think] = {"true": True, "false": False, "low": "low", "medium": "medium", "high": "high"}


class Command(ModelCommand):
    help = "Chat with a model at the terminal, or let it answer one question. A model that is missing is pulled first."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)

        def parse(args: Sequence[str], namespace: argparse.Namespace | None = None) -> argparse.Namespace:
            # Flags may stand between the words of a question, and after `--think` comes the question, not its value.
            words = ["--think=true" if word == "--think" else word for word in args]
            return parser.parse_intermixed_args(words, namespace)

        parser.parse_args = parse  # type: ignore[assignment,method-assign]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", help="As in Ollama's library, or hf.co/user/repository.")
        parser.add_argument("prompt", nargs="*", help="One question; text that is piped in comes before it.")
        parser.add_argument("--verbose", action="store_true", help="Tell counts, durations and rates after an answer.")
        parser.add_argument("--format", default="", help="json, or a file with a JSON schema that answers follow.")
        parser.add_argument(
            "--keepalive", default="", help="How long the model stays in memory, such as 5m; -1: always."
        )
        parser.add_argument(
            "--think", choices=THINK, help="Let the model think first, or not: --think, --think=false, --think=high."
        )
        parser.add_argument("--hidethinking", action="store_true", help="Let it think, but do not print it.")
        parser.add_argument("--nowordwrap", action="store_true", help="Do not break lines between words.")
        parser.add_argument("--insecure", action="store_true", help="Allow a registry without TLS.")

    def handle(self, *, model: str, prompt: list[str], **options: Any) -> None:
        with server.told_failures():
            piped = running.piped_text()
            answer_format = read_format(options["format"]) if options["format"] else None
            keep_alive_s = _seconds(options["keepalive"])
        question = None if piped is None and not prompt else " ".join(filter(None, [piped, *prompt]))

        async def work(ollama: OllamaConnection) -> None:
            card = await running.card_of(ollama, model, insecure=options["insecure"])
            think = THINK[options["think"]] if options["think"] else None
            chat = Chat(model=model, card=card, format=answer_format, think=think, keep_alive_s=keep_alive_s)
            display = Display(
                is_verbose=options["verbose"],
                wraps_words=not options["nowordwrap"],
                hides_thinking=options["hidethinking"],
                keeps_history=not is_on(os.environ.get("OLLAMA_NOHISTORY", "")),
            )
            if question is None and running.is_at_terminal():
                await _talk(ollama, chat, display)
            else:
                await running.answer_once(ollama, chat, display, question or "")

        server.run(work)


async def _talk(ollama: OllamaConnection, chat: Chat, display: Display) -> None:
    # What reads and edits lines takes a tenth of a second to load, which a single question does without.
    from inference.terminal.history import QuestionHistory, history_path
    from inference.terminal.repl import Repl

    if chat.only_embeds:
        raise server.CommandFailed(f"{chat.model} answers no questions; give it a text, and it prints its embedding")
    history = QuestionHistory(history_path(os.environ, Path.home()), display)
    await Repl(ollama, chat, display, history).run()


def _seconds(text: str) -> float | None:
    try:
        return parse_duration(text) if text else None
    except ValueError:
        raise server.CommandFailed(f"--keepalive {text} is no duration; write for example 5m") from None
