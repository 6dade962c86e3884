"""Words of a chat in a terminal, typed where messages are written: `/clear`, `/set parameter num_ctx 4096`. No I/O.

A text that merely begins with a slash, such as a path, is none of them and goes to the model. So does `/clear` with
something after it, and whatever begins with a space.

Source: Ollama's cmd/interactive.go, for the words and what may follow them.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webui.chats.errors import WordRefused
from webui.presets.models import SYSTEM_PROMPT_MAX_LENGTH
from webui.presets.options import BY_NAME, THINK_CHOICES, Option, Value, fits, is_schema

Shown = Literal["info", "parameters", "system", "template", "license", "modelfile"]
Topic = Literal["", "set", "show"]

SHOWN: Final[tuple[Shown, ...]] = ("info", "parameters", "system", "template", "license", "modelfile")
SETTINGS: Final = ("parameter", "system", "format", "noformat", "think", "nothink")
OF_TERMINALS: Final = frozenset({"verbose", "quiet", "history", "nohistory", "wordwrap", "nowordwrap"})
UNSET, UNSENT = "default", "none"
"""Take back what a chat has set, and what is set for it elsewhere."""


DRAW: Final = "/image"
"""None of a terminal's, but typed as they are."""


@dataclass(frozen=True, slots=True)
class Word:
    """One of the words as lists offer it; `usage` is what is typed."""

    usage: str
    meaning: Promise


WORDS: Final = (
    Word("/clear", _("Send nothing of what was said so far with the next questions")),
    Word("/set parameter", _("Set an option for this chat")),
    Word("/set system", _("Tell the model something in this chat")),
    Word("/set format json", _("Let answers be JSON")),
    Word("/set noformat", _("Let answers be free again")),
    Word("/set think", _("Let the model think before it answers")),
    Word("/set nothink", _("Let it answer at once")),
    Word("/show info", _("Tell what the model is")),
    Word("/show parameters", _("Tell which options hold, and who has set them")),
    Word("/show system", _("Tell the system prompts")),
    Word(DRAW, _("Make a picture of what follows")),
    Word("/list", _("Tell which models and presets can be asked")),
    Word("/load", _("Begin a new chat with another model or preset")),
    Word("/save", _("Save who answers, what is set and what was said as a preset")),
    Word("/bye", _("Leave for a new chat")),
    Word("/?", _("Tell these words")),
)
NAMES: Final = ("clear", "image", "bye", "exit", "set", "show", "list", "load", "save", "?", "help")
"""How a text begins that may be one of them."""


@dataclass(frozen=True, slots=True)
class ClearContext:
    pass


@dataclass(frozen=True, slots=True)
class Leave:
    pass


@dataclass(frozen=True, slots=True)
class Help:
    topic: Topic


@dataclass(frozen=True, slots=True)
class SetOption:
    """None takes back what the chat has set; with `is_unsent` what is set elsewhere too."""

    name: str
    value: Value | None
    is_unsent: bool = False


@dataclass(frozen=True, slots=True)
class SetSystem:
    text: str


@dataclass(frozen=True, slots=True)
class Show:
    what: Shown


@dataclass(frozen=True, slots=True)
class Draw:
    """Pictures instead of an answer; without words they are still to be written."""

    prompt: str


@dataclass(frozen=True, slots=True)
class ListModels:
    pass


@dataclass(frozen=True, slots=True)
class Load:
    """`name` is as it was typed: of a model, or of a preset."""

    name: str


@dataclass(frozen=True, slots=True)
class Save:
    name: str


Command = ClearContext | Leave | Help | SetOption | SetSystem | Show | Draw | ListModels | Load | Save


def parse(text: str) -> Command | None:
    """Return what a text asks for; None when it is a message for the model.

    Raises:
        WordRefused: It is one of the words, and something is wrong with what follows it.
    """
    found = re.match(r"/(\S+)\s*(.*)\Z", text.rstrip(), re.DOTALL)
    if found is None:
        return None
    word, rest = found[1].lower(), found[2]
    match word:
        case "clear":
            return None if rest else ClearContext()
        case "image":
            return Draw(rest)
        case "bye" | "exit":
            return None if rest else Leave()
        case "?" | "help":
            return _HELP.get(rest.lower().removeprefix("/"))
        case "set":
            return _set(rest)
        case "show":
            return _show(rest)
        case "list":
            return None if rest else ListModels()
        case "load" | "save" if "\n" not in rest:
            if not rest:
                raise WordRefused("repl_name", name=word)
            return Load(rest) if word == "load" else Save(rest)
    return None


_HELP: Final[Mapping[str, Help]] = {"": Help(""), "set": Help("set"), "show": Help("show")}


def _show(rest: str) -> Show:
    for what in SHOWN:
        if rest.lower() == what:
            return Show(what)
    raise WordRefused("repl_show", names=", ".join(SHOWN))


def _set(rest: str) -> Command:
    setting, *_rest = rest.split(maxsplit=1) or [""]
    words = _rest[0].strip() if _rest else ""
    match setting.lower():
        case "parameter":
            return _set_parameter(words)
        case "system":
            return _set_system(words)
        case "format":
            return SetOption("format", _format(words))
        case "noformat":
            return SetOption("format", None)
        case "think":
            return SetOption("think", _think(words or "on"))
        case "nothink":
            return SetOption("think", False)
        case name if name in OF_TERMINALS:
            raise WordRefused("repl_terminal", name=name)
    raise WordRefused("repl_set", names=", ".join(SETTINGS))


def _set_system(text: str) -> SetSystem:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if len(text) > SYSTEM_PROMPT_MAX_LENGTH:
        raise WordRefused("repl_system", limit=SYSTEM_PROMPT_MAX_LENGTH)
    return SetSystem(text)


def _set_parameter(words: str) -> SetOption:
    name, *values = _split(words) or [""]
    option = BY_NAME.get(name.lower())
    if option is None:
        raise WordRefused("repl_option", name=name, names=", ".join(BY_NAME))
    if not values:
        raise WordRefused("repl_value", name=option.name)
    if values == [UNSET]:
        return SetOption(option.name, None)
    if values == [UNSENT]:
        return SetOption(option.name, None, is_unsent=True)
    return SetOption(option.name, _value(option, values, words))


def _value(option: Option, values: Sequence[str], words: str) -> Value:
    match option.kind:
        case "texts":
            if not fits(option, [*values]):
                raise WordRefused("repl_texts", name=option.name)
            return [*values]
        case "think":
            return _think(" ".join(values))
        case "format":
            return _format(words.split(maxsplit=1)[1])
        case _:
            return _number(option, " ".join(values))


def _number(option: Option, text: str) -> float | int:
    is_whole = option.kind != "number"
    try:
        value: float | int = int(text) if is_whole else float(text)
    except ValueError:
        value = float("nan")
    if not fits(option, value):
        code = "repl_whole" if is_whole else "repl_number"
        raise WordRefused(code, name=option.name, value=text, least=option.least, most=option.most)
    return value


def _think(text: str) -> bool | str:
    if text.lower() not in THINK_CHOICES:
        raise WordRefused("repl_think", value=text, names=", ".join(THINK_CHOICES))
    return THINK_CHOICES[text.lower()]


def _format(text: str) -> Value:
    if text.lower() == "json":
        return "json"
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        schema = None
    if not is_schema(schema):
        raise WordRefused("repl_format")
    return dict(schema)


def _split(words: str) -> list[str]:
    """Split at blanks outside quotes. A quote without its partner is a character like others."""
    try:
        return shlex.split(words)
    except ValueError:
        return words.split()
