"""A model preset as a Modelfile, and back. Pure.

Model, system prompt and the options that can be set here are FROM, SYSTEM and PARAMETER. Whatever else a Modelfile says
is kept as it is, so that a model can be made of it: its examples (MESSAGE) hold in chats too, the rest does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast, get_args

from django.utils.translation import gettext as _

from inference.library.modelfile import (
    MESSAGE_ROLES,
    PARAMETER_NAME,
    BadModelfile,
    Instruction,
    Keyword,
    Modelfile,
    parse,
    printed,
)
from webui.presets.models import SYSTEM_PROMPT_MAX_LENGTH
from webui.presets.options import BY_NAME, NOT_SAMPLING, Value, fits

MAX_REST: Final = 300
MAX_REST_CHARACTERS: Final = 200_000
MAX_TEXT_CHARACTERS: Final = 400_000
NOT_IN_MODELFILES: Final = NOT_SAMPLING
"""Options that Modelfiles have no PARAMETER for: they stay what they are."""
_OWN: Final = frozenset({"FROM", "SYSTEM"})
_DEFAULT_TAG: Final = ":latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a Modelfile says of a preset. `rest` is what its form has no field for, in the order of the text."""

    base_model: str
    system_prompt: str = ""
    options: Mapping[str, Value | None] = field(default_factory=dict)
    rest: Sequence[Instruction] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a text. `line` counts from 1; 0 for the whole text."""

    line: int
    words: str


class ModelfileRefused(Exception):
    """Attributes: problems, in the order of the lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(*problems)
        self.problems = problems


# ---- writing -------------------------------------------------------------------------------------


def modelfile_of(said: Said) -> str:
    """Return the text. What comes after a model's file is told in the order in which people read it."""
    parameters = [*_parameters(said.options)]
    set_here = {item.name for item in parameters}
    rest = [item for item in said.rest if item.keyword != "PARAMETER" or item.name not in set_here]
    system = [Instruction("SYSTEM", said.system_prompt)] if said.system_prompt else []
    return printed(Modelfile((Instruction("FROM", said.base_model), *parameters, *system, *rest)))


def _parameters(options: Mapping[str, Value | None]) -> Iterator[Instruction]:
    for name in BY_NAME:
        value = options.get(name)
        if value is not None and name not in NOT_IN_MODELFILES:
            for one in value if isinstance(value, list) else [value]:
                yield Instruction("PARAMETER", str(one), name)


# ---- reading -------------------------------------------------------------------------------------


def read_modelfile(text: str, models: Collection[str], now: str = "") -> Said:
    """Return what a text says.

    Args:
        models: Those that a preset can stand on.
        now: The system prompt as it is. A Modelfile cannot hold every text: what was not touched stays as it is.

    Raises:
        ModelfileRefused: With all that is wrong, where it is more than the first line that makes no sense.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise ModelfileRefused([Problem(0, _("The text is too long."))])
    try:
        modelfile = parse(text)
    except BadModelfile as exc:
        raise ModelfileRefused([Problem(exc.line, exc.detail)]) from exc
    problems = [*_type_problems(modelfile), *_model_problems(modelfile, models)]
    system = modelfile.last("SYSTEM") or ""
    if len(system.strip()) > SYSTEM_PROMPT_MAX_LENGTH:
        line = max(item.line for item in modelfile.instructions if item.keyword == "SYSTEM")
        problems.append(
            Problem(line, _("A system prompt has at most %(n)d characters.") % {"n": SYSTEM_PROMPT_MAX_LENGTH})
        )
    if problems:
        raise ModelfileRefused(sorted(problems, key=lambda problem: problem.line))
    options = {name: value for name, value in modelfile.parameters().items() if _can_be_set(name, value)}
    return Said(
        base_model=_model_named(modelfile.values("FROM")[0], models) or "",
        system_prompt=now if now and system == _as_written(now) else system.strip(),
        options=cast(Mapping[str, Value | None], options),
        rest=[item for item in modelfile.instructions if item.keyword not in _OWN and item.name not in options],
    )


def _as_written(system_prompt: str) -> str:
    text = printed(Modelfile((Instruction("FROM", "model"), Instruction("SYSTEM", system_prompt))))
    return parse(text).last("SYSTEM") or ""


def _can_be_set(name: str, value: Any) -> bool:
    return name in BY_NAME and name not in NOT_IN_MODELFILES and fits(BY_NAME[name], value)


def _type_problems(modelfile: Modelfile) -> Iterator[Problem]:
    for item in modelfile.instructions:
        try:
            Modelfile((item,)).parameters()
        except BadModelfile as exc:
            yield Problem(exc.line, exc.detail)


def _model_problems(modelfile: Modelfile, models: Collection[str]) -> Iterator[Problem]:
    first, *others = [item for item in modelfile.instructions if item.keyword == "FROM"]
    if _model_named(first.value, models) is None:
        yield Problem(first.line, _("“%(model)s” is none of the models here.") % {"model": first.value[:200]})
    for other in others:
        yield Problem(other.line, _("A preset begins with one model only."))


def _model_named(wanted: str, models: Collection[str]) -> str | None:
    name = wanted.strip()
    return next((found for found in (name, name + _DEFAULT_TAG) if found in models), None)


# ---- what has no field ---------------------------------------------------------------------------


def rest_as_json(rest: Sequence[Instruction]) -> list[list[str]]:
    return [[item.keyword, item.name, item.value] for item in rest]


def rest_of_json(stored: object) -> list[Instruction]:
    """Return instructions that were kept, or that a browser sends back. Raises ValueError for what is none."""
    if not isinstance(stored, list) or len(stored) > MAX_REST:
        raise ValueError("not a short list")
    rest = [_instruction(one) for one in stored]
    if sum(len(item.value) for item in rest) > MAX_REST_CHARACTERS:
        raise ValueError("too long")
    return rest


def _instruction(stored: object) -> Instruction:
    if not isinstance(stored, list) or len(stored) != 3 or not all(isinstance(part, str) for part in stored):
        raise ValueError("not an instruction")
    keyword, name, value = stored
    names = {"PARAMETER": bool(PARAMETER_NAME.fullmatch(name)), "MESSAGE": name in MESSAGE_ROLES}
    if keyword not in get_args(Keyword) or keyword in _OWN or not names.get(keyword, not name):
        raise ValueError("not an instruction")
    return Instruction(cast(Keyword, keyword), value, name)


def examples_of(stored: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Return (role, text) of the messages that go before every chat with a preset."""
    return [(name, value) for keyword, name, value in stored if keyword == "MESSAGE" and value.strip()]


def unused_in_chats(rest: Sequence[Instruction]) -> list[str]:
    """Return the names of what does nothing until a model is made of the text, each once."""
    names = (f"PARAMETER {item.name}" if item.name else item.keyword for item in rest if item.keyword != "MESSAGE")
    return list(dict.fromkeys(names))
