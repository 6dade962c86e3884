"""`/set` and `/show`: change what holds for the next questions, and tell it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import cast

from inference.terminal.chat import Chat
from inference.terminal.display import Display
from inference.terminal.formats import read_format
from inference.terminal.parameters import NAMES, WrongParameter, parse_parameter
from inference.terminal.server import CommandFailed
from inference.terminal.tables import shown, table
from inference.types import Think

THINK_LEVELS = ("low", "medium", "high")

Change = Callable[[Chat, Display, str], str]


def change(chat: Chat, display: Display, words: str) -> str:
    """Do what stands after `/set`, and return a sentence about it. Raises CommandFailed."""
    name, _, value = words.strip().partition(" ")
    if name not in CHANGES:
        raise CommandFailed(f"unknown setting '{name}'; type /? set" if name else "type /? set for what can be set")
    return CHANGES[name](chat, display, value.strip())


def _set_parameter(chat: Chat, display: Display, words: str) -> str:
    name, *values = _split(words) or [""]
    if not values:
        raise CommandFailed(f"type /set parameter NAME VALUE; the names are {', '.join(NAMES)}")
    try:
        chat.options[name] = parse_parameter(name, values)
    except WrongParameter as exc:
        raise CommandFailed(str(exc)) from exc
    return f"Set parameter '{name}' to {_quoted(values)}."


def _set_system(chat: Chat, display: Display, text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    chat.system = text
    return "Set system message." if text else "The model's own system message holds."


def _set_format(chat: Chat, display: Display, text: str) -> str:
    if not text:
        raise CommandFailed("type /set format json, or name a file with a JSON schema")
    chat.format = read_format(text)
    return "Answers are JSON." if text == "json" else "Answers follow that JSON schema."


def _set_no_format(chat: Chat, display: Display, text: str) -> str:
    chat.format = None
    return "Answers have no format."


def _set_think(chat: Chat, display: Display, level: str) -> str:
    if level and level not in THINK_LEVELS:
        raise CommandFailed(f"a level of thinking is {', '.join(THINK_LEVELS)}, not '{level}'")
    if not chat.can_think:
        raise CommandFailed(f"{chat.model} does not support thinking")
    chat.think = cast(Think, level) if level else True
    return f"Thinking is on{f', level {level}' if level else ''}."


def _set_no_think(chat: Chat, display: Display, text: str) -> str:
    chat.think = False if chat.can_think else None
    return "Thinking is off."


def _switch(field: str, value: bool, sentence: str) -> Change:
    def switch(chat: Chat, display: Display, text: str) -> str:
        setattr(display, field, value)
        return sentence

    return switch


CHANGES: dict[str, Change] = {
    "parameter": _set_parameter,
    "system": _set_system,
    "format": _set_format,
    "noformat": _set_no_format,
    "think": _set_think,
    "nothink": _set_no_think,
    "verbose": _switch("is_verbose", True, "Counts and rates follow each answer."),
    "quiet": _switch("is_verbose", False, "No counts and rates."),
    "history": _switch("keeps_history", True, "Questions are kept in the history."),
    "nohistory": _switch("keeps_history", False, "Questions are not kept in the history."),
    "wordwrap": _switch("wraps_words", True, "Lines break between words."),
    "nowordwrap": _switch("wraps_words", False, "Lines break where the terminal ends."),
}

SHOWN = ("info", "license", "modelfile", "parameters", "system", "template")


def show(chat: Chat, words: str) -> str:
    """Return what stands after `/show` asks for. Raises CommandFailed."""
    match words.strip():
        case "info":
            return shown(chat.card)
        case "parameters":
            return _parameters(chat)
        case "system":
            return _either(chat.system, chat.card.system, "system message")
        case "license" | "modelfile" | "template" as part:
            return getattr(chat.card, part) or f"{chat.model} has no {part}."
    raise CommandFailed(f"type /show and one of {', '.join(SHOWN)}")


def _parameters(chat: Chat) -> str:
    parts = []
    if chat.card.parameters:
        parts += ["Of the model:", chat.card.parameters, ""]
    if chat.options:
        rows = [(name, _value(value)) for name, value in chat.options.items()]
        parts += ["Set here:", table(*_head_and_rest(rows)), ""]
    return "\n".join(parts).rstrip() or f"{chat.model} has no parameters, and none are set."


def _head_and_rest(rows: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], Sequence[tuple[str, str]]]:
    return rows[0], rows[1:]


def _value(value: object) -> str:
    if isinstance(value, list):
        return _quoted(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _either(own: str, of_model: str, what: str) -> str:
    if own and of_model:
        return f"Set here:\n{own}\n\nOf the model, not used:\n{of_model}"
    return own or of_model or f"No {what} is set."


def _quoted(values: Sequence[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _split(words: str) -> list[str]:
    """Split at blanks outside quotes. A quote without its partner is a character like others."""
    try:
        return shlex.split(words)
    except ValueError:
        return words.split()
